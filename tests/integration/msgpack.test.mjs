// MessagePack on /ws and for publishing, and what becomes of its values in JSON and back.
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, ExtData } from '@msgpack/msgpack';

import { MsgpackClient, msgpack } from './lib/msgpack-client.mjs';
import { bytes, fromHex, packed, post, publishPacked } from './lib/packed.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { request } from './lib/http.mjs';
import { sse } from './lib/sse-client.mjs';

const nested = (depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

// --- /ws

test('the subprotocol stentor.msgpack: hello, message, gap are maps in binary messages', withServer({
  journal: { messages: 2 },
}, async (server) => {
  const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
  for (let i = 1; i <= 4; i++) await server.publish({ room: 'a', event: 'e', data: { i, 'ü': [null, true, 1.5] } });
  const client = await msgpack(server, `room=a&since=${seq}`);

  assert.equal(client.socket.protocol, 'stentor.msgpack');
  assert.match(client.hello.session, /^[\w-]{22}$/);
  assert.deepEqual(client.hello, { type: 'hello', session: client.hello.session, namespace: '/', seq });
  assert.deepEqual(await client.next('gap'), { type: 'gap', room: 'a', from: seq + 1, to: seq + 2 });
  assert.deepEqual(await client.next(), {
    type: 'message', seq: seq + 3, room: 'a', event: 'e', data: { i: 3, 'ü': [null, true, 1.5] },
  });
  assert.equal((await client.next()).seq, seq + 4);
}));

test('several arguments and several rooms', withServer({}, async (server) => {
  const client = await msgpack(server, 'room=a');
  await server.publish({ rooms: ['a', 'b'], event: 'e', args: [] });
  await server.publish({ event: 'e', args: [1, 'two'] });

  const [first, second] = await client.nextMany(2);
  assert.deepEqual([first.room, first.args, 'data' in first], [['a', 'b'], [], false]);
  assert.deepEqual([second.room, second.args], [null, [1, 'two']]);
}));

test('join, leave, publish and ping', withServer({ client_publish: true }, async (server) => {
  const client = await msgpack(server);
  const other = await server.native({ room: 'a' });

  assert.deepEqual(await client.command({ type: 'join', room: 'a' }), { type: 'ack', id: 1 });
  assert.deepEqual(await client.command({ type: 'ping' }), { type: 'pong', id: 2 });
  assert.equal((await client.command({ type: 'publish', room: 'a', event: 'e', data: { x: 1 } })).type, 'ack');
  assert.deepEqual((await client.next()).data, { x: 1 });
  assert.deepEqual((await other.next()).data, { x: 1 });
  assert.equal((await client.command({ type: 'leave', room: 'a' })).type, 'ack');
  const refused = await client.command({ type: 'leave', room: 'a' });
  assert.equal(refused.type, 'error');
  assert.match(refused.message, /not in that room/);
}));

test('ids of commands are anything but binary data, and come back unchanged', withServer({}, async (server) => {
  const client = await msgpack(server, '', { decoding: { useBigInt64: true } });
  const ids = ['x', 1.5, null, { a: [1] }, 2n ** 64n - 1n, -(2n ** 63n)];

  for (const id of ids) {
    client.send(packed({ type: 'ping', id }, { useBigInt64: true }));
    assert.deepEqual(await client.next('pong'), { type: 'pong', id });
  }
  for (const id of [bytes(1, 2), { deep: bytes(3) }]) {
    client.send(packed({ type: 'ping', id }));
    assert.match((await client.next('error')).message, /"id"/);
  }
}));

test('what is no command is answered with an error, and the client stays', withServer({}, async (server) => {
  const client = await msgpack(server);
  const wrong = [
    bytes(0xc1), packed([]), packed(1), packed({}), packed({ type: 1 }), packed({ type: 'nothing' }),
    packed({ type: 'join' }), packed({ type: 'join', room: bytes(0x61) }), packed({ type: 'join', room: '*' }),
    packed({ type: 'join', room: 'a\0' }), packed({ type: 'publish', event: 'e' }),
    packed({ type: 'join', room: 'a' }).subarray(0, -1), // cut off
    Buffer.concat([packed({ type: 'join', room: 'a' }), bytes(0xc0)]), // more behind it
    packed({ type: 'ping', id: nested(40) }),
    packed({ type: 'ping', id: new ExtData(5, bytes(1, 2, 3)) }),
    fromHex('81 a4 74797065 a3 ff6f6e'), // not UTF-8
    fromHex('81 ca3f800000 01'), // a key that is a float
    bytes(),
  ];
  for (const body of wrong) {
    client.send(body);
    const error = await client.next('error');
    assert.ok(error.message.length > 5, body.toString('hex'));
  }

  assert.equal((await client.command({ type: 'join', room: 'a' })).type, 'ack');
  assert.equal(await server.metric('client_events_refused_total'), wrong.length);
}));

test('a header that claims more than is there takes no memory', withServer({}, async (server) => {
  const client = await msgpack(server);
  const claims = ['ddffffffff', 'dd0fffffff', 'dfffffffff', 'df0fffffff', 'c6ffffffff', 'dbffffffff', 'dcffff'];
  for (const hex of [...claims, `${'91'.repeat(30)}dd00ffffff`]) {
    client.send(fromHex(hex));
    assert.match((await client.next('error')).message, /cut off|claims/, hex);
    const answer = await post(server, fromHex(hex));
    assert.equal(answer.status, 400, hex);
  }
}));

test('a text is closed with 1003', withServer({}, async (server) => {
  const client = await msgpack(server);
  client.socket.send('{"type":"ping"}');

  assert.equal((await client.closed).code, 1003);
}));

test('the first of the subprotocols that is known is taken', withServer({}, async (server) => {
  const first = await msgpack(server, '', { protocols: ['stentor.msgpack', 'stentor.json'] });
  const last = await server.native({}, { protocols: ['stentor.json', 'stentor.msgpack'] });
  const behind = await msgpack(server, '', { protocols: ['unknown', 'stentor.msgpack'] });

  assert.equal(first.socket.protocol, 'stentor.msgpack');
  assert.equal(last.socket.protocol, 'stentor.json');
  assert.equal(behind.socket.protocol, 'stentor.msgpack');
}));

test('the client of these tests sees what is not MessagePack', withServer({}, async (server) => {
  await assert.rejects(MsgpackClient.connect(server.clients, '', { protocols: ['stentor.json'] }), /a text came/);
}));

test('with permessage-deflate', withServer({ client_publish: true }, async (server) => {
  const client = await msgpack(server, 'room=a', { perMessageDeflate: true });
  const plain = await msgpack(server, 'room=a');
  assert.match(client.socket.extensions, /permessage-deflate/);
  const data = { text: 'again and '.repeat(500), bytes: Buffer.alloc(1000, 7) };
  for (let i = 0; i < 3; i++) {
    assert.equal((await client.command({ type: 'publish', room: 'a', event: 'e', data })).type, 'ack');
    for (const each of [client, plain]) {
      const message = await each.next();
      assert.equal(message.data.text, data.text);
      assert.deepEqual(Buffer.from(message.data.bytes), data.bytes);
    }
  }
  assert.equal(await server.metric('encodings_total{dialect="native_msgpack_deflate"}'), 3);
}));

// --- Publishing

test('POST /publish takes a map with any of the content types', withServer({}, async (server) => {
  const client = await server.native({ room: 'a' });
  const types = ['application/msgpack', 'application/vnd.msgpack', 'application/x-msgpack', 'Application/MsgPack; x=y'];
  for (const type of types) {
    const answer = await post(server, packed({ room: 'a', event: 'e', data: type }), { type });
    assert.equal(answer.status, 200, answer.text);
    const message = await client.next();
    assert.deepEqual([message.seq, message.data], [answer.json().seq, type]);
  }
}));

test('POST /publish takes an array, with binary data in several elements', withServer({}, async (server) => {
  const client = await msgpack(server, 'room=a');
  const envelopes = Array.from({ length: 20 }, (_, i) => ({ room: 'a', event: 'e', data: { i, bin: bytes(i, 255 - i) } }));
  const answers = await publishPacked(server, envelopes);
  const messages = await client.nextMany(20);

  assert.deepEqual(messages.map(({ seq }) => seq), answers.map(({ seq }) => seq));
  messages.forEach(({ data }, i) => assert.deepEqual([data.i, ...data.bin], [i, i, 255 - i]));
}));

test('all members of an envelope', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const client = await server.native({ namespace: '/x', room: ['a'] });
  const except = await server.native({ namespace: '/x', room: ['a', 'b'] });
  await publishPacked(server, { namespace: '/x', rooms: ['a', 'c'], except: ['b'], event: 'e', args: [1, 2], key: 'k' });
  await publishPacked(server, { namespace: '/x', event: 'last' });

  assert.deepEqual((await client.next()).args, [1, 2]);
  assert.equal((await except.next()).event, 'last');
}));

test('an array of one element, and one with a header of 16 and of 32 bits', withServer({}, async (server) => {
  const client = await server.native();
  const element = packed({ event: 'e' });
  for (const head of ['91', 'dc0001', 'dd00000001']) {
    const answer = await post(server, Buffer.concat([fromHex(head), element]));
    assert.equal(answer.json().length, 1, answer.text);
    await client.next();
  }
}));

test('one mistake in an array: nothing is published, and the element is named', withServer({}, async (server) => {
  const wrong = {
    'not a member': [{ event: 'e', typo: 1 }, /element 2: "typo"/],
    'no event': [{ data: 1 }, /element 2: "event" is missing/],
    'no map': [5, /element 2: .*object/],
    'too much binary': [{ event: 'e', args: Array(11).fill(bytes(1)) }, /element 2: .*10 binary/],
    'too deep': [{ event: 'e', data: nested(40) }, /element 2: .*levels/],
    'no text': [{ event: 'e', data: new ExtData(9, bytes(1)) }, /element 2: .*extension/],
    'NUL in a key': [{ event: 'e', data: { 'a\0': 1 } }, /element 2: .*NUL/],
  };
  for (const [name, [element, message]] of Object.entries(wrong)) {
    const good = [{ event: 'e' }, { event: 'e', data: bytes(1) }];
    const answer = await post(server, packed([...good, element, ...good], { maxDepth: 60 }));
    assert.equal(answer.status, 400, name);
    assert.match(answer.json().message, message);
  }
  assert.equal(await server.metric('published_total'), 0);
}));

test('a body that is no MessagePack is a 400', withServer({}, async (server) => {
  const whole = '81 a5 6576656e74 a165';
  const wrong = [
    '', 'c1', '90', '93 81', '81 a5 6576656e74', `92 ${whole}`, `${whole} c0`, `91 ${whole} c0`, 'dc', 'dd0000', '05',
  ];
  for (const hex of wrong) {
    const answer = await post(server, fromHex(hex));
    assert.equal(answer.status, 400, hex);
    assert.ok(answer.json().message.length > 10, hex);
  }
  assert.equal(await server.metric('publish_refused_total'), wrong.length);
}));

test('POST /publish/ROOM/EVENT: the body is the data', withServer({}, async (server) => {
  const client = await msgpack(server, 'room=a');
  const json = await server.native({ room: 'a' });
  for (const value of [null, 5, 'text', [1, [2]], { x: { y: -1 } }]) {
    const answer = await post(server, packed(value), { path: '/publish/a/e' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual((await client.next()).data, value);
    assert.deepEqual((await json.next()).data, value);
  }
  await post(server, packed(bytes(1, 2)), { path: '/publish/a/e' });
  assert.deepEqual(Buffer.from((await client.next()).data), bytes(1, 2));
  assert.deepEqual((await json.next()).data, { base64: 'AQI=' });
  for (const hex of ['', 'c1', '92 01', '01 02']) {
    const answer = await post(server, fromHex(hex), { path: '/publish/a/e' });
    assert.deepEqual([answer.status, answer.json().error], [400, 'bad_msgpack'], hex);
  }
}));

test('a key is needed as for JSON', withServer({}, async (server) => {
  const headers = { 'Content-Type': 'application/msgpack' };
  const body = packed({ event: 'e' });
  const without = await server.get('/publish', { method: 'POST', headers, body });
  const keyed = { ...headers, Authorization: `Bearer ${KEY}` };
  const withKey = await server.get('/publish', { method: 'POST', headers: keyed, body });

  assert.deepEqual([without.status, withKey.status], [401, 200]);
}));

// --- Values

// Publishes the packed value; what JSON clients get as text, and what MessagePack clients get.
async function convert(server, body) {
  const answer = await post(server, body, { path: '/publish/v/e' });
  assert.equal(answer.status, 200, answer.text);
  const [, text] = /"data":(.*)\}$/s.exec((await server.rawJson.receive()).text);
  const message = decode(await server.pack.nextBytes(), { useBigInt64: true });
  return { text, value: message.data };
}

function withListeners(fn) {
  return withServer({}, async (server) => {
    server.rawJson = await server.websocket('/ws?room=v');
    await server.rawJson.receive();
    server.pack = await msgpack(server, 'room=v');
    await fn(server);
  });
}

test('integers are exact up to 64 bits, from MessagePack to both', withListeners(async (server) => {
  const powers = [0n, 7n, 8n, 15n, 16n, 31n, 32n, 53n, 62n, 63n].map((bits) => 2n ** bits);
  const values = [0n, 2n ** 64n - 1n, ...powers.flatMap((n) => [n - 1n, n, -n, 1n - n])];
  for (const value of values) {
    const body = Buffer.alloc(9);
    body[0] = value < 0n ? 0xd3 : 0xcf;
    body.writeBigUInt64BE(BigInt.asUintN(64, value), 1);
    const got = await convert(server, body);
    assert.equal(got.text, String(value));
    assert.equal(BigInt(got.value), value);
  }
}));

test('integers are exact up to 64 bits, from JSON to MessagePack; larger ones become floats', withListeners(async (server) => {
  const values = {
    '18446744073709551615': 2n ** 64n - 1n,
    '-9223372036854775808': -(2n ** 63n),
    '9007199254740993': 2n ** 53n + 1n,
    '-1': -1, '-33': -33, '-0': -0,
    '18446744073709551616': 2 ** 64, // floats from here on
    '-9223372036854775809': -(2 ** 63),
    '1e3': 1000, '1.0': 1,
  };
  for (const [text, value] of Object.entries(values)) {
    await request(server.admin, '/publish/v/e', { method: 'POST', body: text });
    const { data } = decode(await server.pack.nextBytes(), { useBigInt64: true });
    assert.equal(typeof data === 'bigint' && typeof value === 'number' ? Number(data) : data, value, text);
  }
}));

test('floats keep their value', withListeners(async (server) => {
  const values = [0.1, -0, 1.5, 1e308, 5e-324, 1e21, 1 / 3, Number.MAX_VALUE, 123456789.123456789, -2.5e-8];
  for (const value of values) {
    const body = Buffer.alloc(9, 0xcb);
    body.writeDoubleBE(value, 1);
    const got = await convert(server, body);
    assert.equal(JSON.parse(got.text), value);
    assert.equal(Number(got.value), value);
  }
  const float32 = Buffer.alloc(5, 0xca);
  float32.writeFloatBE(0.1, 1);
  assert.equal(JSON.parse((await convert(server, float32)).text), Math.fround(0.1));
}));

test('not-a-number and the infinities become null', withListeners(async (server) => {
  for (const value of [NaN, Infinity, -Infinity]) {
    assert.deepEqual(await convert(server, packed([value])), { text: '[null]', value: [null] });
  }
}));

test('texts: unicode, NUL, controls, quotes, long ones', withListeners(async (server) => {
  const texts = [
    '', 'grüße 😀 \u{10ffff}', 'a\0b', '\u0001\u001f\u007f', '"\\/\b\f\n\r\t', '\u2028',
    'x'.repeat(31), 'x'.repeat(256), 'ü'.repeat(40_000),
  ];
  for (const text of texts) {
    const got = await convert(server, packed({ [text.replace('\0', '')]: text }));
    assert.equal(Object.values(JSON.parse(got.text))[0], text);
    assert.deepEqual(got.value, { [text.replace('\0', '')]: text });
    await request(server.admin, '/publish/v/e', { method: 'POST', body: JSON.stringify(text) });
    await server.rawJson.receive();
    assert.equal((await server.pack.next()).data, text);
  }
  const escaped = '"\\ud83d\\ude00\\u0000\\u00fc"';
  await request(server.admin, '/publish/v/e', { method: 'POST', body: escaped });
  assert.equal((await server.pack.next()).data, JSON.parse(escaped));
}));

test('a text that is not UTF-8 is refused', withServer({}, async (server) => {
  for (const hex of ['a1 ff', 'a3 eda080', 'a2 c080', '81 a1ff 01']) {
    const answer = await post(server, fromHex(hex), { path: '/publish/v/e' });
    assert.match(answer.json().message, /UTF-8/, hex);
  }
}));

test('a NUL in the name of a member is refused, and disturbs no client', withServer({}, async (server) => {
  const clients = [await server.native(), await sse(server), await server.socketio(), await msgpack(server)];
  for (const value of [{ 'a\0': 1 }, { 'a\0': 1, b: bytes(1) }, [{ x: { '\0': bytes(1) } }]]) {
    const answer = await post(server, packed(value), { path: '/publish/*/e' });
    assert.equal(answer.status, 400, 'as in JSON');
    assert.match(answer.json().message, /NUL/);
  }
  await server.publish({ event: 'last' });

  for (const client of clients) await client.next();
}));

test('keys that are integers become texts, others are refused', withListeners(async (server) => {
  const { text } = await convert(server, fromHex('83 01 61 ff 62 cfffffffffffffffff 63'));
  assert.equal(text, '{"1":97,"-1":98,"18446744073709551615":99}');
  for (const hex of ['81 c0 01', '81 cb3ff0000000000000 01', '81 90 01', '81 c40161 01']) {
    const answer = await post(server, fromHex(hex), { path: '/publish/v/e' });
    assert.match(answer.json().message, /key/, hex);
  }
}));

test('32 levels are taken from MessagePack, and any number goes from JSON to MessagePack', withListeners(async (server) => {
  for (const depth of [1, 20, 32]) {
    assert.equal((await convert(server, packed(nested(depth)))).text, '['.repeat(depth) + ']'.repeat(depth));
  }
  const answer = await post(server, packed(nested(33)), { path: '/publish/v/e' });
  assert.match(answer.json().message, /levels/);
  const deep = { value: nested(90) };
  await request(server.admin, '/publish/v/e', { method: 'POST', body: JSON.stringify(deep) });
  assert.deepEqual((await server.pack.next()).data, deep);
}));

test('dates become texts as JavaScript writes them', withListeners(async (server) => {
  const dates = [
    '2026-11-22T01:02:03.456Z', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z', // each in another
    '2514-05-30T01:53:04.001Z', '0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', // form, or at a limit
  ];
  for (const date of dates) {
    assert.equal((await convert(server, packed(new Date(date)))).text, JSON.stringify(date));
  }
  const answer = await post(server, fromHex('c70cff 00000000 7fffffffffffffff'), { path: '/publish/v/e' });
  assert.match(answer.json().message, /date/);
}));

test('large arrays and maps arrive whole', withListeners(async (server) => {
  const value = {
    list: Array.from({ length: 70_000 }, (_, i) => i % 100),
    map: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, [{}, [], { a: [] }]])),
  };
  assert.deepEqual(JSON.parse((await convert(server, packed(value))).text), value);
  await request(server.admin, '/publish/v/e', { method: 'POST', body: JSON.stringify(value, null, 1) });
  assert.deepEqual((await server.pack.next()).data, value);
}));
