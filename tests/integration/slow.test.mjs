// Clients that stop reading: nobody else notices, and they get the rest or an exact gap.
import assert from 'node:assert/strict';
import test from 'node:test';

import { opcode } from './lib/raw-websocket.mjs';
import { withServer } from './lib/stentord.mjs';

const ROOM = 'a';
const MESSAGE_BYTES = 60_000;
const filler = 'x'.repeat(MESSAGE_BYTES);

// Small enough that what the kernel's socket buffers do not take is lost; it holds several batches.
const JOURNAL_BYTES = 2 << 20;
const smallJournal = { journal: { bytes: JOURNAL_BYTES } };
const BATCH = 4;

// Publishes messages until the server has found sockets full, and then some; returns their seqs.
// `others` have to receive each batch before the next one goes out.
async function flood(server, { envelope = (i) => ({ data: [i, filler] }), more = 60, others = [], stalled = 1 } = {}) {
  const before = await server.metric('blocked_total');
  const seqs = [];
  for (let left = more; left > 0; ) {
    const batch = Array.from({ length: BATCH }, (_, i) => ({ room: ROOM, event: 'e', ...envelope(seqs.length + i) }));
    const fresh = (await server.publish(batch)).map(({ seq }) => seq);
    seqs.push(...fresh);
    for (const other of others) {
      assert.deepEqual((await other.nextMany(BATCH)).map(({ seq }) => seq), fresh, 'others get everything');
    }
    assert.ok(seqs.length < 5000, 'no socket takes that much');
    if ((await server.metric('blocked_total')) >= before + stalled) left -= BATCH;
  }
  return seqs;
}

async function stalledNative(server, query = `room=${ROOM}`) {
  const ws = await server.websocket(`/ws?${query}`);
  assert.equal((await ws.receiveJson()).type, 'hello');
  ws.raw.socket.pause();
  return ws;
}

// Reads on until the message `last`: what came, and what was said not to come.
async function drain(ws, last) {
  ws.raw.socket.resume();
  const received = [];
  const gaps = [];
  while (received.at(-1)?.seq !== last) {
    const message = await ws.receiveJson();
    if (message.type === 'message') received.push(message);
    else if (message.type === 'gap' && message.room === ROOM) gaps.push(message);
    if (gaps.at(-1)?.to >= last) break;
  }
  return { received, gaps };
}

// Each of `seqs` was either received or named as missing, never both; and all in order.
function assertExact(seqs, { received, gaps }) {
  const got = received.map(({ seq }) => seq);
  assert.deepEqual(got, [...got].sort((a, b) => a - b));
  const inGap = (seq) => gaps.some(({ from, to }) => from <= seq && seq <= to);
  const known = new Set(got);
  assert.equal(known.size, got.length, 'nothing came twice');
  for (const seq of seqs) assert.notEqual(known.has(seq), inGap(seq), `seq ${seq}`);
  gaps.forEach(({ from, to }, i) => assert.ok(from <= to && from > (gaps[i - 1]?.to ?? 0)));
}

test('what a stalled client misses is exactly what its gap names; others get everything', withServer(smallJournal, async (server) => {
  const stalled = await stalledNative(server);
  const others = [await server.native({ room: ROOM }), await server.native({ room: ROOM })];
  const seqs = await flood(server, { others });
  const result = await drain(stalled, seqs.at(-1));

  assert.ok(result.gaps.length > 0, 'it did miss something');
  assertExact(seqs, result);
  assert.equal(await server.metric('gaps_total'), result.gaps.length);
  const { seq } = await server.publish({ room: ROOM, event: 'after' });
  assert.equal((await stalled.receiveJson()).seq, seq, 'it is served as all others again');
}));

test('with a journal that is large enough nothing is missing', withServer({}, async (server) => {
  const stalled = await stalledNative(server);
  const seqs = await flood(server);
  const { received, gaps } = await drain(stalled, seqs.at(-1));

  assert.deepEqual(gaps, []);
  assert.deepEqual(received.map(({ seq }) => seq), seqs);
  assert.deepEqual(received.map(({ data }) => data[0]), seqs.map((_, i) => i));
  assert.ok((await server.metric('catch_ups_total')) > 0, 'several messages went out in one call');
}));

test('stopping and going many times stays exact', withServer(smallJournal, async (server) => {
  const ws = await stalledNative(server);
  const seqs = [];
  const result = { received: [], gaps: [] };
  for (let round = 0; round < 3; round++) {
    ws.raw.socket.pause();
    seqs.push(...(await flood(server, { more: 30 })));
    const { received, gaps } = await drain(ws, seqs.at(-1));
    result.received.push(...received);
    result.gaps.push(...gaps);
  }

  assertExact(seqs, result);
}));

test('a Socket.IO client is told with the event gap', withServer(smallJournal, async (server) => {
  const ws = await server.websocket('/socket.io/?EIO=4&transport=websocket');
  await ws.receive();
  ws.send(opcode.text, `40{"rooms":["${ROOM}"]}`);
  await ws.receive();
  ws.raw.socket.pause();
  const seqs = await flood(server);
  ws.raw.socket.resume();
  const received = [];
  const gaps = [];
  while (received.at(-1) !== seqs.at(-1)) {
    const [name, data] = JSON.parse((await ws.receive()).text.replace(/^\d+/, ''));
    if (name === 'gap') gaps.push(data);
    else received.push(seqs[data[0]]);
  }

  assert.ok(gaps.length > 0);
  assert.deepEqual(Object.keys(gaps[0]), ['room', 'from', 'to']);
  assertExact(seqs, { received: received.map((seq) => ({ seq })), gaps: gaps.filter(({ room }) => room === ROOM) });
}));

test('a stalled client in several rooms has a gap for each', withServer(smallJournal, async (server) => {
  const ws = await stalledNative(server, 'room=a&room=b');
  const seqs = { a: [], b: [] };
  const all = await flood(server, { envelope: (i) => ({ room: i % 2 ? 'a' : 'b', data: filler }) });
  all.forEach((seq, i) => seqs[i % 2 ? 'a' : 'b'].push(seq));
  ws.raw.socket.resume();
  const received = [];
  const gaps = [];
  while (received.at(-1)?.seq !== all.at(-1)) {
    const message = await ws.receiveJson();
    (message.type === 'gap' ? gaps : received).push(message);
  }

  for (const room of ['a', 'b']) {
    assertExact(seqs[room], {
      received: received.filter((message) => message.room === room),
      gaps: gaps.filter((gap) => gap.room === room),
    });
  }
}));

test('policy disconnect: 1008 and "too far behind", for members of that room alone', withServer({
  ...smallJournal,
  rooms: [{ pattern: 'str[i]ct', policy: 'disconnect' }],
}, async (server) => {
  const strict = await stalledNative(server, 'room=strict');
  const patient = await stalledNative(server);
  const seqs = await flood(server, { envelope: () => ({ room: null, rooms: ['strict', ROOM], data: filler }), more: 24 });
  strict.raw.socket.resume();

  assert.deepEqual(await strict.closed(), { code: 1008, reason: 'too far behind' });
  await server.untilClosed('too_slow', 1);
  const { received } = await drain(patient, seqs.at(-1));
  assert.equal(received.at(-1).seq, seqs.at(-1));
}));

test('policy disconnect: a client that never reads again is gone too, for that reason', withServer({
  ...smallJournal, slow_client_policy: 'disconnect',
}, async (server) => {
  await stalledNative(server);
  await flood(server);
  await server.untilMetric('clients_native', 0);
  await server.untilMetric('connections', 1);

  assert.equal(await server.metric('closes_total{reason="too_slow"}'), 1);
}));

const scores = { rooms: [{ pattern: 'a', policy: 'conflate' }, { pattern: '*', policy: 'disconnect' }] };

test('policy conflate: of each key a stalled client gets the newest, and no gap', withServer({ ...smallJournal, ...scores }, async (server) => {
  const stalled = await stalledNative(server);
  const fast = await server.native({ room: ROOM });
  const keys = ['ohio', 'iowa', 'utah'];
  const seqs = await flood(server, { envelope: (i) => ({ key: keys[i % 3], data: [keys[i % 3], i, filler] }) });
  const { received, gaps } = await drain(stalled, seqs.at(-1));
  const newest = (messages, key) => messages.filter(({ data }) => data[0] === key).at(-1).data[1];

  assert.deepEqual(gaps, []);
  assert.ok(received.length < seqs.length);
  const { length } = seqs;
  for (const key of keys) {
    assert.ok(newest(received, key) >= length - 3, key);
  }
  let last;
  do last = (await fast.next()).seq; while (last !== seqs.at(-1));
  assert.ok((await server.metric('conflated_total')) > 0);
}));

test('policy conflate: who keeps up gets every message', withServer(scores, async (server) => {
  const client = await server.native({ room: ROOM });
  for (let i = 0; i < 20; i++) {
    await server.publish({ room: ROOM, event: 'e', key: 'k', data: i });
    assert.equal((await client.next()).data, i);
  }
}));

test('policy conflate: the newest of each key outlives the journal', withServer({ ...scores, journal: { messages: 2 } }, async (server) => {
  const { seq } = await server.publish({ room: ROOM, event: 'e', key: 'k1', data: 'old' });
  await server.publish({ room: ROOM, event: 'e', key: 'k2', data: 'two' });
  await server.publish({ room: ROOM, event: 'e', key: 'k1', data: 'new' });
  for (let i = 0; i < 4; i++) await server.publish({ room: 'other', event: 'e' });
  const ws = await server.websocket(`/ws?room=${ROOM}&since=${seq - 1}`);
  await ws.receive();
  const messages = [];
  while (messages.length < 2) {
    const message = await ws.receiveJson();
    if (message.type === 'message') messages.push(message.data);
    else assert.notEqual(message.room, ROOM, 'nothing of this room is missing');
  }

  assert.deepEqual(messages, ['two', 'new']);
}));

test('policy conflate: messages without a key are missed with a gap', withServer({ ...smallJournal, ...scores }, async (server) => {
  const stalled = await stalledNative(server);
  const seqs = await flood(server);
  const result = await drain(stalled, seqs.at(-1));

  assert.ok(result.gaps.length > 0);
  assertExact(seqs, result);
}));

test('the key of /publish/ROOM/EVENT conflates too', withServer({ ...scores, journal: { messages: 2 } }, async (server) => {
  const post = (body) => server.get('/publish/a/e?key=k%20%C3%BC', {
    method: 'POST', body, headers: { Authorization: 'Bearer correct horse' },
  });
  const { seq } = (await post('1')).json();
  await post('2');
  await server.publish(Array(3).fill({ room: 'other', event: 'e' }));
  const client = await server.native({ room: ROOM, since: seq - 1 });
  let message;
  do message = await client.inbox.take(); while (message.type === 'gap');

  assert.equal(message.data, 2);
}));

test('large messages reach all, one by one and behind each other', withServer({}, async (server) => {
  const clients = [await server.native({ room: ROOM }), await server.socketio('/', { auth: { rooms: [ROOM] } })];
  for (const bytes of [100_000, 300_000, 1_000_000]) {
    const data = 'x'.repeat(bytes);
    for (let i = 0; i < 3; i++) await server.publish({ room: ROOM, event: 'e', data });
    for (let i = 0; i < 3; i++) {
      assert.equal((await clients[0].next()).data.length, bytes);
      assert.equal((await clients[1].next())[1].length, bytes);
    }
  }
}));

test('max_unsent: what a stalled client does not take waits in the journal, not in the kernel', async (t) => {
  const taken = [];
  for (const bytes of [16384, 0]) {
    await withServer({ max_unsent: bytes }, async (server) => {
      await stalledNative(server);
      taken.push((await flood(server, { more: 1 })).length);
    })(t);
  }

  assert.ok(taken[0] < taken[1] / 2, `${taken} messages until the socket was full`);
});

test('many stalled clients at once', withServer(smallJournal, async (server) => {
  const stalled = await Promise.all(Array.from({ length: 10 }, () => stalledNative(server)));
  const fast = await server.native({ room: ROOM });
  const seqs = await flood(server, { others: [fast], stalled: 10 });

  assert.ok((await server.status()).journal.bytes <= JOURNAL_BYTES, 'the journal keeps to its bytes');
  for (const ws of stalled.slice(0, 3)) assertExact(seqs, await drain(ws, seqs.at(-1)));
}));

test('a client that comes back late is told the gap, also where slow clients are disconnected', withServer(
  { slow_client_policy: 'disconnect', journal: { messages: 3, bytes: 1048576, age: 0 } },
  async (server) => {
    const first = (await server.publish({ event: 'e', data: 0 })).seq;
    for (let i = 1; i <= 9; i++) await server.publish({ event: 'e', data: i });
    const client = await server.native({ since: first });

    const gap = await client.next('gap');
    assert.deepEqual([gap.from, gap.to], [first + 1, first + 6]);
    assert.deepEqual((await client.nextMany(3)).map(({ data }) => data), [7, 8, 9]);
  },
));
