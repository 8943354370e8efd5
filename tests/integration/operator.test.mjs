// What operators ask a server that runs: rooms, clients, kick, log-level, top, the page.
import assert from 'node:assert/strict';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { PollingSession } from './lib/polling-session.mjs';
import { run } from './lib/program.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { withServer } from './lib/steady-server.mjs';
import { startSwarm } from './lib/swarm.mjs';
import { until, within } from './lib/wait.mjs';

const url = (listener) => `http://${listener.host}:${listener.port}`;
const ctl = (server, ...args) => run('stentorctl', ['-s', url(server.admin), ...args]);
const ask = async (server, target, options) => (await request(server.admin, target, options)).json();

test('rooms: the largest first, added up over all threads', withServer({ io_threads: 3, namespaces: ['/', '/x'] }, async (server) => {
  for (let i = 0; i < 6; i++) await server.native({ room: i < 4 ? ['big', 'small'] : ['big'] });
  await server.native({ namespace: '/x', room: 'ünusual "room"' });
  await server.publish({ room: 'nobody', event: 'e' });
  const { count, rooms } = await ask(server, '/rooms');

  assert.deepEqual(rooms, [
    { namespace: '/', room: null, members: 6 }, { namespace: '/', room: 'big', members: 6 },
    { namespace: '/', room: 'small', members: 4 }, { namespace: '/x', room: null, members: 1 },
    { namespace: '/x', room: 'ünusual "room"', members: 1 },
  ]);
  assert.equal(count, 5);
  assert.deepEqual((await ask(server, '/rooms?limit=2')).rooms, rooms.slice(0, 2));
  const { code, stdout } = await ctl(server, 'rooms', '-l', '3');
  assert.deepEqual([code, stdout], [0, '         6  /  (everyone)\n         6  /  big\n         4  /  small\n']);
  assert.deepEqual(JSON.parse((await ctl(server, 'rooms', '-j')).stdout).rooms, rooms);
}));

test('rooms: more than an I/O thread looks at in one go, each once', withServer({ io_threads: 2 }, async (server) => {
  const names = Array.from({ length: 1600 }, (_, i) => `room ${i}`);
  for (let i = 0; i < names.length; i += 20) await server.native({ room: names.slice(i, i + 40) });
  const { count, rooms } = await ask(server, '/rooms?limit=1000000');
  const members = new Map(rooms.map((room) => [room.room, room.members]));

  assert.equal(count, names.length + 1);
  assert.equal(rooms.length, members.size);
  assert.ok(names.every((name, i) => members.get(name) === (i < 20 ? 1 : 2)));
}));

test('clients: who, from where, how, and whether they keep up', withServer({ io_threads: 2 }, async (server) => {
  await server.native({ room: ['a', 'b'] });
  await server.socketio('/', { auth: { rooms: ['a'] } });
  server.closeLater(await SseClient.connect(server.clients, { room: 'c' }));
  const polling = await PollingSession.connect(server.clients, { auth: { rooms: ['c'] } });
  const { clients } = await ask(server, '/clients');
  const by = Object.fromEntries(clients.map((client) => [client.transport, client]));

  assert.deepEqual(Object.keys(by).sort(), ['native', 'polling', 'socketio_deflate', 'sse']);
  assert.deepEqual(by.native.rooms, ['a', 'b']);
  assert.match(by.native.address, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual([by.native.state, by.native.behind], ['current', 0]);
  assert.equal(by.polling.session, polling.sid);
  assert.equal(by.polling.state, 'between polls');
  const inRoom = async (query) => (await ask(server, `/clients?${query}`)).clients.map(({ transport }) => transport).sort();
  assert.deepEqual(await inRoom('room=c'), ['polling', 'sse']);
  assert.deepEqual(await inRoom('room=nobody'), []);
  assert.equal((await inRoom('limit=2')).length, 2);
  assert.equal((await inRoom('address=127.0.0.1')).length, 3, 'who is between two polls has no address');
  const { code, stdout } = await ctl(server, 'clients', '-r', 'a');
  assert.equal(code, 0);
  assert.equal(stdout.trimEnd().split('\n').length, 2);
  assert.match(stdout, /native .* current .* a,b$/m);
}));

test('kick: a session, a room, an address', withServer({ io_threads: 2, recovery_time: 60 }, async (server) => {
  const native = await server.native({ room: 'a' });
  const socketio = await server.socketio('/', { auth: { rooms: ['a'] } });
  const sse = server.closeLater(await SseClient.connect(server.clients, { room: 'b' }));
  const stays = await server.native({ room: 'c' });
  const { clients } = await ask(server, '/clients?room=b');
  const { code, stdout } = await ctl(server, 'kick', clients[0].session);
  assert.deepEqual([code, stdout], [0, '1 clients were closed\n']);
  await within(sse.ended, 'the end of the stream');
  assert.equal((await ask(server, '/kick?room=a', { method: 'POST' })).kicked, 2);
  assert.deepEqual(await within(native.closed, 'the end'), { code: 1008, reason: 'closed by an operator' });
  await within(socketio.disconnected, 'the disconnect');
  await server.untilClosed('kicked', (count) => count >= 2);
  await server.publish({ event: 'e' });
  assert.equal((await stays.next()).event, 'e');
  assert.equal((await ctl(server, 'kick', clients[0].session)).code, 1, 'it is gone');
  assert.equal((await ctl(server, 'kick')).code, 2);
  assert.equal((await ctl(server, 'kick', '-a', '127.0.0.1')).stdout, '1 clients were closed\n');
}));

test('a crowd is listed and kicked whole, however many an I/O thread looks at in one go', withServer({ io_threads: 1 }, async (server) => {
  const { program, result } = startSwarm(server.admin, ['-c', '2500', '--ramp', '1', '--idle', '600', '--room', 'crowd']);
  try {
    await server.untilMetric('clients_native', 2500);
    const stays = await server.native({ room: 'other' });
    const { clients } = await ask(server, '/clients?limit=1000000&room=crowd');
    assert.equal(new Set(clients.map(({ session }) => session)).size, 2500);
    assert.equal((await ask(server, '/clients?limit=1200')).clients.length, 1200);
    assert.equal((await ctl(server, 'kick', '-r', 'crowd')).stdout, '2500 clients were closed\n');
    await server.untilClosed('kicked', 2500);
    await server.publish({ event: 'e' });
    assert.equal((await stays.next()).event, 'e');
  } finally {
    program.kill();
    await result;
  }
}));

test('what is asked wrongly is refused, and nothing of it from web pages', withServer({}, async (server) => {
  const status = async (method, target, headers) => (await request(server.admin, target, { method, headers })).status;
  const page = { Origin: 'https://evil.example' };

  for (const target of ['/clients?limit=0', '/clients?limit=x', `/clients?room=${'x'.repeat(300)}`, '/rooms?limit=1000001']) {
    assert.equal(await status('GET', target), 400, target);
  }
  assert.equal(await status('POST', '/kick'), 400, 'nobody is named');
  for (const target of ['/kick?room=a', '/log-level?level=debug', '/reload', '/drain']) {
    assert.equal(await status('POST', target, page), 403, target);
    assert.equal(await status('GET', target), 405, target);
    assert.equal((await server.get(target)).status, 404, target);
  }
}));

test('log-level changes what is logged, until the configuration is read again', withServer({}, async (server) => {
  assert.equal((await ctl(server, 'log-level', 'debug')).code, 0);
  await (await server.native()).close();
  await server.untilLog(/ debug conn: #\d+ 127\.0\.0\.1:\d+ closed: /);
  assert.equal((await ctl(server, 'log-level', 'loud')).code, 1);
  await server.reload({});
  const before = server.log.length;
  await (await server.native()).close();
  await server.untilMetric('connections', (count) => count <= 1);
  assert.doesNotMatch(server.log.slice(before), / debug /);
}));

test('top shows rates and threads, as often as it is told', withServer({ io_threads: 2 }, async (server) => {
  await server.native();
  const publishing = setInterval(() => server.publish({ event: 'e' }).catch(() => {}), 20);
  const { code, stdout, stderr } = await ctl(server, 'top', '-d', '0.5', '-n', '2');
  clearInterval(publishing);

  assert.equal(code, 0, stderr);
  const rates = [...stdout.matchAll(/published\/s +([\d.]+) /g)].map(([, rate]) => Number(rate));
  assert.equal(rates.length, 2);
  assert.ok(rates[1] > 3 && rates[1] < 70, `${rates}`);
  assert.match(stdout, /^clients +1 /m);
  for (const thread of ['acceptor', 'io-0', 'io-1', 'broadcast']) assert.match(stdout, new RegExp(`^${thread} +[\\d.]+%`, 'm'));
  for (const args of [['-d', '0'], ['-n', 'x'], ['extra']]) assert.equal((await ctl(server, 'top', ...args)).code, 2, args.join());
}));

test('status: a page for browsers, JSON for everyone else', withServer({}, async (server) => {
  const get = (target, accept) => request(server.admin, target, { headers: accept ? { Accept: accept } : {} });
  const page = await get('/status', 'text/html,application/xhtml+xml,*/*;q=0.8');
  assert.match(page.headers['content-type'], /^text\/html/);
  assert.equal(page.headers.vary, 'Accept');
  assert.match(page.headers['content-security-policy'], /default-src 'none'/);
  assert.match(page.text, /^<!doctype html>[^]*<\/html>\n$/);
  assert.doesNotMatch(page.text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, 'it needs nothing from elsewhere');
  for (const [target, accept] of [['/status'], ['/status', '*/*'], ['/status', 'application/json'], ['/status.json', 'text/html']]) {
    const answer = await get(target, accept);
    assert.match(answer.headers['content-type'], /json/, `${target} ${accept}`);
    assert.ok(answer.json().version);
  }
}));

test('metrics: threads, waits, histograms of heartbeats and fan-outs', withServer({ ping_interval: 200, ping_timeout: 5000, io_threads: 2 }, async (server) => {
  await server.socketio();
  await server.publish({ event: 'e' });
  const lines = async () => (await request(server.admin, '/metrics')).text.split('\n');
  const value = async (name) => Number((await lines()).find((line) => line.startsWith(`stentor_${name} `))?.split(' ').at(-1));

  await until(async () => (await value('pong_delay_seconds_count')) > 0, 'a heartbeat');
  assert.ok((await value('fanout_seconds_count')) > 0);
  assert.equal(await value('pong_delay_seconds_bucket{le="+Inf"}'), await value('pong_delay_seconds_count'));
  assert.ok((await value('thread_cpu_seconds_total{thread="io-0"}')) > 0);
  assert.ok((await value('loop_gap_max_seconds{thread="io-1"}')) >= 0);
  assert.equal(await value('sessions{dialect="socketio_deflate"}'), 1);
  assert.ok((await value('memory_per_client_bytes')) > 1000);
  assert.ok((await value('encodings_per_publish')) >= 1);
  assert.equal(await value('journal_max_messages'), 10000);
}));
