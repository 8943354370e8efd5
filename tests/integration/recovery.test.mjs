// Connection state recovery of Socket.IO, with unmodified clients whose connections are cut.
import assert from 'node:assert/strict';
import test from 'node:test';
import parser from 'socket.io-msgpack-parser';

import { opcode } from './lib/raw-websocket.mjs';
import { Recovering } from './lib/recovering.mjs';
import { Stentord, withServer } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

const config = { recovery_time: 30, io_threads: 2 };
const auth = { rooms: ['a'] };
const upTo = (count, from = 0) => Array.from({ length: count }, (_, i) => from + i);

async function publish(server, count, from = 0, envelope = { room: 'a' }) {
  for (const data of upTo(count, from)) await server.publish({ event: 'e', data, ...envelope });
}

// The network of the client is down until the server has noticed, and until `fn` is done. (It does
// not notice when a connection is stranded, nor that of a client which is between two polls.)
async function away(server, client, how, fn) {
  const noticed = how !== 'strand' && client.socket.io.engine.transport.name === 'websocket';
  client.proxy.down(how);
  await client.disconnected();
  if (noticed) await server.untilMetric('clients_socketio', 0);
  await fn();
  client.proxy.up();
  return client.connected();
}

// --- Coming back

const ways = {
  websocket: { transports: ['websocket'] },
  polling: { transports: ['polling'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

for (const [way, options] of Object.entries(ways)) {
  for (const [name, how] of [['reset', 'reset'], ['ended', 'cut'], ['half-open', 'strand']]) {
    test(`${way}, ${name}: the client is recovered, and gets what it missed once and in order`, withServer(config, async (server) => {
      const client = await Recovering.open(server, { auth, ...options });
      await publish(server, 3);
      assert.deepEqual(await client.take(3), upTo(3));
      const again = await away(server, client, how, () => publish(server, 20, 3));
      await publish(server, 3, 23);

      assert.deepEqual(again, { id: client.id, recovered: true });
      assert.deepEqual(await client.take(23), upTo(23, 3));
      const metrics = await server.metrics();
      assert.equal(metrics.get('recovered_total'), 1);
      assert.equal(metrics.get('recovery_missed_total'), 0);
      assert.equal(metrics.get('recovery_kept'), 0);
      assert.equal(metrics.get('clients_socketio'), 1);
      if (how === 'strand') await server.untilClosed('replaced', 1);
      else if (way !== 'polling') assert.equal(metrics.get('closes_total{reason="replaced"}'), 0);
    }));
  }
}

test('a poll that waits is missed at once when it is cut', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth, ...ways.polling });
  await server.untilMetric('polls_total', 2); // one was answered with the connect
  client.proxy.down('reset');
  await server.untilMetric('clients_socketio', 0);
  await server.untilMetric('recovery_kept', 1);
  await publish(server, 2);
  client.proxy.up();

  assert.deepEqual(await client.connected(), { id: client.id, recovered: true });
  assert.deepEqual(await client.take(2), upTo(2));
  await server.untilMetric('recovery_kept', 0);
}));

for (const [way, options] of Object.entries(ways)) {
  test(`socket.io-msgpack-parser, ${way}`, withServer(config, async (server) => {
    const client = await Recovering.open(server, { parser, auth, ...options });
    await publish(server, 1);
    assert.deepEqual(await client.take(1), [0]);
    const again = await away(server, client, 'reset', async () => {
      await publish(server, 1, 1);
      await server.publish({ room: 'a', event: 'e', data: { text: 'ü' } });
    });

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(2), [1, { text: 'ü' }]);
  }));
}

test('again and again, with the same id', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  for (let i = 0; i < 8; i++) {
    const again = await away(server, client, ['reset', 'cut', 'strand', 'finish'][i % 4], () => publish(server, 2, 2 * i));
    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(2), upTo(2, 2 * i));
  }
  assert.equal(await server.metric('recovered_total'), 8);
}));

test('from one transport to another, and back', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth, transports: ['polling'] });
  let next = 0;
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket'], ['websocket']]) {
    client.socket.io.opts.transports = transports;
    const again = await away(server, client, 'reset', () => publish(server, 3, next));
    assert.deepEqual(again, { id: client.id, recovered: true }, transports.join());
    assert.deepEqual(await client.take(3), upTo(3, next));
    if (transports.length > 1) await server.untilMetric('upgrades_total', 1);
    next += 3;
  }
}));

test('by engine.close(), as the documentation of Socket.IO suggests for a test', withServer(config, async (server) => {
  for (const options of Object.values(ways)) {
    const client = await Recovering.open(server, { auth, ...options });
    await publish(server, 1);
    assert.deepEqual(await client.take(1), [0]);
    client.socket.io.engine.close();
    const again = await client.connected();
    await publish(server, 1, 1);

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(1), [1]);
    client.destroy();
  }
}));

test('a client that got no message before the cut', withServer(config, async (server) => {
  for (const options of [...Object.values(ways), { parser }]) {
    await publish(server, 2, 100);
    const client = await Recovering.open(server, { auth, ...options });
    const again = await away(server, client, 'reset', () => publish(server, 3));

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(3), upTo(3));
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
}));

test('a client that missed nothing', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publish(server, 2);
  assert.deepEqual(await client.take(2), upTo(2));
  assert.deepEqual(await away(server, client, 'reset', () => {}), { id: client.id, recovered: true });
  await publish(server, 1, 2);

  assert.deepEqual(await client.take(1), [2]);
}));

test('after the heartbeat has found a silent connection', withServer({ ...config, ping_interval: 300, ping_timeout: 400 }, async (server) => {
  for (const options of Object.values(ways)) {
    const client = await Recovering.open(server, { auth, ...options });
    await publish(server, 1);
    assert.deepEqual(await client.take(1), [0]);
    client.proxy.down('freeze');
    await server.untilMetric('clients_socketio', 0);
    await publish(server, 3, 1);
    client.proxy.up();

    assert.deepEqual(await client.connected(), { id: client.id, recovered: true });
    assert.deepEqual(await client.take(3), upTo(3, 1));
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
  await server.untilClosed('ping_timeout');
}));

// --- Rooms

test('rooms are those that the client was in, not those that its auth names', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth: { rooms: ['a', 'b'] } });
  await client.socket.emitWithAck('leave', 'b');
  await client.socket.emitWithAck('join', 'ü /€');
  const again = await away(server, client, 'reset', async () => {
    await publish(server, 1, 0, { room: 'a' });
    await publish(server, 1, 1, { room: 'b' });
    await publish(server, 1, 2, { room: 'ü /€' });
    await publish(server, 1, 3, { rooms: ['a', 'ü /€'] });
    await publish(server, 1, 4, { room: 'a', except: ['ü /€'] });
    await publish(server, 1, 5, {});
  });
  await publish(server, 1, 6, { room: 'b' });
  await publish(server, 1, 7, { room: 'ü /€' });

  assert.equal(again.recovered, true);
  assert.deepEqual(await client.take(5), [0, 2, 3, 5, 7]);
  assert.equal(await server.metric('memberships'), 3);
}));

test('what came to a room before the client joined it is not made up for', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publish(server, 1, 0);
  assert.deepEqual(await client.take(1), [0]);
  await publish(server, 1, 1, { room: 'b' });
  await client.socket.emitWithAck('join', 'b');
  await publish(server, 1, 2, { room: 'c' });
  await away(server, client, 'strand', async () => {
    await publish(server, 1, 3, { room: 'b' });
    await publish(server, 1, 4, { room: 'a' });
  });

  assert.deepEqual(await client.take(2), [3, 4]);
}));

test('as many rooms as there may be', withServer(config, async (server) => {
  const rooms = Array.from({ length: 64 }, (_, i) => `room ${i} ${'x'.repeat(200)}`);
  const client = await Recovering.open(server, { auth: { rooms } });
  const again = await away(server, client, 'reset', async () => {
    for (const [data, room] of rooms.entries()) await server.publish({ room, event: 'e', data });
  });

  assert.equal(again.recovered, true);
  assert.deepEqual(await client.take(64), upTo(64));
}));

test('what is emitted while the client is away takes effect when it is back', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  let joined;
  const again = await away(server, client, 'reset', () => {
    joined = client.socket.emitWithAck('join', 'b');
  });

  assert.equal(again.recovered, true);
  assert.deepEqual(await within(joined, 'the ack'), { ok: true });
  await publish(server, 1, 0, { room: 'b' });
  assert.deepEqual(await client.take(1), [0]);
}));

// --- Several namespaces

for (const how of ['reset', 'strand']) {
  test(`two namespaces at once (${how})`, withServer({ ...config, namespaces: ['/', '/x'] }, async (server) => {
    const root = await Recovering.open(server, { auth });
    const x = await root.also('/x');
    await x.socket.emitWithAck('join', 'a');
    const both = async (from) => {
      for (let i = from; i < from + 4; i++) await publish(server, 1, i, { namespace: i % 2 ? '/x' : '/', room: 'a' });
    };
    let next = 0;
    await both(next);
    assert.deepEqual(await root.take(2), [0, 2]);
    assert.deepEqual(await x.take(2), [1, 3]);
    for (let round = 0; round < 3; round++) {
      next += 4;
      const again = await away(server, root, how, () => both(next));
      assert.deepEqual(again, { id: root.id, recovered: true });
      assert.deepEqual(await x.connected(), { id: x.id, recovered: true });
      await both(next + 4);
      assert.deepEqual(await root.take(4), [0, 2, 4, 6].map((i) => next + i));
      assert.deepEqual(await x.take(4), [1, 3, 5, 7].map((i) => next + i));
      next += 4;
    }
    assert.equal(await server.metric('recovered_total'), 6);
    assert.equal(await server.metric('clients_socketio'), 1);
  }));
}

test('one namespace that the client left, beside one that it did not', withServer({ ...config, namespaces: ['/', '/x'] }, async (server) => {
  const root = await Recovering.open(server, { auth });
  const x = await root.also('/x');
  x.socket.disconnect();
  await server.untilMetric('memberships', 2);
  const again = await away(server, root, 'reset', () => publish(server, 1));
  x.socket.connect();

  assert.equal(again.recovered, true);
  assert.deepEqual(await root.take(1), [0]);
  assert.equal((await x.connected()).recovered, false);
}));

test('a namespace that was quiet longer than the journal reaches, beside one that was not', withServer({ ...config, namespaces: ['/', '/x'], journal: { messages: 6 } }, async (server) => {
  const root = await Recovering.open(server, { auth });
  const x = await root.also('/x');
  await publish(server, 1, 0, { namespace: '/x' });
  assert.deepEqual(await x.take(1), [0]);
  const again = await away(server, root, 'reset', async () => {
    await publish(server, 20); // of which the journal has lost 14
    await publish(server, 1, 1, { namespace: '/x' });
  });
  const inX = await x.connected();

  assert.equal(again.recovered, false);
  assert.equal(inX.recovered, true, 'it missed nothing that is gone');
  assert.deepEqual(await x.take(1), [1]);
}));

// --- Many clients, several threads

test('many clients on several threads, cut off together while messages come', withServer({ recovery_time: 30, io_threads: 4, ping_interval: 2000, ping_timeout: 2000 }, async (server) => {
  const kinds = [...Object.values(ways), { parser }];
  const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => Recovering.open(server, { auth, ...kinds[i % kinds.length] })));
  await server.untilMetric('upgrades_total', 10);
  for (let round = 0; round < 4; round++) {
    await publish(server, 5, 10 * round);
    for (const client of clients) client.proxy.all(['reset', 'strand', 'cut', 'reset'][round]);
    await publish(server, 5, 10 * round + 5);
    for (const client of clients) assert.deepEqual(await client.take(10), upTo(10, 10 * round));
  }

  let count = 0;
  for (const client of clients) {
    const connects = client.connects.takeAll();
    for (const connect of connects) assert.deepEqual(connect, { id: client.id, recovered: true });
    const polls = client.socket.io.opts.transports.length === 1 && client.socket.io.opts.transports[0] === 'polling';
    assert.ok(polls || connects.length === 4, `it came back ${connects.length} times`);
    count += connects.length;
  }
  const metrics = await server.metrics();
  assert.equal(metrics.get('recovered_total'), count);
  assert.equal(metrics.get('recovery_missed_total'), 0);
  assert.equal(metrics.get('clients_socketio'), clients.length);
  assert.equal(metrics.get('recovery_kept'), 0);
}));

test('who is cut off once more before it was recovered', withServer({ ...config, io_threads: 4 }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 10 }, () => Recovering.open(server, { auth })));
  for (let i = 0; i < 40; i++) {
    for (const client of clients) client.proxy.all(i % 3 ? 'reset' : 'strand');
    await publish(server, 1, i);
  }
  await publish(server, 1, 40);

  for (const client of clients) {
    assert.deepEqual(await client.take(41), upTo(41));
    for (const connect of client.connects.takeAll()) assert.deepEqual(connect, { id: client.id, recovered: true });
  }
}));

// --- When there is nothing to go on with

// The client comes back as a new one: with another id, and its rooms from its auth.
async function assertNew(client, again, server) {
  assert.ok(!again.recovered);
  assert.notEqual(again.id, client.id);
  await server.publish({ room: 'a', event: 'e', data: 'new' });
  assert.deepEqual(await client.take(1), ['new']);
}

test('after recovery_time', withServer({ ...config, recovery_time: 1 }, async (server) => {
  const client = await Recovering.open(server, { auth });
  const again = await away(server, client, 'reset', async () => {
    await server.untilMetric('recovery_kept', 1);
    await publish(server, 1);
    await server.untilMetric('recovery_kept', 0);
  });

  await assertNew(client, again, server);
  assert.equal(await server.metric('recovery_missed_total'), 1);
  assert.equal(await server.metric('recovered_total'), 0);
}));

test('when the journal has lost what the client missed', withServer({ ...config, journal: { messages: 5 } }, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publish(server, 1);
  assert.deepEqual(await client.take(1), [0]);
  const again = await away(server, client, 'reset', () => publish(server, 6, 1));

  await assertNew(client, again, server);
  assert.equal(await server.metric('recovery_missed_total'), 1);
  await server.untilMetric('recovery_kept', 0);
}));

test('not when the journal has lost only what was for others, or what the client has', withServer({ ...config, journal: { messages: 5 } }, async (server) => {
  const client = await Recovering.open(server, { auth });
  const other = await server.native({ room: 'b' });
  await publish(server, 3);
  assert.deepEqual(await client.take(3), upTo(3));
  const again = await away(server, client, 'reset', async () => {
    await publish(server, 30, 0, { room: 'b' });
    await publish(server, 2, 3);
  });

  assert.deepEqual(again, { id: client.id, recovered: true });
  assert.deepEqual(await client.take(2), [3, 4]);
  await other.nextMany(30);
}));

test('after a restart of the server', async (t) => {
  const first = await Stentord.start(config);
  try {
    const client = await Recovering.open(first, { auth });
    await first.publish({ room: 'a', event: 'e', data: 'before' });
    assert.deepEqual(await client.take(1), ['before']);
    first.terminate();
    await client.disconnected();
    await first.ended();
    await withServer(config, async (server) => {
      client.proxy.target = server.clients;
      await assertNew(client, await client.connected(), server);
      assert.equal(await server.metric('recovery_missed_total'), 1);
    })(t);
  } finally {
    await first.abandon();
  }
});

test('after a disconnect by the client', withServer(config, async (server) => {
  for (const options of [...Object.values(ways), { parser }]) {
    const client = await Recovering.open(server, { auth, ...options });
    client.socket.disconnect();
    await server.untilMetric('clients_socketio', 0);
    await server.untilMetric('recovery_kept', 0);
    await publish(server, 1);
    client.socket.connect();
    await assertNew(client, await client.connected(), server);
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
}));

// Connects as a client of one's own would; what the CONNECT was answered with.
async function rawConnect(server, data, namespace = '/') {
  const ws = await server.websocket('/socket.io/?EIO=4&transport=websocket');
  await ws.receive();
  ws.send(opcode.text, `40${namespace === '/' ? '' : `${namespace},`}${data ? JSON.stringify(data) : ''}`);
  ws.answer = JSON.parse((await ws.receive()).text.replace(/^40(\/[^,]*,)?/, ''));
  return ws;
}

// The connection is lost, and the server has seen it.
async function lose(server, ws) {
  const left = (await server.metric('recovery_kept')) + 1;
  ws.raw.reset();
  await server.untilMetric('recovery_kept', left);
}

test('a pid that was made up is none', withServer(config, async (server) => {
  const real = await rawConnect(server, { rooms: ['a'] });
  assert.match(real.answer.pid, /^[\w-]{22}$/);
  assert.notEqual(real.answer.pid, real.answer.sid);
  const forged = Buffer.from(real.answer.pid, 'base64url');
  forged[15] ^= 1;
  await lose(server, real);
  const { pid, sid } = real.answer;
  const pids = [forged.toString('base64url'), sid, `__${pid.slice(2)}`, pid.slice(1), `${pid}A`, '', 'ü', `${pid}\0`, 5, null, [pid], { pid }];
  for (const wrong of pids) {
    const ws = await rawConnect(server, { pid: wrong, offset: '1' });
    assert.notEqual(ws.answer.sid, sid, JSON.stringify(wrong));
    assert.match(ws.answer.pid, /^[\w-]{22}$/);
    await ws.destroy();
  }
  assert.equal(await server.metric('recovered_total'), 0);
  assert.equal((await rawConnect(server, { pid })).answer.sid, sid, 'the real one counts as before');
}));

test('offsets that are none of ours', withServer(config, async (server) => {
  await server.publish({ event: 'before' });
  for (const offset of ['last argument of an event', '12x', '99999999999999999999999', '-1', '9007199254740993', ' ', '0x10']) {
    const first = await rawConnect(server);
    await lose(server, first);
    const back = await rawConnect(server, { pid: first.answer.pid, offset });
    assert.notEqual(back.answer.sid, first.answer.sid, offset);
    await back.destroy();
  }
  for (const offset of ['0', '', undefined, 5, null]) {
    const first = await rawConnect(server);
    await lose(server, first);
    const { seq } = await server.publish({ event: 'e' });
    const back = await rawConnect(server, { pid: first.answer.pid, offset });
    assert.equal(back.answer.sid, first.answer.sid, 'it has nothing yet');
    assert.equal((await back.receive()).text, `42["e",null,"${seq}"]`);
    await back.destroy();
  }
}));

test('a pid counts in its own namespace', withServer({ ...config, namespaces: ['/', '/x'] }, async (server) => {
  const first = await rawConnect(server);
  await lose(server, first);
  const inX = await rawConnect(server, { pid: first.answer.pid }, '/x');

  assert.notEqual(inX.answer.sid, first.answer.sid);
  assert.equal(await server.metric('recovered_total'), 0);
}));

test('of two that present one pid at once, one is recovered', withServer({ ...config, io_threads: 4 }, async (server) => {
  for (let round = 0; round < 10; round++) {
    const first = await rawConnect(server, { rooms: ['a'] });
    if (round % 2) await lose(server, first);
    const both = await Promise.all([0, 1].map(() => rawConnect(server, { pid: first.answer.pid })));
    const sids = both.map(({ answer }) => answer.sid);
    const recovered = sids.filter((sid) => sid === first.answer.sid).length;

    assert.ok(recovered >= 1, 'one at least');
    await until(async () => (await server.publish({ room: 'a', event: 'e' })).clients === 1, 'one client in the room');
    for (const ws of [first, ...both]) await ws.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
}));

test('a pid whose client died on its way back counts further on', withServer({ ...config, io_threads: 4 }, async (server) => {
  const first = await rawConnect(server, { rooms: ['a'] });
  await lose(server, first);
  const { sid, pid } = first.answer;
  for (let round = 0; round < 30; round++) {
    const dying = await server.websocket('/socket.io/?EIO=4&transport=websocket');
    dying.send(opcode.text, `40${JSON.stringify({ pid })}`);
    if (round % 3) await new Promise(setImmediate);
    dying.raw.reset();
  }
  await server.untilMetric('clients_socketio', 0);

  assert.equal((await rawConnect(server, { pid })).answer.sid, sid);
}));

test('the oldest are forgotten beyond recovery_sessions', withServer({ recovery_time: 30, io_threads: 1, recovery_sessions: 3 }, async (server) => {
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await rawConnect(server));
  for (const [i, client] of clients.entries()) {
    client.raw.reset();
    await server.untilMetric('clients_socketio', 4 - i);
  }
  assert.equal(await server.metric('recovery_kept'), 3);
  const back = [];
  for (const client of clients) back.push((await rawConnect(server, { pid: client.answer.pid })).answer.sid === client.answer.sid);

  assert.deepEqual(back, [false, false, true, true, true]);
  assert.equal(await server.metric('recovery_kept'), 0);
  assert.equal(await server.metric('recovered_total'), 3);
  assert.equal(await server.metric('recovery_missed_total'), 2);
}));

test('who broke the protocol is not recovered', withServer(config, async (server) => {
  const ws = await rawConnect(server);
  ws.send(opcode.text, '49');
  assert.equal((await ws.closed()).code, 1002);
  await server.untilMetric('clients_socketio', 0);

  assert.notEqual((await rawConnect(server, { pid: ws.answer.pid })).answer.sid, ws.answer.sid);
}));

test('a client that fell too far behind, policy disconnect, comes back as a new one', withServer({
  ...config, slow_client_policy: 'disconnect', journal: { messages: 5 },
}, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publish(server, 1);
  assert.deepEqual(await client.take(1), [0]);
  const again = await away(server, client, 'strand', async () => {
    for (let i = 0; i < 200 && (await server.metric('closes_total{reason="too_slow"}')) === 0; i++) {
      await server.publish(Array.from({ length: 4 }, () => ({ room: 'a', event: 'e', data: 'x'.repeat(60_000) })));
    }
  });

  assert.equal(again.recovered, false);
}));

// --- What is on the wire

test('events carry the offset as their last argument', withServer(config, async (server) => {
  const clients = [];
  for (const options of [ways.websocket, ways.polling, { parser }, { parser, transports: ['polling'] }]) {
    clients.push(await Recovering.open(server, { auth, ...options }));
  }
  const values = [[], ['x'], [1, { two: [2] }], ['last is a text'], [Buffer.of(1, 2, 3)]];
  for (const args of values.slice(0, -1)) await server.publish({ room: 'a', event: 'e', args });
  const { seq } = await server.publish({ event: 'e', args: [0] });
  for (const client of clients) {
    for (const args of values.slice(0, -1)) {
      const event = await client.events.take();
      assert.deepEqual(event.slice(0, -1), ['e', ...args]);
      assert.match(event.at(-1), /^\d{16}$/);
    }
    assert.deepEqual(await client.events.take(), ['e', 0, String(seq)]);
    assert.equal(client.socket._lastOffset, String(seq));
  }
}));

test('binary events have the offset, too, and are made up for', withServer(config, async (server) => {
  for (const options of [ways.websocket, ways.polling, { parser }]) {
    const client = await Recovering.open(server, { auth: { rooms: ['a', 'b'] }, ...options });
    const headers = { 'Content-Type': 'application/octet-stream' };
    const post = (body) => server.get('/publish/a/e', { method: 'POST', headers: { ...headers, Authorization: 'Bearer correct horse' }, body });
    await post(Buffer.of(1, 2));
    const [, data, offset] = await client.events.take();
    assert.deepEqual([data, offset], [Buffer.of(1, 2), client.socket._lastOffset]);
    await away(server, client, 'reset', () => post(Buffer.of(3, 4)));
    assert.deepEqual(await client.take(1), [Buffer.of(3, 4)]);
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
}));

test('native and Server-Sent Events clients see no offset', withServer(config, async (server) => {
  const native = await server.native();
  await server.publish({ event: 'e', args: ['x'] });

  assert.equal((await native.next()).data, 'x');
}));

test('with recovery_time = 0 there is no pid, no offset, and nothing is kept', withServer({ recovery_time: 0, ping_interval: 300, ping_timeout: 500 }, async (server) => {
  const ws = await rawConnect(server, { rooms: ['a'] });
  assert.deepEqual(Object.keys(ws.answer), ['sid']);
  await server.publish({ room: 'a', event: 'e', args: ['x'] });
  assert.equal((await ws.receive()).text, '42["e","x"]');
  await ws.destroy();

  for (const options of [...Object.values(ways), { parser }]) {
    const client = await Recovering.open(server, { auth, ...options });
    await server.publish({ room: 'a', event: 'e', args: ['x'] });
    assert.deepEqual(await client.events.take(), ['e', 'x']);
    await assertNew(client, await away(server, client, 'reset', () => {}), server);
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
  const metrics = await server.metrics();
  assert.deepEqual(['recovered_total', 'recovery_missed_total', 'recovery_kept'].map((name) => metrics.get(name)), [0, 0, 0]);
}));

test('the event gap of a slow client has no offset, and does not become one', withServer({ ...config, journal: { bytes: 2 << 20 } }, async (server) => {
  const ws = await rawConnect(server, { rooms: ['a'] });
  ws.raw.socket.pause();
  const data = 'x'.repeat(60_000);
  for (let left = 60; left > 0; ) {
    await server.publish(Array.from({ length: 4 }, () => ({ room: 'a', event: 'e', data })));
    if ((await server.metric('blocked_total')) > 0) left -= 4;
  }
  ws.raw.socket.resume();
  let event;
  do {
    event = JSON.parse((await ws.receive()).text.slice(2));
  } while (event[0] !== 'gap');

  assert.deepEqual(Object.keys(event[1]), ['room', 'from', 'to']);
  assert.equal(event.length, 2);
}));

test('what was kept is gone with recovery_time: rooms, memberships, records', withServer({ ...config, recovery_time: 1 }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => rawConnect(server, { rooms: ['a', `r${i}`] })));
  for (const client of clients) client.raw.reset();
  await server.untilMetric('recovery_kept', 20);
  await server.untilMetric('recovery_kept', 0);

  for (const name of ['clients_socketio', 'memberships', 'rooms']) assert.equal(await server.metric(name), 0, name);
  await server.untilMetric('connections', 1); // who asks
}));
