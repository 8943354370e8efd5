// Draining: no new clients, and those that there are leave spread over time, with everything.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from './lib/http.mjs';
import { PollingSession } from './lib/polling-session.mjs';
import { run } from './lib/program.mjs';
import { RawSocket } from './lib/raw.mjs';
import { opcode } from './lib/raw-websocket.mjs';
import { SocketioClient } from './lib/socketio-client.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { defaults, Stentord, withStopping } from './lib/stentord.mjs';
import { timeFactor, until, within } from './lib/wait.mjs';

const url = (listener) => `http://${listener.host}:${listener.port}`;
const SECONDS = 2 * timeFactor;

const drain = (server, seconds) => {
  server.stopping = true;
  return request(server.admin, `/drain?seconds=${seconds}`, { method: 'POST' });
};

// When each of the promises is fulfilled, in milliseconds from now, sorted.
async function times(promises) {
  const begun = Date.now();
  const ends = await within(Promise.all(promises.map((promise) => promise.then(() => Date.now() - begun))), 'all ends', 60_000);
  return ends.sort((a, b) => a - b);
}

test('SIGTERM: clients leave evenly over drain_time, with 1001', withStopping({ drain_time: SECONDS }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 60 }, () => server.native()));
  server.terminate();
  const ends = await times(clients.map(({ closed }) => closed));
  const ms = SECONDS * 1000;

  for (const client of clients) assert.deepEqual(await client.closed, { code: 1001, reason: 'server shutting down' });
  assert.ok(ends[0] < ms / 4 && ends.at(-1) > ms * 0.75 && ends.at(-1) < ms * 1.5, `${ends}`);
  for (let i = 0; i < 4; i++) {
    const quarter = ends.filter((end) => end >= (i * ms) / 4 && end < ((i + 1) * ms) / 4).length;
    assert.ok(quarter >= 8 && quarter <= 22, `${quarter} of 60 in quarter ${i}: ${ends}`);
  }
  assert.match(server.log, new RegExp(`draining: 60 clients leave within ${SECONDS} seconds`));
}));

test('clients of all kinds get what was published before they leave, and leave in their way', withStopping({ recovery_time: 60 }, async (server) => {
  const native = await Promise.all(Array.from({ length: 8 }, () => server.native()));
  const socketio = await Promise.all(Array.from({ length: 8 }, () => server.socketio()));
  const polling = await Promise.all(Array.from({ length: 8 }, () => server.socketio('/', { transports: ['polling'] })));
  const sse = await Promise.all(Array.from({ length: 8 }, () => SseClient.connect(server.clients)));
  const seqs = [];
  let publishing = true;
  const publisher = (async () => {
    for (let i = 0; publishing; i++, await sleep(3)) {
      const answer = await request(server.admin, '/publish', { method: 'POST', body: JSON.stringify({ event: 'e', data: i }) }).catch(() => null);
      if (answer?.status !== 200) return;
      seqs.push(answer.json().seq);
    }
  })();
  await until(() => seqs.length > 20, 'a start');
  const received = (client) => client.inbox.takeAll();
  // At the moment of its end each client must have had what was acknowledged before.
  const check = (client, end, data) => end.then((why) => {
    const published = seqs.length;
    const got = received(client).map(data).filter((value) => value !== undefined);
    assert.deepEqual(got, got.map((_, i) => i), 'no hole, nothing twice, in order');
    assert.ok(got.length >= published - 1, `${got.length} of ${published}`);
    return why;
  });
  const ends = [
    ...native.map((client) => check(client, client.closed, ({ data }) => data)),
    ...socketio.map((client) => check(client, client.disconnected, ([name, data]) => (name === 'e' ? data : undefined))),
    ...polling.map((client) => check(client, client.disconnected, ([name, data]) => (name === 'e' ? data : undefined))),
    ...sse.map((client) => check(client, client.ended, (event) => (event.event === 'e' ? Number(event.data) : undefined))),
  ];
  assert.equal((await drain(server, SECONDS)).json().clients, 32);
  const whys = await within(Promise.all(ends), 'all ends', 60_000);
  publishing = false;
  await publisher;
  assert.deepEqual(whys.slice(8, 24), Array(16).fill('transport close'), 'after which clients come back by themselves');
  assert.deepEqual(whys.slice(24), Array(8).fill(true), 'whole streams');
  // On a machine that is busy with other things a thread may be late for the last of them.
  const told = Number(/stopping: (\d+) connections are told/.exec(server.log)?.[1] ?? 0);
  assert.ok(told <= 8, `${told} of 32 were told only when the time was over`);
}));

test('Socket.IO clients come back to the server that has taken the place', async (t) => {
  const port = await (await Stentord.start({})).stop().then(() => 20_000 + (process.pid % 10_000));
  const listeners = [{ address: '127.0.0.1', port }, defaults.listeners[1]];
  const first = await Stentord.start({ listeners });
  const second = await Stentord.start({});
  t.after(() => Promise.all([first.abandon(), second.abandon()]));
  const clients = Array.from({ length: 30 }, () =>
    SocketioClient.open(first.clients, '/', { reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1000 }));
  for (const client of clients) second.closeLater(await client.ready());
  const { code, stdout } = await run('stentorctl', ['-s', url(first.admin), 'drain', '-t', String(SECONDS)]);
  first.stopping = true;
  assert.deepEqual([code, stdout], [0, `30 clients leave within ${SECONDS} seconds; then the server ends\n`]);
  // The port is free as soon as the first server has closed its listener.
  await until(async () => (await second.reload({ listeners: [...defaults.listeners, listeners[0]] })).status === 200, 'the port');
  await second.untilMetric('clients_socketio', 30);
  await second.publish({ event: 'hello' });
  for (const client of clients) assert.deepEqual(await client.next(), ['hello', null]);
});

test('a client that polls gets everything also between two polls, by whatever connections', withStopping({ ping_spread: false }, async (server) => {
  const session = await PollingSession.connect(server.clients);
  await drain(server, SECONDS);
  await server.publish({ event: 'e', data: 1 });
  const packets = [];
  while (packets.at(-1) !== '1') packets.push(...(await session.receive()));
  assert.deepEqual(packets, ['42["e",1]', '1']);
}));

test('while it drains: no new clients, /healthz says so, admins get in, messages flow', withStopping({}, async (server) => {
  const client = await server.native();
  const early = await Promise.all(['/ws', '/events', '/socket.io/?EIO=4&transport=polling', '/publish/a/e'].map(async (target) => {
    const raw = await server.raw();
    raw.write(`GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n`);
    await raw.readResponse();
    return [target, raw];
  }));
  await drain(server, SECONDS * 20);
  await request(server.admin, '/clients'); // each I/O thread has a part in the answer, after it was told to drain
  assert.equal((await request(server.admin, '/healthz')).status, 503);
  assert.equal((await request(server.admin, '/healthz')).text, 'draining\n');
  await until(() => RawSocket.connect(server.clients).then((raw) => raw.socket.destroy(), ({ code }) => code === 'ECONNREFUSED'), 'a closed listener');
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  for (const [target, raw] of early) {
    raw.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n${target === '/ws' ? upgrade : ''}\r\n`);
    assert.equal((await raw.readResponse()).status, target === '/publish/a/e' ? 405 : 503, target);
  }
  await server.publish({ event: 'e' });
  assert.equal((await client.next()).event, 'e');
  const refused = await request(server.admin, '/reload', { method: 'POST' });
  assert.deepEqual([refused.status, refused.json().error], [503, 'stopping']);
  await client.close();
}));

test('it ends as soon as nobody is left', withStopping({ drain_time: 600 }, async (server) => {
  const client = await server.native();
  server.terminate();
  await server.untilLog(/draining: 1 clients/);
  await client.close();
}));

test('a second signal makes it stop, a third end', withStopping({ drain_time: 600 }, async (server) => {
  const stalled = await server.websocket('/ws');
  await stalled.receiveJson();
  stalled.raw.socket.pause();
  server.terminate();
  await server.untilLog(/draining: 1 clients/);
  server.terminate();
  await server.untilLog(/stopping: 1 connections are told/);
  server.terminate();
}));

test('who does not read leaves last, without what it did not read', withStopping({ journal: { bytes: 8 << 20 } }, async (server) => {
  const stalled = await server.websocket('/ws');
  await stalled.receiveJson();
  stalled.raw.socket.pause();
  while ((await server.metric('blocked_total')) === 0) {
    await server.publish({ event: 'e', data: 'x'.repeat(100_000) });
  }
  const begun = Date.now();
  await drain(server, 1);
  await server.untilLog(/stopping: /);
  assert.ok(Date.now() - begun >= 1000);
  stalled.raw.socket.resume();
  for (;;) {
    const frame = await stalled.receive();
    if (frame.opcode === opcode.close) break;
  }
}));

test('/drain: POST, seconds a number, not from a web page', async (t) => {
  const server = await Stentord.start({});
  t.after(() => server.stop());
  const ask = (query, options) => request(server.admin, `/drain${query}`, { method: 'POST', ...options }).then(({ status }) => status);
  assert.equal(await ask('', { method: 'GET' }), 405);
  assert.equal(await ask('', { headers: { Origin: 'https://evil.example' } }), 403);
  for (const query of ['?seconds=x', '?seconds=-1', '?seconds=', '?seconds=99999', '?seconds=1e3']) assert.equal(await ask(query), 400, query);
  assert.equal((await run('stentorctl', ['drain', '-t', 'soon'])).code, 2);
  assert.doesNotMatch(server.log, /draining/);
});
