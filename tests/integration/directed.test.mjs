// Directed messages: from a client, or a publisher, to one session.
import assert from 'node:assert/strict';
import test from 'node:test';
import { encode } from '@msgpack/msgpack';
import msgpackParser from 'socket.io-msgpack-parser';

import { AnyClient, clientKinds } from './lib/any-client.mjs';
import { away, Recovering, ways } from './lib/recovering.mjs';
import { msgpack } from './lib/msgpack-client.mjs';
import { opcode } from './lib/raw-websocket.mjs';
import { PollingSession } from './lib/polling-session.mjs';
import { post } from './lib/packed.mjs';
import { request } from './lib/http.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

const config = { client_send: true, io_threads: 2, eio3: true };
const threadOf = (id) => Buffer.from(id, 'base64url')[0];
const NOBODY = /no session has that id/;

// Publishes to one session through the admin listener.
function publishTo(server, envelope) {
  return request(server.admin, '/publish', { method: 'POST', body: JSON.stringify(envelope) });
}

// --- Between clients

// Clients of version 2 are not told their id; whoever they send to is.
async function addressOf(client, listener) {
  assert.deepEqual(await client.ask('send', { to: listener.socket.id, event: 'hello' }), { ok: true });
  return (await listener.next()).at(-1).from;
}

test('every Socket.IO client sends to every other, and to itself', withServer(config, async (server) => {
  const listener = await server.socketio();
  const clients = await Promise.all(clientKinds.map((kind) => AnyClient.connect(server, kind, { events: ['hi'] })));
  const ids = [];
  for (const [i, client] of clients.entries()) {
    ids.push(await addressOf(client, listener));
    if (!clientKinds[i].old) assert.equal(ids[i], client.socket.id);
  }
  for (const [i, sender] of clients.entries()) {
    for (const [j, to] of ids.entries()) {
      assert.deepEqual(await sender.ask('send', { to, event: 'hi', data: { i, j } }), { ok: true });
    }
  }
  for (const [j, client] of clients.entries()) {
    const got = await client.nextMany(clients.length);
    assert.deepEqual(got, clients.map((_, i) => ['hi', { i, j }, { from: ids[i] }]), clientKinds[j].name);
    assert.equal(client.inbox.length, 0);
  }
  assert.deepEqual(new Set(ids.map(threadOf)), new Set([0, 1]), 'both threads had clients');
  assert.equal(await server.metric('directed_total'), clients.length ** 2 + clients.length);
  assert.equal(await server.metric('journal_messages'), 0);
}));

test('native, MessagePack and Socket.IO clients send to each other', withServer(config, async (server) => {
  const native = await server.native();
  const packed = await msgpack(server);
  const socketio = await server.socketio();
  const [a, b, c] = [native.hello.session, packed.hello.session, socketio.socket.id];

  for (const to of [a, b, c]) {
    assert.equal((await native.command({ type: 'send', to, event: 'e', data: 1 })).type, 'ack');
    assert.equal((await packed.command({ type: 'send', to, event: 'e', data: 2 })).type, 'ack');
    assert.deepEqual(await socketio.ask('send', { to, event: 'e', args: [3, 4] }), { ok: true });
  }
  const object = (from, rest) => ({ type: 'directed', from, event: 'e', ...rest });
  const expected = [object(a, { data: 1 }), object(b, { data: 2 }), object(c, { args: [3, 4] })];
  assert.deepEqual(await native.nextMany(3, 'directed'), expected);
  assert.deepEqual(await packed.nextMany(3, 'directed'), expected);
  assert.deepEqual(await socketio.next(), ['e', 1, { from: a }]);
  assert.deepEqual(await socketio.next(), ['e', 2, { from: b }]);
  assert.deepEqual(await socketio.next(), ['e', 3, 4, { from: c }]);
}));

test('args may be empty, data may be left out, and the ack too', withServer(config, async (server) => {
  const client = await server.socketio();
  const { id } = client.socket;
  client.socket.emit('send', { to: id, event: 'none', args: [] });
  client.socket.emit('send', { to: id, event: 'null' });
  client.socket.emit('send', { to: id, event: 'raw', data: 'ü€😀' });

  assert.deepEqual(await client.next(), ['none', { from: id }]);
  assert.deepEqual(await client.next(), ['null', null, { from: id }]);
  assert.deepEqual(await client.next(), ['raw', 'ü€😀', { from: id }]);
}));

test('binary data arrives as what it is, where that can be', withServer(config, async (server) => {
  const data = { picture: Buffer.from([0, 1, 254, 255]) };
  const sender = await server.socketio();
  const packing = await server.socketio('/', { parser: msgpackParser });
  const polling = await server.socketio('/', { transports: ['polling'] });
  const native = await server.native();
  const packed = await msgpack(server);
  const from = sender.socket.id;

  for (const { socket } of [sender, packing, polling]) {
    assert.deepEqual(await sender.ask('send', { to: socket.id, event: 'e', data }), { ok: true });
  }
  for (const { hello } of [native, packed]) {
    assert.deepEqual(await sender.ask('send', { to: hello.session, event: 'e', data }), { ok: true });
  }
  for (const client of [sender, packing, polling]) assert.deepEqual(await client.next(), ['e', data, { from }]);
  assert.deepEqual((await native.next('directed')).data, { picture: { base64: 'AAH+/w==' } });
  assert.deepEqual(Buffer.from((await packed.next('directed')).data.picture), data.picture);
  assert.deepEqual(await packing.ask('send', { to: from, event: 'back', data }), { ok: true });
  assert.deepEqual(await sender.next(), ['back', data, { from: packing.socket.id }]);
}));

test('a sender\'s messages stay in order, over both threads', withServer({ ...config, client_rate: 0 }, async (server) => {
  const sender = await server.native();
  const receivers = [await server.native(), await server.native()];
  for (let i = 0; i < 2000; i++) {
    sender.send({ type: 'send', to: receivers[i % 2].hello.session, event: 'e', data: i });
  }
  for (const [j, receiver] of receivers.entries()) {
    const got = await receiver.nextMany(1000, 'directed');
    assert.deepEqual(got.map(({ data }) => data), Array.from({ length: 1000 }, (_, i) => 2 * i + j));
  }
  assert.equal((await sender.nextMany(2000, 'ack')).length, 2000);
}));

test('a namespace is a world of its own', withServer({ ...config, namespaces: ['/', '/b'] }, async (server) => {
  const client = await server.socketio();
  const other = await server.socketio('/b');
  const native = await server.native({ namespace: '/b' });

  assert.match((await client.ask('send', { to: other.socket.id, event: 'e' })).error, NOBODY);
  assert.match((await client.ask('send', { to: native.hello.session, event: 'e' })).error, NOBODY);
  assert.deepEqual(await other.ask('send', { to: native.hello.session, event: 'e' }), { ok: true });
  assert.equal((await native.next('directed')).from, other.socket.id);
  assert.equal((await publishTo(server, { to: other.socket.id, event: 'e' })).status, 404);
  assert.equal((await publishTo(server, { to: other.socket.id, namespace: '/b', event: 'e' })).status, 200);
  assert.deepEqual(await other.next(), ['e', null, { from: null }]);
}));

test('nobody is found by an id that has gone, never was, or is a secret', withServer(config, async (server) => {
  const client = await server.socketio();
  const gone = await server.socketio();
  const { id } = gone.socket;
  const secret = client.socket.io.engine.id;
  gone.destroy();
  await server.untilMetric('clients_socketio', 1);
  const far = Buffer.from(client.socket.id, 'base64url');
  far.fill(255, 1, 5); // a place that does not exist
  const other = Buffer.from(client.socket.id, 'base64url');
  other[15] ^= 1;

  for (const to of [id, secret, far.toString('base64url'), other.toString('base64url'), '', 'x', 'é'.repeat(11), 'A'.repeat(22), '_'.repeat(22), 'x'.repeat(1000)]) {
    assert.match((await client.ask('send', { to, event: 'e' })).error, NOBODY, to);
    assert.equal((await publishTo(server, { to, event: 'e' })).status, 404, to);
  }
  assert.equal(client.inbox.length, 0);
}));

test('wrong envelopes are refused with what to do', withServer(config, async (server) => {
  const client = await server.socketio();
  const native = await server.native();
  const to = client.socket.id;
  const wrong = [
    [{ event: 'e' }, /"to" is missing/],
    [{ to: 7, event: 'e' }, /"to" must be a text/],
    [{ to: null, event: 'e' }, /"to" must be a text/],
    [{ to }, /"event" is missing/],
    [{ to, event: 'connect' }, /reserve/],
    [{ to, event: 'e', data: 1, args: [2] }, /either "data" or "args"/],
    [{ to, event: 'e', args: 2 }, /array/],
    [{ to, event: 'e', room: 'a' }, /there is no room/],
    [{ to, event: 'e', except: ['a'] }, /no except/],
    [{ to, event: 'e', key: 'k' }, /no key/],
    [{ to, event: 'e', other: 1 }, /"other" is not a member/],
  ];

  for (const [envelope, error] of wrong) {
    const answer = await client.ask('send', envelope);
    assert.equal(answer.ok, false);
    assert.match(answer.error, error);
    assert.match((await native.command({ type: 'send', ...envelope })).message, error);
    if (envelope.to !== undefined) assert.match((await publishTo(server, envelope)).json().message, error);
  }
  for (const argument of [undefined, 'text', ['a'], 5]) {
    assert.equal((await client.ask('send', argument)).ok, false);
  }
  assert.match((await client.ask('publish', { to, event: 'e' })).error, /, send/);
  assert.equal(client.inbox.length, 0);
}));

test('without client_send clients cannot, but publishers can', withServer({ client_publish: true }, async (server) => {
  const client = await server.socketio();
  const native = await server.native();
  const to = client.socket.id;

  assert.match((await client.ask('send', { to, event: 'e' })).error, /client_send/);
  assert.match((await native.command({ type: 'send', to, event: 'e' })).message, /client_send/);
  assert.match((await client.ask('publish', { to, event: 'e' })).error, /, send/);
  assert.equal((await publishTo(server, { to, event: 'e', data: 1 })).status, 200);
  assert.deepEqual(await client.next(), ['e', 1, { from: null }]);
}));

// --- From publishers

test('a publisher is told whether a queue was reached', withServer({ io_threads: 2 }, async (server) => {
  const native = [await server.native(), await server.native(), await server.native()];
  for (const { hello } of native) {
    const answer = await publishTo(server, { to: hello.session, event: 'e', args: [1, 2] });
    assert.deepEqual([answer.status, answer.json()], [200, { delivered: true }]);
  }
  for (const client of native) {
    assert.deepEqual(await client.next('directed'), { type: 'directed', from: null, event: 'e', args: [1, 2] });
  }
  const to = native[0].hello.session;
  const packed = await post(server, encode({ to, event: 'e', data: Buffer.from('x') }));
  assert.deepEqual(packed.json(), { delivered: true });
  assert.deepEqual((await native[0].next('directed')).data, { base64: 'eA==' });
  const key = await request(server.clients, '/publish', {
    method: 'POST', body: JSON.stringify({ to, event: 'e' }), headers: { Authorization: `Bearer ${KEY}` },
  });
  assert.equal(key.status, 200);
  const keyless = await request(server.clients, '/publish', { method: 'POST', body: JSON.stringify({ to, event: 'e' }) });
  assert.equal(keyless.status, 401);
}));

test('an array may be for rooms and for sessions; the answer has one element for each', withServer({ io_threads: 2 }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => server.native({ room: 'a' })));
  const [id, gone] = [clients[0].hello.session, Buffer.alloc(16).toString('base64url')];
  const array = [
    { to: id, event: 'first' }, { room: 'a', event: 'second' }, { to: gone, event: 'e' }, { to: 'x', event: 'e' },
    ...clients.map(({ hello }, data) => ({ to: hello.session, event: 'third', data })), { event: 'fourth' },
  ];
  const unknown = { delivered: false, error: 'no session has that id' };
  for (const answer of [await request(server.admin, '/publish', { method: 'POST', body: JSON.stringify(array) }), await post(server, encode(array))]) {
    assert.equal(answer.status, 200, answer.text);
    const results = answer.json();
    assert.equal(results.length, array.length);
    assert.deepEqual(results[0], { delivered: true });
    assert.equal(results[1].clients, 6);
    assert.deepEqual(results.slice(2, 4), [unknown, unknown]);
    assert.ok(results.slice(4, 10).every(({ delivered }) => delivered));
    assert.equal(results[10].seq, results[1].seq + 1);
    for (const [i, client] of clients.entries()) {
      const got = [];
      while (got.length < (i === 0 ? 4 : 3)) got.push(await client.inbox.take());
      assert.deepEqual(got.filter(({ type }) => type === 'message').map(({ event }) => event), ['second', 'fourth']);
      assert.deepEqual(got.filter(({ type }) => type === 'directed').map(({ event, data }) => [event, data]),
        [...(i === 0 ? [['first', null]] : []), ['third', i]]);
    }
  }
  const only = await request(server.admin, '/publish', { method: 'POST', body: JSON.stringify([{ to: 'x', event: 'e' }]) });
  assert.deepEqual(only.json(), [unknown]);
  const wrong = await request(server.admin, '/publish', { method: 'POST', body: JSON.stringify([{ to: id, event: 'e' }, { event: 'e' }, { to: id }]) });
  assert.equal(wrong.status, 400);
  assert.match(wrong.json().message, /element 2: "event"/);
  assert.equal(clients[0].inbox.length, 0, 'nothing of a wrong array is sent');
}));

// So many fit into a client's queue, whether it reads or not.
test('a publisher may send two thousand at once, and go before the answer', withServer({ io_threads: 2 }, async (server) => {
  const client = await server.native();
  const array = Array.from({ length: 2_000 }, (_, data) => ({ to: client.hello.session, event: 'e', data }));
  const answer = await request(server.admin, '/publish', { method: 'POST', body: JSON.stringify(array) });
  assert.ok(answer.json().every(({ delivered }) => delivered));
  assert.deepEqual((await client.nextMany(2_000, 'directed')).map(({ data }) => data), array.map(({ data }) => data));
  const body = JSON.stringify(array.slice(0, 1000));
  const raw = await server.raw(server.admin);
  raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  raw.destroy();
  await server.publish({ event: 'still there' });
}));

test('an EventSource is reached by the session of its hello', withServer(config, async (server) => {
  const client = await SseClient.connect(server.clients);
  server.closeLater(client);
  const { session } = JSON.parse(client.start.data ?? (await client.inbox.take()).data);
  const sender = await server.socketio();

  assert.deepEqual(await sender.ask('send', { to: session, event: 'e', data: { a: 1 } }), { ok: true });
  assert.deepEqual(await client.inbox.take(), { event: 'e', data: '{"a":1}' });
}));

test('a publisher that goes before its answer does no harm', withServer({ io_threads: 2 }, async (server) => {
  const client = await server.native();
  const body = JSON.stringify({ to: client.hello.session, event: 'e' });
  for (let i = 0; i < 50; i++) {
    const raw = await server.raw(server.admin);
    raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    raw.destroy();
  }
  await server.publish({ event: 'still there' });
  await until(async () => (await client.inbox.take('a message')).type === 'message', 'the broadcast');
}));

// --- Those who are not there at the moment

test('a client between two polls gets them with its next one', withServer(config, async (server) => {
  const session = await PollingSession.connect(server.clients);
  for (const data of [1, 2, 3]) assert.equal((await publishTo(server, { to: session.socketId, event: 'e', data })).status, 200);

  assert.deepEqual(await session.receive(), [1, 2, 3].map((data) => `42["e",${data},{"from":null}]`));
}));

test('who does not fetch what is for him is closed, and the sender told', withServer(config, async (server) => {
  const session = await PollingSession.connect(server.clients);
  const sender = await server.socketio();
  const data = 'x'.repeat(30_000);
  let answer;
  for (let i = 0; i < 20 && (answer === undefined || answer.ok); i++) {
    answer = await sender.ask('send', { to: session.socketId, event: 'e', data });
  }
  assert.match(answer.error, /too much waits/);
  await server.untilClosed('queue_full', 1);
  assert.match((await sender.ask('send', { to: session.socketId, event: 'e' })).error, NOBODY);
}));

for (const [name, target] of [['native', '/ws'], ['Socket.IO', '/socket.io/?EIO=4&transport=websocket'], ['SSE', null]]) {
  test(`a ${name} client that stops reading is closed, and the sender told`, withServer({ ...config, max_publish_size: 1 << 20 }, async (server) => {
    let to;
    if (target === null) {
      const raw = await server.raw();
      raw.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
      to = JSON.parse(/data: (.*)\n/.exec(await raw.readUntil('}\n\n'))[1]).session;
      raw.socket.pause();
    } else {
      const ws = await server.websocket(target);
      const first = (await ws.receive()).text;
      if (name === 'native') {
        to = JSON.parse(first).session;
      } else {
        ws.send(opcode.text, '40');
        to = JSON.parse((await ws.receive()).text.slice(2)).sid;
      }
      ws.raw.socket.pause();
    }
    const data = 'x'.repeat(200_000);
    let answer;
    for (let i = 0; i < 200 && (answer === undefined || answer.status === 200); i++) {
      answer = await publishTo(server, { to, event: 'e', data });
    }
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.json().error, 'queue_full');
    await server.untilClosed('queue_full', 1);
  }));
}

// --- Connection state recovery

const recovering = { ...config, recovery_time: 30, namespaces: ['/', '/b'] };
const drain = (client, count) => Promise.all(Array.from({ length: count }, () => client.events.take()));

for (const [way, options] of Object.entries(ways)) {
  for (const how of ['reset', 'strand']) {
    for (const parser of [undefined, msgpackParser]) {
      test(`${way}, ${how}${parser ? ', MessagePack' : ''}: what is sent to a lost client is there when it comes back`, withServer(recovering, async (server) => {
        const client = await Recovering.open(server, { ...options, ...(parser && { parser }) });
        const sender = await msgpack(server);
        const send = async (n) => {
          assert.equal((await sender.command({ type: 'send', to: client.id, event: 'e', data: { ...data, n } })).type, 'ack', `${n}`);
          wanted.push(['e', { ...data, n }, { from: sender.hello.session }]);
        };
        const data = { bytes: Buffer.from('ü') };
        const wanted = [];
        const again = await away(server, client, how, async () => {
          if (how === 'strand') return; // the server does not know yet that it is lost
          for (const n of [1, 2, 3]) await send(n);
        });
        assert.deepEqual(again, { id: client.id, recovered: true });
        for (const n of [4, 5, 6, 7]) await send(n);
        assert.deepEqual(await drain(client, wanted.length), wanted);
        assert.equal(client.events.length, 0);
      }));
    }
  }
}

test('a client that has come back on another thread is found, again and again', withServer({ ...recovering, io_threads: 4 }, async (server) => {
  const client = await Recovering.open(server);
  const senders = await Promise.all([1, 2, 3, 4].map(() => server.native()));
  const threads = new Set();
  let n = 0;
  for (let round = 0; round < 12; round++) {
    const again = await away(server, client, 'reset', async () => {
      for (const sender of senders) {
        assert.equal((await sender.command({ type: 'send', to: client.id, event: 'e', data: n++ })).type, 'ack');
      }
    });
    assert.deepEqual(again, { id: client.id, recovered: true });
    threads.add(threadOf(client.socket.io.engine.id));
    for (const sender of senders) {
      assert.equal((await sender.command({ type: 'send', to: client.id, event: 'e', data: n++ })).type, 'ack');
    }
  }
  assert.deepEqual((await drain(client, n)).map(([, data]) => data), Array.from({ length: n }, (_, i) => i));
  assert.ok(threads.size > 1, `it came back on threads ${[...threads]}`);
}));

test('what had not been fetched when a client was lost waits with the rest', withServer({ ...recovering, ping_interval: 300, ping_timeout: 300 }, async (server) => {
  const session = await PollingSession.open(server.clients);
  await session.send('40', '40/b,');
  const [welcome, other] = await session.receiveMany(2);
  const { sid, pid } = JSON.parse(welcome.slice(2));
  const to = JSON.parse(other.slice(5)).sid;
  await session.send('420["join","a"]', '42/b,1["join","a"]');
  assert.equal((await publishTo(server, { to: sid, event: 'e', data: 1 })).status, 200);
  assert.equal((await publishTo(server, { to, namespace: '/b', event: 'e', data: 'b' })).status, 200);
  assert.equal((await publishTo(server, { to: sid, event: 'e', data: 2 })).status, 200);
  await server.untilMetric('recovery_kept', 2); // it has not polled for too long
  assert.equal((await publishTo(server, { to: sid, event: 'e', data: 3 })).status, 200);

  const back = await PollingSession.open(server.clients);
  await back.send(`40${JSON.stringify({ pid, offset: undefined })}`);
  const [again, ...events] = await back.receiveMany(4);
  assert.equal(JSON.parse(again.slice(2)).sid, sid);
  assert.deepEqual(events, [1, 2, 3].map((data) => `42["e",${data},{"from":null}]`));
}));

test('too much for a lost client is refused, and it gets what there was', withServer(recovering, async (server) => {
  const client = await Recovering.open(server);
  const data = 'x'.repeat(60_000);
  let kept = 0;
  const again = await away(server, client, 'reset', async () => {
    for (;;) {
      const answer = await publishTo(server, { to: client.id, event: 'e', data });
      if (answer.status !== 200) {
        assert.equal(answer.json().error, 'queue_full');
        break;
      }
      kept++;
      assert.ok(kept < 20);
    }
  });
  assert.deepEqual(again, { id: client.id, recovered: true });
  assert.ok(kept >= 4, `${kept}`);
  assert.equal((await drain(client, kept)).length, kept);
  assert.equal(await server.metric('recovery_kept'), 0);
}));

test('a client that has been lost for too long is nobody', withServer({ ...recovering, recovery_time: 1 }, async (server) => {
  const client = await Recovering.open(server);
  client.proxy.down('reset');
  await server.untilMetric('recovery_kept', 1);
  assert.equal((await publishTo(server, { to: client.id, event: 'e' })).status, 200);
  await server.untilMetric('recovery_kept', 0);
  assert.equal((await publishTo(server, { to: client.id, event: 'e' })).status, 404);
}));

test('while others come and go: what is acknowledged is there exactly once, at the addressed client only', withServer({ ...config, io_threads: 4, client_rate: 0 }, async (server) => {
  const stay = await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 ? server.native() : msgpack(server))));
  const expected = stay.map(() => new Set());
  let n = 0;
  for (let round = 0; round < 15; round++) {
    const guests = await Promise.all(Array.from({ length: 8 }, () => server.native()));
    const ids = [...stay, ...guests].map(({ hello }) => hello.session);
    const sends = [];
    for (const client of [...stay, ...guests]) {
      for (let i = 0; i < 10; i++) {
        const to = (n * 7) % ids.length;
        const data = n++;
        const answer = client.command({ type: 'send', to: ids[to], event: 'e', data });
        sends.push(answer.then(({ type }) => type === 'ack' && to < stay.length && expected[to].add(data), () => {}));
      }
    }
    for (const guest of guests) guest.destroy(); // in the middle of it
    await Promise.all(sends.slice(0, stay.length * 10));
    await server.untilMetric('clients_native', stay.length);
  }
  for (const [i, client] of stay.entries()) {
    const got = [];
    while (new Set(got).size < expected[i].size || client.inbox.length > 0) got.push((await client.next('directed')).data);
    assert.equal(new Set(got).size, got.length, 'nothing came twice');
    for (const data of expected[i]) assert.ok(got.includes(data), `${data} is missing`);
    for (const data of got) assert.equal((data * 7) % 20, i, 'it was for another one');
  }
}));

test('at the end of the server nothing hangs', withServer({ ...config, io_threads: 4 }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => server.native()));
  for (let i = 0; i < 400; i++) {
    clients[i % 8].send({ type: 'send', to: clients[(i * 7) % 8].hello.session, event: 'e', data: 'x'.repeat(1000) });
  }
  await within(server.stop(), 'the end');
}));
