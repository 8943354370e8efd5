// Clients that come back and cannot be recovered, or try to be what they are not.
import assert from 'node:assert/strict';
import test from 'node:test';
import parser from 'socket.io-msgpack-parser';

import { opcode } from './lib/raw-websocket.mjs';
import { away, publishNumbers, Recovering, upTo, ways } from './lib/recovering.mjs';
import { Stentord, withServer } from './lib/stentord.mjs';
import { until } from './lib/wait.mjs';

const config = { recovery_time: 30, io_threads: 2 };
const auth = { rooms: ['a'] };

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
    await publishNumbers(server, [0]);
    await server.untilMetric('recovery_kept', 0);
  });

  await assertNew(client, again, server);
  assert.equal(await server.metric('recovery_missed_total'), 1);
  assert.equal(await server.metric('recovered_total'), 0);
}));

test('when the journal has lost what the client missed', withServer({
  ...config, journal: { messages: 5 },
}, async (server) => {
  const client = await Recovering.open(server, { auth });
  await publishNumbers(server, [0]);
  assert.deepEqual(await client.take(1), [0]);
  const again = await away(server, client, 'reset', () => publishNumbers(server, upTo(6, 1)));

  await assertNew(client, again, server);
  assert.equal(await server.metric('recovery_missed_total'), 1);
  await server.untilMetric('recovery_kept', 0);
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
    await publishNumbers(server, [0]);
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
  const texts = [forged.toString('base64url'), sid, `__${pid.slice(2)}`, pid.slice(1), `${pid}A`, '', 'ü', `${pid}\0`];
  for (const wrong of [...texts, 5, null, [pid], { pid }]) {
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
  const wrong = ['last argument of an event', '12x', '99999999999999999999999', '-1', '9007199254740993', ' ', '0x10'];
  for (const offset of wrong) {
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

for (const io_threads of [1, 4]) {
  test(`what is published between the handshake and the CONNECT (${io_threads} I/O threads)`, withServer({
    ...config, io_threads, namespaces: ['/', '/x'],
  }, async (server) => {
    for (let round = 0; round < 8; round++) {
      const first = await rawConnect(server, { rooms: ['a'] });
      const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
      assert.equal((await first.receive()).text, `42["e",0,"${seq}"]`);
      await lose(server, first);
      const back = await server.websocket('/socket.io/?EIO=4&transport=websocket');
      await back.receive();
      if (round % 2) back.send(opcode.text, '40/x,');
      if (round % 2) await back.receive();
      await publishNumbers(server, upTo(3, 1));
      back.send(opcode.text, `40${JSON.stringify({ pid: first.answer.pid, offset: String(seq) })}`);
      await publishNumbers(server, [4]);
      const { sid } = JSON.parse((await back.receive()).text.slice(2));
      assert.equal(sid, first.answer.sid);
      for (let i = 1; i <= 4; i++) assert.equal((await back.receive()).text, `42["e",${i},"${seq + i}"]`);
      await back.destroy();
    }
  }));
}

test('a pid counts in its own namespace', withServer({ ...config, namespaces: ['/', '/x'] }, async (server) => {
  const first = await rawConnect(server);
  await lose(server, first);
  const inX = await rawConnect(server, { pid: first.answer.pid }, '/x');

  assert.notEqual(inX.answer.sid, first.answer.sid);
  assert.equal(await server.metric('recovered_total'), 0);
}));

test('of two that present one pid at once, one is recovered', withServer({
  ...config, io_threads: 4,
}, async (server) => {
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

test('a pid whose client died on its way back counts further on', withServer({
  ...config, io_threads: 4,
}, async (server) => {
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

test('the oldest are forgotten beyond recovery_sessions', withServer({
  recovery_time: 30, io_threads: 1, recovery_sessions: 3,
}, async (server) => {
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await rawConnect(server));
  for (const [i, client] of clients.entries()) {
    client.raw.reset();
    await server.untilMetric('clients_socketio', 4 - i);
  }
  assert.equal(await server.metric('recovery_kept'), 3);
  const back = [];
  for (const { answer } of clients) back.push((await rawConnect(server, { pid: answer.pid })).answer.sid === answer.sid);

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
  await publishNumbers(server, [0]);
  assert.deepEqual(await client.take(1), [0]);
  const again = await away(server, client, 'strand', async () => {
    for (let i = 0; i < 200 && (await server.metric('closes_total{reason="too_slow"}')) === 0; i++) {
      await server.publish(Array(4).fill({ room: 'a', event: 'e', data: 'x'.repeat(60_000) }));
    }
  });

  assert.equal(again.recovered, false);
}));

test('with recovery_time = 0 there is no pid, no offset, and nothing is kept', withServer({
  recovery_time: 0, ping_interval: 300, ping_timeout: 500,
}, async (server) => {
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
  const names = ['recovered_total', 'recovery_missed_total', 'recovery_kept'];
  assert.deepEqual(names.map((name) => metrics.get(name)), [0, 0, 0]);
}));

test('the event gap of a slow client has no offset, and does not become one', withServer({
  ...config, journal: { bytes: 2 << 20 },
}, async (server) => {
  const ws = await rawConnect(server, { rooms: ['a'] });
  ws.raw.socket.pause();
  const data = 'x'.repeat(60_000);
  for (let left = 60; left > 0; ) {
    await server.publish(Array(4).fill({ room: 'a', event: 'e', data }));
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

test('what was kept is gone with recovery_time: rooms, memberships, records', withServer({
  ...config, recovery_time: 1,
}, async (server) => {
  const clients = await Promise.all(upTo(20).map((i) => rawConnect(server, { rooms: ['a', `r${i}`] })));
  for (const client of clients) client.raw.reset();
  await server.untilMetric('recovery_kept', 20);
  await server.untilMetric('recovery_kept', 0);

  for (const name of ['clients_socketio', 'memberships', 'rooms']) assert.equal(await server.metric(name), 0, name);
  await server.untilMetric('connections', 1); // who asks
}));
