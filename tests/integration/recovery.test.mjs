// Connection state recovery of Socket.IO, with unmodified clients whose connections are cut.
import assert from 'node:assert/strict';
import test from 'node:test';
import parser from 'socket.io-msgpack-parser';

import { away, publishNumbers, Recovering, upTo, ways } from './lib/recovering.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { within } from './lib/wait.mjs';

const config = { recovery_time: 30, io_threads: 2 };
const auth = { rooms: ['a'] };

// --- Coming back

for (const [way, options] of Object.entries(ways)) {
  for (const [name, how] of [['reset', 'reset'], ['ended', 'cut'], ['half-open', 'strand']]) {
    test(`${way}, ${name}: recovered, with what was missed once and in order`, withServer(config, async (server) => {
      const client = await Recovering.open(server, { auth, ...options });
      await publishNumbers(server, upTo(3));
      assert.deepEqual(await client.take(3), upTo(3));
      const again = await away(server, client, how, () => publishNumbers(server, upTo(20, 3)));
      await publishNumbers(server, upTo(3, 23));

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
  await publishNumbers(server, upTo(2));
  client.proxy.up();

  assert.deepEqual(await client.connected(), { id: client.id, recovered: true });
  assert.deepEqual(await client.take(2), upTo(2));
  await server.untilMetric('recovery_kept', 0);
}));

for (const [way, options] of Object.entries(ways)) {
  test(`socket.io-msgpack-parser, ${way}`, withServer(config, async (server) => {
    const client = await Recovering.open(server, { parser, auth, ...options });
    await publishNumbers(server, [0]);
    assert.deepEqual(await client.take(1), [0]);
    const again = await away(server, client, 'reset', async () => {
      await publishNumbers(server, [1]);
      await server.publish({ room: 'a', event: 'e', data: { text: 'ü' } });
    });

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(2), [1, { text: 'ü' }]);
  }));
}

test('again and again, with the same id', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  for (let i = 0; i < 8; i++) {
    const how = ['reset', 'cut', 'strand', 'finish'][i % 4];
    const again = await away(server, client, how, () => publishNumbers(server, upTo(2, 2 * i)));
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
    const again = await away(server, client, 'reset', () => publishNumbers(server, upTo(3, next)));
    assert.deepEqual(again, { id: client.id, recovered: true }, transports.join());
    assert.deepEqual(await client.take(3), upTo(3, next));
    if (transports.length > 1) await server.untilMetric('upgrades_total', 1);
    next += 3;
  }
}));

test('by engine.close(), as the documentation of Socket.IO suggests for a test', withServer(config, async (server) => {
  for (const options of Object.values(ways)) {
    const client = await Recovering.open(server, { auth, ...options });
    await publishNumbers(server, [0]);
    assert.deepEqual(await client.take(1), [0]);
    client.socket.io.engine.close();
    const again = await client.connected();
    await publishNumbers(server, [1]);

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(1), [1]);
    client.destroy();
  }
}));

test('a client that got no message before the cut', withServer(config, async (server) => {
  for (const options of [...Object.values(ways), { parser }]) {
    await publishNumbers(server, upTo(2, 100));
    const client = await Recovering.open(server, { auth, ...options });
    const again = await away(server, client, 'reset', () => publishNumbers(server, upTo(3)));

    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.deepEqual(await client.take(3), upTo(3));
    client.destroy();
    await server.untilMetric('clients_socketio', 0);
  }
}));

test('a client that missed nothing', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publishNumbers(server, upTo(2));
  assert.deepEqual(await client.take(2), upTo(2));
  assert.deepEqual(await away(server, client, 'reset', () => {}), { id: client.id, recovered: true });
  await publishNumbers(server, [2]);

  assert.deepEqual(await client.take(1), [2]);
}));

test('after the heartbeat has found a silent connection', withServer({
  ...config, ping_interval: 300, ping_timeout: 400,
}, async (server) => {
  for (const options of Object.values(ways)) {
    const client = await Recovering.open(server, { auth, ...options });
    await publishNumbers(server, [0]);
    assert.deepEqual(await client.take(1), [0]);
    client.proxy.down('freeze');
    await server.untilMetric('clients_socketio', 0);
    await publishNumbers(server, upTo(3, 1));
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
    await publishNumbers(server, [0], { room: 'a' });
    await publishNumbers(server, [1], { room: 'b' });
    await publishNumbers(server, [2], { room: 'ü /€' });
    await publishNumbers(server, [3], { rooms: ['a', 'ü /€'] });
    await publishNumbers(server, [4], { room: 'a', except: ['ü /€'] });
    await publishNumbers(server, [5], {});
  });
  await publishNumbers(server, [6], { room: 'b' });
  await publishNumbers(server, [7], { room: 'ü /€' });

  assert.equal(again.recovered, true);
  assert.deepEqual(await client.take(5), [0, 2, 3, 5, 7]);
  assert.equal(await server.metric('memberships'), 3);
}));

test('what came to a room before the client joined it is not made up for', withServer(config, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publishNumbers(server, [0]);
  assert.deepEqual(await client.take(1), [0]);
  await publishNumbers(server, [1], { room: 'b' });
  await client.socket.emitWithAck('join', 'b');
  await publishNumbers(server, [2], { room: 'c' });
  await away(server, client, 'strand', async () => {
    await publishNumbers(server, [3], { room: 'b' });
    await publishNumbers(server, [4], { room: 'a' });
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
  await publishNumbers(server, [0], { room: 'b' });
  assert.deepEqual(await client.take(1), [0]);
}));

test('when the journal has lost only what was for others, or what the client has', withServer({
  ...config, journal: { messages: 5 },
}, async (server) => {
  const client = await Recovering.open(server, { auth });
  const other = await server.native({ room: 'b' });
  await publishNumbers(server, upTo(3));
  assert.deepEqual(await client.take(3), upTo(3));
  const again = await away(server, client, 'reset', async () => {
    await publishNumbers(server, upTo(30), { room: 'b' });
    await publishNumbers(server, upTo(2, 3));
  });

  assert.deepEqual(again, { id: client.id, recovered: true });
  assert.deepEqual(await client.take(2), [3, 4]);
  await other.nextMany(30);
}));

test('in a conflating room the newest message of each key is made up for', withServer({
  ...config, journal: { messages: 4 }, rooms: [{ pattern: 'a', policy: 'conflate' }],
}, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publishNumbers(server, [0]);
  assert.deepEqual(await client.take(1), [0]);
  const again = await away(server, client, 'reset', async () => {
    for (const i of upTo(20)) await publishNumbers(server, [i], { room: 'a', key: `k${i % 2}` });
  });

  assert.deepEqual(again, { id: client.id, recovered: true });
  assert.deepEqual(await client.take(2), [18, 19]);
}));

// --- Several namespaces

for (const how of ['reset', 'strand']) {
  test(`two namespaces at once (${how})`, withServer({ ...config, namespaces: ['/', '/x'] }, async (server) => {
    const root = await Recovering.open(server, { auth });
    const x = await root.also('/x');
    await x.socket.emitWithAck('join', 'a');
    const both = async (from) => {
      for (const i of upTo(4, from)) await publishNumbers(server, [i], { namespace: i % 2 ? '/x' : '/', room: 'a' });
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

test('one namespace that the client left, beside one that it did not', withServer({
  ...config, namespaces: ['/', '/x'],
}, async (server) => {
  const root = await Recovering.open(server, { auth });
  const x = await root.also('/x');
  x.socket.disconnect();
  await server.untilMetric('memberships', 2);
  const again = await away(server, root, 'reset', () => publishNumbers(server, [0]));
  x.socket.connect();

  assert.equal(again.recovered, true);
  assert.deepEqual(await root.take(1), [0]);
  assert.equal((await x.connected()).recovered, false);
}));

test('a namespace that was quiet longer than the journal reaches, beside one that was not', withServer({
  ...config, namespaces: ['/', '/x'], journal: { messages: 6 },
}, async (server) => {
  const root = await Recovering.open(server, { auth });
  const x = await root.also('/x');
  await publishNumbers(server, [0], { namespace: '/x' });
  assert.deepEqual(await x.take(1), [0]);
  const again = await away(server, root, 'reset', async () => {
    await publishNumbers(server, upTo(20)); // of which the journal has lost 14
    await publishNumbers(server, [1], { namespace: '/x' });
  });
  const inX = await x.connected();

  assert.equal(again.recovered, false);
  assert.equal(inX.recovered, true, 'it missed nothing that is gone');
  assert.deepEqual(await x.take(1), [1]);
}));

// --- Many clients, several threads

test('many clients on several threads, cut off together while messages come', withServer({
  recovery_time: 30, io_threads: 4, ping_interval: 2000, ping_timeout: 2000,
}, async (server) => {
  const kinds = [...Object.values(ways), { parser }];
  const clients = await Promise.all(upTo(40).map((i) => Recovering.open(server, { auth, ...kinds[i % kinds.length] })));
  await server.untilMetric('upgrades_total', 10);
  for (let round = 0; round < 4; round++) {
    await publishNumbers(server, upTo(5, 10 * round));
    for (const client of clients) client.proxy.all(['reset', 'strand', 'cut', 'reset'][round]);
    await publishNumbers(server, upTo(5, 10 * round + 5));
    for (const client of clients) assert.deepEqual(await client.take(10), upTo(10, 10 * round));
  }

  let count = 0;
  for (const client of clients) {
    const connects = client.connects.takeAll();
    for (const connect of connects) assert.deepEqual(connect, { id: client.id, recovered: true });
    const polls = client.socket.io.engine.transport.name === 'polling';
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
  const clients = await Promise.all(upTo(10).map(() => Recovering.open(server, { auth })));
  for (let i = 0; i < 40; i++) {
    for (const client of clients) client.proxy.all(i % 3 ? 'reset' : 'strand');
    await publishNumbers(server, [i]);
  }
  await publishNumbers(server, [40]);

  for (const client of clients) {
    assert.deepEqual(await client.take(41), upTo(41));
    for (const connect of client.connects.takeAll()) assert.deepEqual(connect, { id: client.id, recovered: true });
  }
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
    const headers = { 'Content-Type': 'application/octet-stream', Authorization: `Bearer ${KEY}` };
    const post = (body) => server.get('/publish/a/e', { method: 'POST', headers, body });
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
