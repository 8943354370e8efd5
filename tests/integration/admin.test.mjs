// /healthz, /metrics and /status on admin listeners.
import assert from 'node:assert/strict';
import test from 'node:test';

import { opcode } from './lib/raw-websocket.mjs';
import { request } from './lib/http.mjs';
import { defaults, withServer } from './lib/stentord.mjs';
import { overTls } from './lib/tls.mjs';

test('/healthz says ok', withServer({}, async (server) => {
  const answer = await request(server.admin, '/healthz');

  assert.deepEqual([answer.status, answer.text], [200, 'ok\n']);
  assert.match(answer.headers['content-type'], /^text\/plain/);
}));

test('client listeners have none of them', withServer({}, async (server) => {
  for (const target of ['/healthz', '/metrics', '/status']) {
    assert.equal((await server.get(target)).status, 404, target);
    const wrongMethod = await request(server.admin, target, { method: 'POST' });
    assert.equal(wrongMethod.status, 405, target);
    assert.equal(wrongMethod.headers.allow, 'GET, HEAD');
  }
}));

test('admin listeners have all that client listeners have', withServer({ echo: true }, async (server) => {
  for (const target of ['/ws', '/echo', '/socket.io/?EIO=4&transport=websocket']) {
    const ws = await server.websocket(target, {}, server.admin);
    assert.equal(ws.response.status, 101);
  }
}));

test('/metrics is Prometheus text: each family has help, a type, and values', withServer({}, async (server) => {
  const { text, headers } = await request(server.admin, '/metrics');
  const names = new Set();
  let family;
  for (const line of text.trimEnd().split('\n')) {
    const head = /^# (HELP|TYPE) (stentor_[a-z_]+) (.+)$/.exec(line);
    if (head?.[1] === 'HELP') {
      assert.ok(!names.has(head[2]), `${head[2]} comes twice`);
      names.add(head[2]);
      family = { name: head[2], type: null };
    } else if (head) {
      assert.equal(head[2], family.name);
      assert.match(head[3], /^(counter|gauge|histogram)$/);
      family.type = head[3];
    } else {
      const value = /^(stentor_[a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \d+(\.\d+)?(e[+-]?\d+)?$/.exec(line);
      assert.ok(value, line);
      assert.equal(family.type === 'histogram' ? value[1].replace(/_(bucket|sum|count)$/, '') : value[1], family.name);
      assert.ok(family.type);
      assert.equal(/_total$/.test(family.name) && family.type !== 'counter', false, line);
    }
  }

  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  assert.ok(names.size > 30);
  assert.match(text, /^stentor_info\{version="[\d.]+.*"\} 1$/m);
}));

test('/status is JSON and agrees with /metrics', withServer({ io_threads: 3, journal: { messages: 5 } }, async (server) => {
  await server.native({ room: ['a', 'b'] });
  await server.socketio();
  for (let i = 0; i < 7; i++) await server.publish({ room: 'a', event: 'e' });
  const { seq } = await server.publish({ event: 'e' });
  const status = await server.status();
  const metrics = await server.metrics();

  assert.deepEqual(Object.keys(status).sort(),
    ['clients', 'config_generation', 'counters', 'draining', 'io_threads', 'journal', ...(overTls ? ['ktls'] : []), 'memory', 'pid', 'seq', 'sessions',
      'threads', 'uptime_seconds', 'version']);
  assert.deepEqual([status.pid, status.draining, status.config_generation], [server.pid, false, 0]);
  assert.deepEqual(status.threads.map(({ name }) => name), ['acceptor', 'io-0', 'io-1', 'io-2', 'broadcast']);
  assert.equal(status.sessions.native + status.sessions.socketio_deflate, 2);
  assert.ok(status.memory > 1 << 20);
  assert.deepEqual([status.seq, status.clients, status.io_threads], [seq, 2, 3]);
  assert.ok(status.uptime_seconds >= 0 && status.uptime_seconds < 60);
  assert.match(status.version, /^\d+\.\d+/);
  assert.equal(status.journal.messages, 5);
  assert.ok(status.journal.bytes > 0);
  for (const [name, value] of Object.entries(status.counters)) {
    if (typeof value === 'number') assert.ok(metrics.has(name), name);
    else if (!('buckets' in value)) for (const label of Object.keys(value)) assert.ok([...metrics.keys()].some((key) => key.includes(`"${label}"`)));
  }
  for (const name of ['published_total', 'clients_native', 'memberships', 'rooms', 'handshakes_total']) {
    assert.equal(status.counters[name], metrics.get(name), name);
  }
}));

test('gauges and counters move with what happens', withServer({ echo: true, client_publish: true, io_threads: 2 }, async (server) => {
  const before = await server.metrics();
  const native = await server.native({ room: 'a' });
  const socketio = await server.socketio();
  const echo = await server.websocket('/echo');
  echo.send(opcode.text, 'x');
  await echo.receive();
  await native.command({ type: 'ping' });
  await native.command({ type: 'publish', event: 'e' });
  await native.next();
  await socketio.next();
  await server.get('/nothing');
  await server.get('/publish/a/e', { method: 'POST' });
  await server.untilMetric('deliveries_total', 2);
  const now = await server.metrics();
  const growth = (name) => now.get(name) - before.get(name);

  const wanted = {
    clients_native: 1, clients_socketio: 1, clients_echo: 1, handshakes_total: 3, published_total: 1,
    deliveries_total: 2, client_events_total: 2, memberships: 3, rooms: undefined, publish_refused_total: 1,
    http_errors_total: 2, journal_messages: 1, 'encodings_total{dialect="native"}': 1,
  };
  for (const [name, by] of Object.entries(wanted)) if (by !== undefined) assert.equal(growth(name), by, name);
  assert.ok(growth('accepted_total') >= 6);
  assert.ok(growth('delivery_bytes_total') > 50);
  assert.ok(growth('ws_messages_total') >= 4);
  await native.close();
  socketio.destroy();
  await echo.destroy();
  await server.untilMetric('connections', 1);
  await server.untilMetric('memberships', 0);
  for (const name of ['clients_native', 'clients_socketio', 'clients_echo']) assert.equal(await server.metric(name), 0);
}));

test('HEAD answers without a body', withServer({}, async (server) => {
  for (const target of ['/healthz', '/metrics', '/status']) {
    const answer = await request(server.admin, target, { method: 'HEAD' });
    assert.deepEqual([answer.status, answer.text], [200, '']);
    assert.ok(Number(answer.headers['content-length']) > 0);
  }
}));

test('several listeners of both kinds', withServer({
  listeners: [...defaults.listeners, ...defaults.listeners],
}, async (server) => {
  assert.equal(server.listeners.clients.length, 2);
  for (const listener of server.listeners.admin) assert.equal((await request(listener, '/healthz')).status, 200);
  for (const listener of server.listeners.clients) {
    assert.equal((await request(listener, '/healthz')).status, 404);
    assert.equal((await request(listener, '/ws')).status, 426);
  }
}));

test('rooms are forgotten when nobody is in them and nothing is left of them', withServer({ journal: { messages: 5 } }, async (server) => {
  const before = await server.metric('rooms');
  for (let i = 0; i < 100; i++) await server.publish({ room: `room ${i}`, event: 'e' });
  const client = await server.native({ room: Array.from({ length: 50 }, (_, i) => `other ${i}`) });
  await client.close();
  await server.publish(Array(5).fill({ event: 'e' }));

  await server.untilMetric('rooms', (count) => count <= before + 2);
}));
