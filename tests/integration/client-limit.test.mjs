// How much one client may say: told first, then disconnected; others notice nothing.
import assert from 'node:assert/strict';
import test from 'node:test';

import { away, Recovering } from './lib/recovering.mjs';
import { msgpack } from './lib/msgpack-client.mjs';
import { PollingSession } from './lib/polling-session.mjs';
import { withServer } from './lib/stentord.mjs';
import { within } from './lib/wait.mjs';

const config = { client_rate: 1, client_burst: 20, client_bytes: 0, client_send: 'anyone', io_threads: 2 };
const TOO_MUCH = /you send too much/;

test('natively: a burst passes, as many again are refused by their ids, then the end', withServer(config, async (server) => {
  const client = await server.native();
  for (let id = 0; id < 60; id++) client.send({ type: 'ping', id: `n${id}` });
  const answers = [];
  await client.closed;
  answers.push(...client.inbox.takeAll());
  const pongs = answers.filter(({ type }) => type === 'pong');
  const errors = answers.filter(({ type }) => type === 'error');
  assert.deepEqual(pongs.map(({ id }) => id), Array.from({ length: pongs.length }, (_, i) => `n${i}`));
  assert.ok(pongs.length >= 20 && pongs.length <= 25, `${pongs.length} passed`);
  for (const [i, { id, message }] of errors.entries()) {
    assert.equal(id, `n${pongs.length + i}`);
    assert.match(message, TOO_MUCH);
  }
  assert.ok(errors.length >= 18 && errors.length <= 25, `${errors.length} were refused`);
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason], [1008, 'the client sent too much, and went on when told']);
  await server.untilClosed('rate_limited', 1);
  assert.equal(await server.metric('client_events_limited_total'), errors.length + 1);
}));

test('Socket.IO: refused by the ack, then disconnected; over polling, too', withServer(config, async (server) => {
  for (const transports of [['websocket'], ['polling']]) {
    const client = await server.socketio('/', { transports });
    const before = (await server.metrics()).get('closes_total{reason="rate_limited"}');
    const acks = [];
    for (let i = 0; i < 18; i++) client.socket.emit('join', `r${i}`, (ack) => acks.push(ack));
    assert.deepEqual(await client.ask('leave', 'nothing'), { ok: false, error: 'you are not in that room' }, 'number 20, with the connect');
    const refused = [];
    for (let i = 0; i < 40; i++) client.socket.emit('join', 'late', (ack) => refused.push(ack));
    await within(client.disconnected, 'the end');
    assert.ok(acks.every(({ ok }) => ok));
    if (transports[0] === 'websocket') assert.ok(refused.length > 10, `${refused.length}`);
    for (const { ok, error } of refused) {
      assert.equal(ok, false);
      assert.match(error, TOO_MUCH);
    }
    await server.untilClosed('rate_limited', before + 1);
  }
}));

test('MessagePack clients, and commands that cannot be understood, count as well', withServer(config, async (server) => {
  const packed = await msgpack(server);
  const raw = await server.native();
  for (let i = 0; i < 60; i++) packed.send({ type: 'ping' });
  for (let i = 0; i < 60; i++) raw.send('nonsense');
  assert.equal((await packed.closed).code, 1008);
  assert.equal((await raw.closed).code, 1008);
}));

test('who heeds it may go on after a while', withServer({ ...config, client_rate: 20, client_burst: 20 }, async (server) => {
  const client = await server.native();
  for (let i = 0; i < 25; i++) client.send({ type: 'ping' });
  const first = await client.command({ type: 'ping' });
  assert.equal(first.type, 'error');
  let answer = first;
  for (let i = 0; i < 100 && answer.type === 'error'; i++) {
    await new Promise((resolve) => setTimeout(resolve, 300)); // less than the rate, until there is room
    answer = await client.command({ type: 'ping' });
  }
  assert.equal(answer.type, 'pong');
}));

test('bytes: large messages use it up sooner', withServer({ ...config, client_rate: 0, client_bytes: 1000, client_bytes_burst: 100_000, max_message_size: 65536 }, async (server) => {
  const client = await server.native();
  const { session } = client.hello;
  const send = () => client.command({ type: 'send', to: session, event: 'e', data: 'x'.repeat(40_000) });
  assert.equal((await send()).type, 'ack');
  assert.equal((await send()).type, 'ack');
  assert.match((await send()).message, TOO_MUCH);
  assert.match((await send()).message, TOO_MUCH);
  client.send({ type: 'ping', data: 'x'.repeat(60_000) });
  assert.equal((await client.closed).code, 1008);
  const small = await server.native();
  for (let i = 0; i < 500; i++) small.send({ type: 'ping' });
  assert.equal((await small.command({ type: 'ping' })).type, 'pong');
}));

test('heartbeats and polls do not count, and a session that polls is ended', withServer({ ...config, client_burst: 5, ping_interval: 100, ping_timeout: 5000 }, async (server) => {
  const session = await PollingSession.connect(server.clients);
  for (let i = 0; i < 15; i++) {
    const packets = await session.receive();
    if (packets.includes('2')) await session.send('3');
  }
  await session.send(...Array.from({ length: 30 }, (_, i) => `42${i}["join","a"]`));
  await server.untilClosed('rate_limited', 1);
}));

test('a client that was closed for it is not recovered', withServer({ ...config, recovery_time: 30 }, async (server) => {
  const client = await Recovering.open(server);
  for (let i = 0; i < 60; i++) client.socket.emit('join', 'a');
  await client.disconnected();
  assert.equal((await client.connected()).recovered, false);
  await away(server, client, 'reset', () => {});
}));

test('a flood does not reach its neighbour, nor slow it down', withServer({ ...config, client_rate: 200, client_burst: 100, rooms: [{ pattern: 'g', type: 'grid', edges: 'wrap', send: 'anyone' }] }, async (server) => {
  const quiet = await server.native();
  const flood = await server.native();
  await quiet.join('g');
  await flood.join('g');
  for (let i = 0; i < 20_000; i++) flood.send({ type: 'send', room: 'g', to: 'east', event: 'flood', data: i });
  let latest = 0;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    assert.equal((await quiet.command({ type: 'ping' })).type, 'pong');
    latest = Math.max(latest, performance.now() - start);
  }
  // If it has not read its close frame within two seconds, for all that it still sends, it is cut off.
  const { code } = await flood.closed;
  assert.ok(code === 1008 || code === 1006, `${code}`);
  await server.untilClosed('rate_limited', 1);
  const got = quiet.inbox.takeAll().filter(({ type }) => type === 'directed');
  assert.ok(got.length < 1000, `${got.length} of 20,000 reached the neighbour`);
  assert.deepEqual(got.map(({ data }) => data), Array.from({ length: got.length }, (_, i) => i));
}));

test('0 means no limit', withServer({ client_rate: 0, client_bytes: 0 }, async (server) => {
  const client = await server.native();
  for (let i = 0; i < 10_000; i++) client.send({ type: 'ping' });
  assert.equal((await client.nextMany(10_000, 'pong')).length, 10_000);
  assert.equal(await server.metric('client_events_limited_total'), 0);
}));
