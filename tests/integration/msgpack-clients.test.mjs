// MessagePack beside JSON: Socket.IO clients with socket.io-msgpack-parser, binary data, and what
// each kind of client gets of what the others send.
import assert from 'node:assert/strict';
import test from 'node:test';
import parser from 'socket.io-msgpack-parser';

import { msgpack } from './lib/msgpack-client.mjs';
import { bytes, packed, post, publishPacked } from './lib/packed.mjs';
import { opcode } from './lib/raw-websocket.mjs';
import { withServer } from './lib/stentord.mjs';
import { sse } from './lib/sse-client.mjs';
import { until, within } from './lib/wait.mjs';

const packedClient = (server, options = {}, namespace = '/') => server.socketio(namespace, { parser, ...options });

// --- Binary data, and who gets it how

const mixed = { text: 'ü', list: [bytes(0, 1, 255), 'between', { deep: bytes() }], last: Buffer.alloc(300, 9) };

test('binary data reaches each kind of client in its own way', withServer({}, async (server) => {
  const rooms = { auth: { rooms: ['a'] } };
  const clients = [
    await server.socketio('/', rooms), await server.socketio('/', { ...rooms, transports: ['polling'] }),
    await packedClient(server, rooms), await packedClient(server, { ...rooms, transports: ['polling'] }),
  ];
  const json = await server.native({ room: 'a' });
  const pack = await msgpack(server, 'room=a');
  const stream = await sse(server, { room: 'a' });
  await publishPacked(server, { room: 'a', event: 'e', args: [1, mixed] });

  for (const client of clients) {
    const [event, one, data] = await client.next();
    assert.deepEqual([event, one, data], ['e', 1, mixed]);
    assert.ok(Buffer.isBuffer(data.list[0]));
  }
  assert.deepEqual(Buffer.from((await pack.next()).args[1].list[0]), bytes(0, 1, 255));
  const base64 = {
    ...mixed,
    list: [{ base64: 'AAH/' }, 'between', { deep: { base64: '' } }],
    last: { base64: mixed.last.toString('base64') },
  };
  assert.deepEqual((await json.next()).args, [1, base64]);
  assert.deepEqual((await stream.next()).data, [1, base64]);
}));

test('ten binary values are the most', withServer({}, async (server) => {
  const client = await server.socketio();
  const args = Array.from({ length: 10 }, (_, i) => bytes(i));
  await publishPacked(server, { event: 'e', args });

  assert.deepEqual(await client.next(), ['e', ...args]);
  const answer = await post(server, packed({ event: 'e', args: [...args, bytes(10)] }));
  assert.match(answer.json().message, /more than 10 binary/);
}));

test('data that looks like a placeholder is not taken for one', withServer({}, async (server) => {
  const clients = [await server.socketio(), await packedClient(server)];
  const pack = await msgpack(server);
  const lookalike = { _placeholder: true, num: 0 };
  await publishPacked(server, { event: 'e', data: { lookalike } });

  for (const client of clients) assert.deepEqual(await client.next(), ['e', { lookalike }]);
  assert.deepEqual((await pack.next()).data, { lookalike });
  const answer = await post(server, packed({ event: 'e', data: [lookalike, bytes(1)] }));
  assert.match(answer.json().message, /placeholder/, 'beside binary data nobody could tell them apart');
}));

// A packet of the default parser with attachments, as only a client of one's own sends it.
async function emitRaw(server, text, ...attachments) {
  const ws = await server.websocket('/socket.io/?EIO=4&transport=websocket');
  await ws.receive();
  ws.send(opcode.text, '40');
  await ws.receive();
  ws.send(opcode.text, text);
  for (const attachment of attachments) ws.send(opcode.binary, attachment);
  return ws;
}

test('placeholders that are made to confuse do no harm to MessagePack clients', withServer({
  client_publish: true,
}, async (server) => {
  const pack = await msgpack(server);
  const twice = Array.from({ length: 1000 }, () => '"x":{"_placeholder":true,"num":0}').join();
  const packets = [
    '{"_placeholder":true,"num":0,"x":"}[[[[[[[[[[[[[[[[[[[[[[[[["}',
    '{"_placeholder":true,"num":0,"x":"}]}"}',
    '{"_placeholder":true,"num":0,"x":{"y":[[]]}}',
    '{"x":{},"_placeholder":true,"num":0}',
    `{${twice}}`,
  ];
  for (const data of packets) {
    const ws = await emitRaw(server, `451-1["publish",{"event":"e","data":${data}}]`, Buffer.alloc(50_000, 7));
    await ws.receive();
    await ws.destroy();
  }
  await server.publish({ event: 'last' });

  for (;;) {
    const { message, bytes: frame } = await pack.inbox.take();
    assert.ok(frame.length < 60_000, `a frame of ${frame.length} bytes`);
    if (message.event === 'last') break;
    assert.ok(message.data instanceof Uint8Array || message.data.x instanceof Uint8Array, 'the attachment itself');
  }
}));

test('all clients agree on which attachment a placeholder stands for', withServer({
  client_publish: true,
}, async (server) => {
  const clients = { pack: await msgpack(server), socketio: await server.socketio(), json: await server.native() };
  const data = '[{"_placeholder":true,"num":0.1e1},{"_placeholder":true,"num":0}]';
  const ws = await emitRaw(server, `452-1["publish",{"event":"e","data":${data}}]`, 'zero', 'one');
  const refused = (await ws.receive()).text.includes('"ok":false');
  if (!refused) {
    assert.deepEqual((await clients.pack.next()).data.map(String), (await clients.socketio.next())[1].map(String));
  }
  await server.publish({ event: 'last' });
  assert.equal((await clients.json.next()).event, refused ? 'last' : 'e');
}));

// --- Socket.IO with socket.io-msgpack-parser

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const name = transports.join(', then ');

  test(`socket.io-msgpack-parser over ${name}: connect, events, acks, binary both ways`, withServer({
    client_publish: true,
  }, async (server) => {
    const client = await packedClient(server, { transports, auth: { rooms: ['a', 'ü'] } });
    const plain = await server.socketio('/', { auth: { rooms: ['a'] } });
    assert.match(client.socket.id, /^[\w-]{22}$/);
    assert.equal((await server.publish({ room: 'ü', event: 'e', data: [1, 'ü', null] })).clients, 1);
    assert.deepEqual(await client.next(), ['e', [1, 'ü', null]]);

    assert.deepEqual(await client.ask('join', 'b'), { ok: true });
    assert.match((await client.ask('join', 5)).error, /room/);
    assert.match((await client.ask('nothing')).error, /unknown event/);
    assert.deepEqual(await client.ask('publish', { room: 'a', event: 'from msgpack', args: [1, mixed] }), { ok: true });
    for (const each of [client, plain]) assert.deepEqual(await each.next(), ['from msgpack', 1, mixed]);
    assert.deepEqual(await plain.ask('publish', { room: 'a', event: 'from default', data: mixed }), { ok: true });
    for (const each of [client, plain]) assert.deepEqual(await each.next(), ['from default', mixed]);
    client.socket.emit('leave', 'a');
    assert.deepEqual(await client.ask('leave', 'b'), { ok: true });
    assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 1);

    client.destroy();
    await server.untilMetric('clients_socketio', 1);
  }));

  test(`socket.io-msgpack-parser over ${name}: namespaces and refusals`, withServer({
    namespaces: ['/', '/x/ü'],
  }, async (server) => {
    const client = await packedClient(server, { transports }, '/x/ü');
    const nowhere = server.openSocketio('/nowhere', { parser, transports });
    assert.equal((await nowhere.refused()).message, 'Invalid namespace');
    const refused = server.openSocketio('/x/ü', { parser, transports, auth: { rooms: 'a' } });
    assert.match((await refused.refused()).message, /auth\.rooms/);
    const root = client.socket.io.socket('/');
    await within(new Promise((resolve) => root.once('connect', resolve)), 'the connect to /');
    const got = new Promise((resolve) => root.once('to /', resolve));
    await server.publish({ event: 'to /', data: 1 });
    await server.publish({ namespace: '/x/ü', event: 'to x', data: 2 });

    assert.equal(await within(got, 'the message to /'), 1);
    assert.deepEqual(await client.next(), ['to x', 2]);
    root.disconnect();
    await until(async () => (await server.publish({ event: 'e' })).clients === 0, 'the leave of /');
    assert.equal((await server.publish({ namespace: '/x/ü', event: 'e' })).clients, 1);
  }));
}

test('a client with socket.io-msgpack-parser that upgrades goes on in MessagePack', withServer({}, async (server) => {
  const client = await packedClient(server, { transports: ['polling', 'websocket'] });
  await server.untilMetric('upgrades_total', 1);
  await server.publish({ event: 'e', data: { x: 1 } });

  assert.deepEqual(await client.next(), ['e', { x: 1 }]);
  const metrics = await server.metrics();
  assert.equal(metrics.get('encodings_total{dialect="socketio_msgpack_deflate"}'), 1);
}));

test('dates, undefined and ArrayBuffers of socket.io-msgpack-parser', withServer({ client_publish: true }, async (server) => {
  const client = await packedClient(server);
  const plain = await server.socketio();
  const date = new Date('2026-11-22T01:02:03.004Z');
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
  assert.deepEqual(await client.ask('publish', { event: 'e', args: [date, undefined, buffer, { x: new Date(-1) }] }), { ok: true });

  for (const each of [client, plain]) {
    const [, when, nothing, array, early] = await each.next();
    assert.deepEqual([when, nothing, early], [date.toJSON(), null, { x: '1969-12-31T23:59:59.999Z' }]);
    assert.deepEqual(Buffer.from(array), Buffer.from(buffer));
  }
}));

test('numbers of socket.io-msgpack-parser', withServer({ client_publish: true }, async (server) => {
  const client = await packedClient(server);
  const large = [31, 32, 53].flatMap((bits) => [2 ** bits - 1, 1 - 2 ** bits]);
  const values = [0, -1, 127, 128, -128, -129, 65535, 65536, ...large, 0.5, -1.7e-300];
  await client.ask('publish', { event: 'e', args: values });

  assert.deepEqual(await client.next(), ['e', ...values]);
}));

test('event names with any characters arrive at both parsers', withServer({}, async (server) => {
  const clients = [await packedClient(server), await server.socketio()];
  for (const event of ['"\\', 'a\nb', '😀', 'x'.repeat(256)]) {
    await server.publish({ event, data: { '"': 1 } });
    for (const client of clients) assert.deepEqual(await client.next(), [event, { '"': 1 }]);
  }
}));

test('packets that are no packets end that client alone', withServer({}, async (server) => {
  const good = await packedClient(server);
  const connect = packed({ type: 0, nsp: '/' });
  const wrong = [
    [packed({ type: 9, nsp: '/' })], [packed({ nsp: '/' })], [packed({ type: 0 })], [packed([])], [bytes(0xc1)],
    [packed({ type: 2, nsp: '/', data: ['e'] })], // not connected yet
    [connect, packed({ type: 2, nsp: '/', data: 'e' })], [connect, packed({ type: 2, nsp: '/', data: [] })],
    [connect, packed({ type: 2, nsp: '/', data: ['connect'] })], [connect, packed({ type: 2, nsp: '/', data: [1] })],
    [connect, packed({ type: 2, nsp: '/', id: 'x', data: ['e'] })], [connect, packed({ type: 4, nsp: '/', data: {} })],
    [connect, packed({ type: 5, nsp: '/', data: ['e'] })], [connect, connect],
  ];
  for (const packets of wrong) {
    const ws = await server.websocket('/socket.io/?EIO=4&transport=websocket');
    await ws.receive();
    for (const packet of packets) ws.send(opcode.binary, packet);
    assert.equal((await ws.closed()).code, 1002, packets.map((packet) => packet.toString('hex')).join());
  }
  const text = await server.websocket('/socket.io/?EIO=4&transport=websocket');
  await text.receive();
  text.send(opcode.binary, connect);
  await text.receive();
  text.send(opcode.text, '42["join","a"]'); // it has begun in MessagePack
  assert.equal((await text.closed()).code, 1002);

  await server.publish({ event: 'e' });
  assert.deepEqual(await good.next(), ['e', null]);
  await server.untilMetric('clients_socketio', 1);
}));

test('one room, every kind of client, the same messages', withServer({
  client_publish: true, compression_min: 0,
}, async (server) => {
  const room = { auth: { rooms: ['a'] } };
  const json = await server.native({ room: 'a' });
  const pack = await msgpack(server, 'room=a');
  const deflated = await msgpack(server, 'room=a', { perMessageDeflate: true });
  const stream = await sse(server, { room: 'a' });
  const sockets = [];
  for (const transports of [['websocket'], ['polling']]) {
    sockets.push(await server.socketio('/', { ...room, transports }), await packedClient(server, { ...room, transports }));
  }
  const values = Array.from({ length: 40 }, (_, i) => ({ i, list: [i / 4, `ü${i}`, null, { x: i % 2 === 0 }] }));
  for (const data of values) {
    const from = data.i % 4;
    if (from === 0) await server.publish({ room: 'a', event: 'e', data });
    if (from === 1) await publishPacked(server, { room: 'a', event: 'e', data });
    if (from === 2) await pack.command({ type: 'publish', room: 'a', event: 'e', data });
    if (from === 3) await sockets[3].ask('publish', { room: 'a', event: 'e', data });
  }

  for (const client of [json, pack, deflated, stream]) {
    assert.deepEqual((await client.nextMany(values.length)).map(({ data }) => data), values);
  }
  for (const client of sockets) {
    for (const data of values) assert.deepEqual(await client.next(), ['e', data]);
  }
}));
