// Two servers that are given the same numbers: clients of one go on at the other.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { io } from 'socket.io-client';
import msgpackParser from 'socket.io-msgpack-parser';

import { request } from './lib/http.mjs';
import { packed } from './lib/packed.mjs';
import { run } from './lib/program.mjs';
import { opcode } from './lib/raw-websocket.mjs';
import { Recovering, patient } from './lib/recovering.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { defaults, Stentord, withServer } from './lib/stentord.mjs';
import { origin } from './lib/tls.mjs';
import { event, timeFactor, until } from './lib/wait.mjs';

const SECONDS = 2 * timeFactor;
const url = (listener) => `http://${listener.host}:${listener.port}`;
const post = (server, target, body, headers) => request(server.admin, target, { method: 'POST', body, headers });
const publish = (server, envelope) => post(server, '/publish', JSON.stringify(envelope));

// Microseconds since 1970, each above the one before.
let newest = 0;
const number = () => (newest = Math.max(newest + 1, Date.now() * 1000));

const config = { recovery_time: 60, client_send: true };

// The one that is to take over is the younger one, as it is on the day.
const withTwo = (body) => async (t) => {
  const first = await Stentord.start(config);
  t.after(() => first.abandon());
  const second = await Stentord.start({ ...config, io_threads: 1 });
  t.after(() => second.abandon());
  await first.reload({ ...config, successor: url(second.admin) });
  try {
    await body(first, second);
  } catch (error) {
    t.diagnostic(`the log of the first:\n${first.log}\nof the second:\n${second.log}`);
    throw error;
  }
};

test('a publisher numbers its messages', withServer({}, async (server) => {
  const client = await server.native();
  const seq = number();
  assert.equal((await publish(server, { event: 'e', seq })).json().seq, seq);
  assert.equal((await client.next()).seq, seq);
  assert.equal((await post(server, `/publish/*/e?seq=${seq + 10}`, '1')).json().seq, seq + 10);
  const answers = await publish(server, [{ event: 'e', seq: seq + 20 }, { event: 'e' }, { event: 'e', seq: seq + 22 }]);
  assert.deepEqual(answers.json().map((answer) => answer.seq), [seq + 20, seq + 21, seq + 22]);
  const msgpack = packed({ event: 'e', seq: seq + 30 });
  assert.equal((await post(server, '/publish', msgpack, { 'Content-Type': 'application/msgpack' })).json().seq, seq + 30);
  assert.equal((await server.publish({ event: 'e' })).seq, seq + 31, 'its own numbers go on from there');
  for (const want of [10, 20, 21, 22, 30, 31]) assert.equal((await client.next()).seq, seq + want);
}));

test('a number that is not above the others is refused, and nothing is published', withServer({}, async (server) => {
  const client = await server.native();
  const seq = number();
  await publish(server, { event: 'e', seq });
  for (const envelope of [
    { event: 'e', seq },
    { event: 'e', seq: seq - 1 },
    [{ event: 'e', seq: seq + 1 }, { event: 'e', seq: seq + 1 }],
    [{ event: 'e', seq: seq + 1 }, { event: 'e' }, { event: 'e', seq: seq + 2 }],
    [{ event: 'e', seq }, { to: client.hello.session, event: 'directed' }],
  ]) {
    const answer = await publish(server, envelope);
    assert.equal(answer.status, 409);
    assert.equal(answer.json().error, 'seq_not_above');
    assert.match(answer.json().message, new RegExp(`above ${seq}|above ${seq + 1}|above ${seq + 2}`));
  }
  assert.equal((await post(server, `/publish/*/e?seq=${seq}`, '1')).status, 409);
  await server.publish({ event: 'end' });
  assert.equal((await client.next()).seq, seq);
  assert.equal((await client.next()).event, 'end');
}));

test('what cannot be a number of microseconds is refused', withServer({ client_publish: true }, async (server) => {
  const client = await server.native();
  for (const seq of [0, -1, 'x', null, 1.5e300, Date.now() * 1000 + 3_600_000_000]) {
    assert.equal((await publish(server, { event: 'e', seq })).status, 400, `${seq}`);
  }
  for (const seq of ['0', '-1', 'x', '', '99999999999999999', `${Date.now() * 1000 + 3_600_000_000}`]) {
    const answer = await post(server, `/publish/*/e?seq=${seq}`, '1');
    assert.equal(answer.status, 400, seq);
    assert.match(answer.json().message, /microseconds/);
  }
  assert.equal((await publish(server, { to: client.hello.session, event: 'e', seq: number() })).status, 400);
  assert.match((await client.command({ type: 'publish', event: 'e', seq: number() })).message, /only who publishes over HTTP/);
}));

test('native clients and EventSources go from one server to the other, without a gap', withTwo(async (first, second) => {
  const seqs = [number(), number(), number(), number()];
  const give = async (server, i) => publish(server, { room: 'a', event: 'e', seq: seqs[i] });
  for (const server of [first, second]) await give(server, 0);
  await give(first, 1);
  // The first server is ahead with one message, which the second gets when the client is there already.
  const native = await second.native({ room: 'a', since: seqs[1] });
  const sse = second.closeLater(await SseClient.connect(second.clients, { room: 'a' }, { 'Last-Event-ID': `${seqs[0]}` }));
  assert.equal(native.hello.seq, seqs[1]);
  for (const i of [1, 2]) await give(second, i);
  assert.equal((await native.next()).seq, seqs[2]);
  const events = [await sse.next(), await sse.next()].filter(({ event }) => event === 'e');
  assert.deepEqual(events.map(({ id }) => Number(id)), seqs.slice(1, 1 + events.length));
}));

const kinds = {
  WebSocket: { transports: ['websocket'] },
  polling: { transports: ['polling'] },
  'WebSocket, MessagePack': { transports: ['websocket'], parser: msgpackParser },
  'polling, MessagePack': { transports: ['polling'], parser: msgpackParser },
};

// Clients of all kinds, each in a room of its own, too.
async function wanderers(first, second, count) {
  const clients = [];
  for (let i = 0; i < count; i++) {
    const options = Object.values(kinds)[i % 4];
    const client = new Recovering(io(origin(first.clients), { ...patient, ...options, auth: { rooms: ['a'] } }));
    second.closeLater(client);
    client.id = (await client.connected()).id;
    assert.deepEqual(await client.socket.emitWithAck('join', `own${i}`), { ok: true });
    clients.push(client);
  }
  return clients;
}

// The first server drains, and the second takes its port as soon as it can have it.
async function takeOver(first, second) {
  const listeners = [...defaults.listeners, { address: '127.0.0.1', port: first.clients.port }];
  first.stopping = true;
  assert.equal((await post(first, `/drain?seconds=${SECONDS}`)).status, 200);
  await until(async () => (await second.reload({ ...config, listeners })).status === 200, 'the port');
}

test('Socket.IO clients are handed over: same id, same rooms, nothing lost and nothing twice', withTwo(async (first, second) => {
  const clients = await wanderers(first, second, 24);
  let publishing = true;
  let published = 0;
  const publisher = (async () => {
    for (; publishing; published++, await sleep(2)) {
      const envelope = { room: ['a', `own${published % 24}`][published % 2], event: 'n', data: published, seq: number() };
      await Promise.all([first, second].map((server) => publish(server, envelope).catch(() => null)));
    }
  })();
  await until(() => published > 20, 'a start');
  await takeOver(first, second);
  for (const client of clients) {
    const { id, recovered } = await client.connected();
    assert.deepEqual([id, recovered], [client.id, true]);
  }
  publishing = false;
  await publisher;
  await publish(second, { event: 'end', seq: number() });
  for (const [i, client] of clients.entries()) {
    const got = [];
    for (;;) {
      const [event, data] = await client.events.take('the end');
      if (event === 'end') break;
      assert.equal(event, 'n');
      got.push(data);
    }
    const due = Array.from({ length: published }, (_, n) => n).filter((n) => n % 2 === 0 || n % 24 === i);
    assert.deepEqual(got, due, `client ${i}`);
  }
  assert.equal(await second.metric('adopted_total'), 24);
  assert.equal(await second.metric('recovered_total'), 24);
  assert.match(first.log, new RegExp(`what is kept of them goes to ${url(second.admin)}`));
  assert.doesNotMatch(first.log, /could not be handed over/);
}));

test('what waits for a lost client alone, and who is lost already, is handed over, too', withTwo(async (first, second) => {
  const [away, sender] = await wanderers(first, second, 2);
  for (const server of [first, second]) await publish(server, { room: 'b', event: 'e', seq: server === first ? number() : newest });
  const gone = new Promise((resolve) => away.socket.io.engine.once('close', resolve));
  away.socket.io.reconnection(false);
  away.socket.io.engine.transport.ws.terminate();
  await gone;
  await first.untilMetric('recovery_kept', 1);
  assert.deepEqual(await sender.socket.emitWithAck('send', { to: away.id, event: 'mail', data: 'before' }), { ok: true });
  await takeOver(first, second);
  assert.equal((await sender.connected()).recovered, true);
  assert.deepEqual(await sender.socket.emitWithAck('send', { to: away.id, event: 'mail', data: 'after' }), { ok: true });
  away.socket.connect();
  assert.deepEqual(await away.connected(), { id: away.id, recovered: true });
  for (const data of ['before', 'after']) {
    assert.deepEqual((await away.events.take('mail')).slice(0, 3), ['mail', data, { from: sender.id }]);
  }
}));

test('where the numbers are others, clients begin anew', withTwo(async (first, second) => {
  const [client] = await wanderers(first, second, 1);
  await publish(first, { room: 'a', event: 'e', data: 1, seq: number() });
  assert.equal((await client.events.take('e'))[1], 1);
  // The second server has other numbers: nobody gave it these.
  await second.publish({ room: 'a', event: 'e', data: 'another' });
  await takeOver(first, second);
  assert.equal((await client.connected()).recovered, false, 'its numbers are not known there');
  assert.equal(await second.metric('recovery_missed_total'), 1);
}));

test('without a successor that answers, clients begin anew, and the server ends', async (t) => {
  const server = await Stentord.start({ ...config, successor: 'http://127.0.0.1:1' });
  t.after(() => server.abandon());
  const clients = await Promise.all(Array.from({ length: 4 }, () => server.socketio()));
  server.stopping = true;
  await post(server, '/drain?seconds=1');
  for (const client of clients) assert.equal(await client.disconnected, 'transport close');
  await server.ended();
  assert.match(server.log, /the successor http:\/\/127\.0\.0\.1:1 cannot be reached; its clients begin anew/);
  assert.match(server.log, /4 clients could not be handed over to http:\/\/127\.0\.0\.1:1 and begin anew/);
});

test('a successor that keeps nothing says so', async (t) => {
  const second = await Stentord.start({});
  t.after(() => second.abandon());
  const server = await Stentord.start({ ...config, successor: url(second.admin) });
  t.after(() => server.abandon());
  await server.socketio();
  server.stopping = true;
  await post(server, '/drain?seconds=1');
  await server.ended();
  assert.match(server.log, /answers with 409: .*recovery_time is 0 here/);
});

const ID = Buffer.alloc(16, 1);
const record = (changes = {}) => Object.values({
  pid: ID, id: ID, namespace: '/', given: 1, last: 0, msgpack: false, queue: ['2["e"]', ID], rooms: ['', 1, 0, 'a', 1, 0], ...changes,
});
const adopt = (server, body, headers) => post(server, '/adopt', body, { 'Content-Type': 'application/msgpack', ...headers });

test('/adopt takes records, and nothing else', withServer({ recovery_time: 60 }, async (server) => {
  assert.deepEqual((await adopt(server, packed([]))).json(), { adopted: 0 });
  assert.deepEqual((await adopt(server, packed([record(), record({ pid: Buffer.alloc(16, 255), id: Buffer.alloc(16, 254) })]))).json(), { adopted: 2 });
  await server.untilMetric('recovery_kept', 2);
  assert.deepEqual((await adopt(server, packed([record()]))).json(), { adopted: 1 }, 'once more, in its place');
  await server.untilMetric('adopted_total', 3);
  assert.equal(await server.metric('recovery_kept'), 2);
  for (const body of ['', '[]', packed({}), packed(1), packed([1]), packed([[]]), packed([record()]).subarray(0, -3), Buffer.concat([packed([]), ID])]) {
    assert.equal((await adopt(server, body)).status, 400, `${body}`);
  }
  for (const changes of [
    { pid: ID.subarray(1) }, { pid: 'x'.repeat(16) }, { id: 1 }, { namespace: 1 }, { namespace: '/unknown' }, { given: -1 }, { last: 'x' },
    { msgpack: 1 }, { queue: 'x' }, { queue: [1] }, { rooms: ['a', 1] }, { rooms: ['a', 'b', 1] }, { rooms: ['x'.repeat(257), 1, 1] }, { rooms: {} },
  ]) {
    const answer = await adopt(server, packed([record(changes)]));
    assert.deepEqual([answer.status, answer.json().error], [400, 'bad_record'], JSON.stringify(changes));
  }
  assert.equal((await adopt(server, packed([]), { Origin: 'https://evil.example' })).status, 403);
  assert.equal((await request(server.admin, '/adopt')).status, 405);
  assert.equal((await request(server.clients, '/adopt', { method: 'POST', body: packed([]) })).status, 405, 'not there');
}));

test('a client that comes before its record waits for it', withServer({ recovery_time: 60 }, async (server) => {
  const claim = async (pid) => {
    const client = await server.websocket('/socket.io/?EIO=4&transport=websocket');
    await client.receive();
    client.send(opcode.text, `40${JSON.stringify({ pid: pid.toString('base64url'), offset: '0' })}`);
    return client;
  };
  const answer = async (client) => JSON.parse((await client.receive()).payload.toString().slice(2));
  const [early, unknown] = [Buffer.alloc(16, 7), Buffer.alloc(16, 9)];
  const id = Buffer.alloc(16, 8);
  const known = { pid: early, id, given: Date.now() * 1000, queue: [] };

  assert.notEqual((await answer(await claim(early))).pid, early.toString('base64url'), 'nobody hands over: at once');
  await adopt(server, packed([]));
  const [first, second] = [await claim(early), await claim(unknown)];
  await adopt(server, packed([record(known)]));
  assert.deepEqual(await answer(first), { sid: id.toString('base64url'), pid: early.toString('base64url') });
  assert.notEqual((await answer(second)).pid, unknown.toString('base64url'), 'and nobody waits for ever');
}));

test('a successor that takes what it is sent and says nothing holds nobody up', async (t) => {
  const silent = net.createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await event(silent, 'listening');
  t.after(() => silent.close());
  const server = await Stentord.start({ ...config, successor: `http://127.0.0.1:${silent.address().port}` });
  t.after(() => server.abandon());
  const client = await server.socketio();
  server.stopping = true;
  await post(server, '/drain?seconds=1');
  await client.disconnected;
  await server.ended();
  assert.match(server.log, /1 clients could not be handed over/);
});

test('successor must be the URL of an admin listener', async () => {
  for (const successor of ['127.0.0.1:8081', 'https://127.0.0.1:8081', 'http://localhost:8081', 'http://127.0.0.1', 'http://127.0.0.1:8081/x', 'http://']) {
    await assert.rejects(Stentord.start({ successor }), /successor: .*it must be http:\/\/ADDRESS:PORT/s, successor);
  }
});
