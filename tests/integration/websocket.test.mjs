// RFC 6455 and RFC 7692 on /echo and /ws.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import zlib from 'node:zlib';
import WebSocket from 'ws';

import { closePayload, frame, handshake, opcode, RawWebSocket } from './lib/raw-websocket.mjs';
import { withServer } from './lib/stentord.mjs';
import { origin } from './lib/tls.mjs';
import { event, until } from './lib/wait.mjs';

const { continuation, text, binary, close, ping, pong } = opcode;

const echo = { echo: true };

async function assertClosed(ws, code, what) {
  const closed = await ws.closed();
  assert.equal(closed.code, code, `${what}: ${JSON.stringify(closed)}`);
}

// Sends bytes to /echo; the close code must be `code`.
async function violate(server, code, what, ...frames) {
  const ws = await server.websocket('/echo');
  ws.raw.write(Buffer.concat(frames));
  await assertClosed(ws, code, what);
}

async function roundTrip(ws, op, payload) {
  ws.send(op, payload);
  const answer = await ws.receive();
  assert.equal(answer.opcode, op);
  assert.ok(answer.payload.equals(Buffer.from(payload)), `${payload.length} bytes come back`);
}

test('echo is off unless it is configured', withServer({}, async (server) => {
  const answer = await server.get('/echo');

  assert.equal(answer.status, 404);
  assert.match(answer.json().message, /option echo/);
}));

test('texts and binaries of every length form come back', withServer({ ...echo, max_message_size: 200_000 }, async (server) => {
  const ws = await server.websocket('/echo');

  for (const size of [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 150_000, 200_000]) {
    await roundTrip(ws, text, 'ä'.repeat(size / 2) + 'x'.repeat(size % 2));
    await roundTrip(ws, binary, crypto.randomBytes(size));
  }
}));

test('messages of 16 MiB come back when so configured', withServer({ ...echo, max_message_size: 16 << 20 }, async (server) => {
  const ws = await server.websocket('/echo');
  const data = Buffer.alloc(16 << 20, 'stentor');
  ws.raw.write(frame(binary, data));
  await until(() => ws.raw.socket.bytesRead > data.length, 'the echo');
  ws.raw.write(frame(text, 'next'));
  const answer = await ws.receive();

  assert.equal(answer.payload.compare(data), 0);
  assert.equal((await ws.receive()).text, 'next');
}));

test('fragments are put together, with control frames between them', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  ws.send(text, 'one ', { fin: false });
  ws.send(ping, 'between');
  ws.send(continuation, '', { fin: false });
  ws.send(continuation, 'two ', { fin: false });
  ws.send(pong, 'unasked');
  ws.send(continuation, 'three');

  const answer = await ws.receive();
  assert.deepEqual([answer.opcode, answer.text], [pong, 'between'], 'the ping is answered at once');
  assert.equal((await ws.receive()).text, 'one two three');
}));

test('a message in a thousand fragments', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  const frames = [frame(binary, '', { fin: false })];
  for (let i = 0; i < 1000; i++) frames.push(frame(continuation, String(i), { fin: i === 999 }));
  ws.raw.write(Buffer.concat(frames));

  assert.equal((await ws.receive()).text, Array.from({ length: 1000 }, (_, i) => i).join(''));
}));

test('many messages in one segment are answered in order', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  ws.raw.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(text, String(i)))));

  for (let i = 0; i < 500; i++) assert.equal((await ws.receive()).text, String(i));
}));

test('pings are answered with their payload', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');

  for (const payload of ['', 'x', Buffer.from([0, 255, 128]), Buffer.alloc(125, 'p')]) {
    ws.send(ping, payload);
    const answer = await ws.receive();
    assert.equal(answer.opcode, pong);
    assert.ok(answer.payload.equals(Buffer.from(payload)));
  }
}));

test('a slow sender, byte by byte, is understood', withServer(echo, async (server) => {
  const raw = await server.raw();
  await raw.writeSlowly(handshake('/echo'));
  assert.equal((await raw.readHead()).status, 101);
  const ws = new RawWebSocket(raw);
  await raw.writeSlowly(frame(text, 'größer €😀'));
  assert.equal((await ws.receive()).text, 'größer €😀');
  await raw.writeSlowly(frame(binary, Buffer.alloc(200, 'b')));
  assert.equal((await ws.receive()).payload.length, 200);
}));

test('half a frame, then the rest later', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  const other = await server.websocket('/echo');
  const bytes = frame(text, 'x'.repeat(300));

  for (const cut of [1, 2, 3, 4, 7, 8, 9, 150, bytes.length - 1]) {
    ws.raw.write(bytes.subarray(0, cut));
    await roundTrip(other, text, 'others go on');
    ws.raw.write(bytes.subarray(cut));
    assert.equal((await ws.receive()).text.length, 300, `cut at ${cut}`);
  }
}));

test('frames right behind the handshake, in the same segment', withServer(echo, async (server) => {
  const raw = await server.raw();
  raw.write(Buffer.concat([Buffer.from(handshake('/echo')), frame(text, 'early')]));
  assert.equal((await raw.readHead()).status, 101);

  assert.equal((await new RawWebSocket(raw).receive()).text, 'early');
}));

test('close codes that a client may send are answered with the same code', withServer(echo, async (server) => {
  const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];

  for (const code of allowed) {
    await violate(server, code, `close ${code}`, frame(close, closePayload(code, 'reason ü')));
  }
  await violate(server, undefined, 'a close without a code', frame(close));
  await server.untilClosed('peer', allowed.length + 1);
  assert.equal(await server.metric('ws_errors_total'), 0);
}));

test('close codes that nobody may send are answered with 1002', withServer(echo, async (server) => {
  for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    await violate(server, 1002, `close ${code}`, frame(close, closePayload(code)));
  }
  await violate(server, 1002, 'a close of one byte', frame(close, Buffer.of(3)));
}));

test('a close reason that is no UTF-8 is answered with 1007', withServer(echo, async (server) => {
  const payload = Buffer.concat([closePayload(1000), Buffer.of(0xff)]);
  await violate(server, 1007, 'bad reason', frame(close, payload));
}));

test('nothing is answered after a close', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  ws.raw.write(Buffer.concat([frame(close, closePayload(1000)), frame(text, 'late'), frame(ping)]));

  assert.equal((await ws.receive()).opcode, close);
  assert.equal((await ws.raw.readToEnd()).length, 0);
}));

test('invalid UTF-8 is closed with 1007, whole or in pieces', withServer(echo, async (server) => {
  const invalid = {
    'a lone continuation byte': [0x80],
    'a byte that never occurs': [0xfe],
    'an overlong slash': [0xc0, 0xaf],
    'an overlong of three bytes': [0xe0, 0x80, 0xaf],
    'a surrogate': [0xed, 0xa0, 0x80],
    'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
    'a cut character at the end': [0xe2, 0x82],
  };

  for (const [what, bytes] of Object.entries(invalid)) {
    const data = Buffer.from([0x61, ...bytes]);
    await violate(server, 1007, what, frame(text, data));
    await violate(server, 1007, `${what}, in fragments`,
      frame(text, data.subarray(0, 2), { fin: false }),
      frame(continuation, data.subarray(2)));
  }
}));

test('invalid UTF-8 fails at once, before the message is complete', withServer(echo, async (server) => {
  await violate(server, 1007, 'an open message', frame(text, Buffer.of(0xff), { fin: false }));
  await violate(server, 1007, 'an incomplete frame', frame(text, Buffer.of(0x61, 0xff, 0x61), { claim: 100 }));
}));

test('valid UTF-8 may be split anywhere', withServer(echo, async (server) => {
  const ws = await server.websocket('/echo');
  const data = Buffer.from('é€😀\u{10ffff}\u0000');

  for (let cut = 0; cut <= data.length; cut++) {
    ws.send(text, data.subarray(0, cut), { fin: false });
    ws.send(continuation, data.subarray(cut));
    assert.ok((await ws.receive()).payload.equals(data), `cut at ${cut}`);
  }
}));

test('binary messages need not be UTF-8', withServer(echo, async (server) => {
  await roundTrip(await server.websocket('/echo'), binary, Buffer.of(0xff, 0x80, 0xc0));
}));

test('frames that break the protocol are closed with 1002', withServer(echo, async (server) => {
  const open = frame(text, 'a', { fin: false });
  const violations = {
    'an unmasked text': [frame(text, 'x', { masked: false })],
    'an unmasked close': [frame(close, closePayload(1000), { masked: false })],
    'reserved bit 1 without an extension': [frame(text, 'x', { rsv: 4 })],
    'reserved bit 2': [frame(text, 'x', { rsv: 2 })],
    'reserved bit 3': [frame(ping, '', { rsv: 1 })],
    'a continuation of nothing': [frame(continuation, 'x')],
    'a text within a message': [open, frame(text, 'b')],
    'a binary within a message': [open, frame(binary, 'b', { fin: false })],
    'a fragmented ping': [frame(ping, 'x', { fin: false })],
    'a fragmented close': [frame(close, closePayload(1000), { fin: false })],
    'a ping of 126 bytes': [frame(ping, 'x'.repeat(126))],
    'a close of 126 bytes': [frame(close, closePayload(1000, 'x'.repeat(124)))],
    '16 bits for a short length': [frame(text, 'x', { form: 16 })],
    '64 bits for a short length': [frame(text, 'x'.repeat(200), { form: 64 })],
    'a length above 2^63': [Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])],
  };

  for (const [what, frames] of Object.entries(violations)) await violate(server, 1002, what, ...frames);
  for (const reserved of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    await violate(server, 1002, `opcode ${reserved}`, frame(reserved, 'x'));
  }
  const count = Object.keys(violations).length + 10;
  assert.equal(await server.metric('ws_errors_total'), count);
  await server.untilClosed('protocol_error', count);
}));

test('a message above max_message_size is closed with 1009, before it has come', withServer({ ...echo, max_message_size: 1000 }, async (server) => {
  await roundTrip(await server.websocket('/echo'), text, 'x'.repeat(1000));
  await violate(server, 1009, 'one frame', frame(text, 'x'.repeat(1001)));
  await violate(server, 1009, 'announced only', frame(binary, '', { claim: 1001 }));
  await violate(server, 1009, 'announced huge', frame(binary, '', { claim: 2 ** 50 }));
  await violate(server, 1009, 'in fragments',
    frame(binary, 'x'.repeat(600), { fin: false }), frame(continuation, 'x'.repeat(401)));
  await server.untilClosed('too_big', 4);
}));

test('the smallest max_message_size lets 125 bytes through', withServer({ ...echo, max_message_size: 125 }, async (server) => {
  await roundTrip(await server.websocket('/echo'), text, 'x'.repeat(125));
}));

test('the server closes first: it waits for the answer, and not for ever', withServer({}, async (server) => {
  const answering = await server.websocket('/ws');
  answering.send(binary, 'not here');
  assert.equal((await answering.closed()).code, 1003);
  await server.untilClosed('protocol_error', 1);

  const staying = await server.websocket('/ws');
  staying.send(binary, 'not here');
  await staying.raw.readToEnd();
  await server.untilClosed('protocol_error', 2);
  await server.untilMetric('connections', 1);
}));

test('the client closes first', withServer(echo, async (server) => {
  const socket = server.closeLater(
    new WebSocket(`${origin(server.clients, 'ws')}/echo`), () => socket.terminate());
  await event(socket, 'open');
  socket.close(4321, 'bye');

  assert.equal((await event(socket, 'close'))[0], 4321);
  await server.untilMetric('clients_echo', 0);
}));

test('a client that vanishes without a word is cleaned up', withServer(echo, async (server) => {
  const cut = await server.websocket('/echo');
  cut.send(text, 'unfinished', { fin: false });
  cut.raw.end();
  await server.untilClosed('peer', 1);
  const reset = await server.websocket('/echo');
  reset.raw.reset();
  await server.untilClosed('reset', 1);

  assert.equal(await server.metric('clients_echo'), 0);
}));

test('handshakes that are wrong are told how to do it', withServer(echo, async (server) => {
  const cases = [
    [{ Upgrade: undefined, Connection: 'close' }, 426, { upgrade: 'websocket' }],
    [{ Upgrade: 'h2c' }, 426, { upgrade: 'websocket' }],
    [{ 'Sec-WebSocket-Version': '8' }, 426, { upgrade: 'websocket', 'sec-websocket-version': '13' }],
    [{ 'Sec-WebSocket-Version': undefined }, 426, { 'sec-websocket-version': '13' }],
    [{ 'Sec-WebSocket-Key': undefined }, 400, {}],
    [{ 'Sec-WebSocket-Key': 'short' }, 400, {}],
    [{ 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400, {}],
  ];

  for (const path of ['/ws', '/echo']) {
    for (const [headers, status, wanted] of cases) {
      const raw = await server.raw();
      raw.write(handshake(path, headers));
      const answer = await raw.readResponse();
      assert.equal(answer.status, status, JSON.stringify(headers));
      for (const [name, value] of Object.entries(wanted)) assert.equal(answer.headers[name], value);
      assert.ok(answer.json().message.length > 10);
    }
  }
}));

test('handshakes are read as HTTP has it: any case, lists, several headers', withServer(echo, async (server) => {
  const headers = { Connection: 'keep-alive, UPGRADE', Upgrade: 'other, WebSocket' };
  const ws = await server.websocket('/echo', headers);

  await roundTrip(ws, text, 'hello');
}));

test('a handshake by HTTP/1.0 or by POST is refused', withServer(echo, async (server) => {
  for (const [from, to, status] of [['HTTP/1.1', 'HTTP/1.0', 400], ['GET', 'POST', 405]]) {
    const raw = await server.raw();
    raw.write(handshake('/echo').replace(from, to));
    assert.equal((await raw.readResponse()).status, status, to);
  }
}));

// --- permessage-deflate

async function offer(server, extensions, target = '/echo') {
  const ws = await server.websocket(target, { 'Sec-WebSocket-Extensions': extensions });
  return { ws, agreed: ws.response.headers['sec-websocket-extensions'] };
}

function deflate(data) {
  const packed = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return packed.subarray(0, -4);
}

function inflate(data) {
  const whole = Buffer.concat([data, Buffer.of(0, 0, 0xff, 0xff)]);
  return zlib.inflateRawSync(whole, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
}

const DEFLATE = 'permessage-deflate';

test('deflate offers that can be served are agreed on, without context takeover', withServer(echo, async (server) => {
  const offers = [
    DEFLATE,
    `${DEFLATE}; client_max_window_bits`,
    `${DEFLATE}; client_max_window_bits=10`,
    `${DEFLATE}; client_max_window_bits="9"`,
    `${DEFLATE}; server_no_context_takeover; client_no_context_takeover`,
    `${DEFLATE}; server_max_window_bits=15`,
    `unknown-extension, ${DEFLATE}`,
    `${DEFLATE}; server_max_window_bits=10, ${DEFLATE}`,
    `x-other; a="b", ${DEFLATE}; client_max_window_bits`,
  ];

  for (const text of offers) {
    const { ws, agreed } = await offer(server, text);
    assert.match(agreed ?? '', /^permessage-deflate;.*server_no_context_takeover/, text);
    assert.equal(/server_max_window_bits/.test(agreed), /bits=15/.test(text), text);
    await roundTrip(ws, opcode.text, 'plain frames stay allowed');
  }
}));

test('deflate offers that cannot be served are declined, and the connection goes on', withServer(echo, async (server) => {
  const offers = [
    `${DEFLATE}; server_max_window_bits=10`,
    `${DEFLATE}; server_max_window_bits=8`,
    `${DEFLATE}; server_max_window_bits`,
    `${DEFLATE}; server_max_window_bits=16`,
    `${DEFLATE}; client_max_window_bits=7`,
    `${DEFLATE}; client_max_window_bits=abc`,
    `${DEFLATE}; unknown`,
    `${DEFLATE}; server_no_context_takeover=1`,
    `${DEFLATE}; client_max_window_bits; client_max_window_bits`,
    'x-webkit-deflate-frame',
    ';', ',', '=', `${DEFLATE};;`,
  ];

  for (const text of offers) {
    const { ws, agreed } = await offer(server, text);
    assert.equal(agreed, undefined, text);
    await roundTrip(ws, opcode.text, 'plain');
    ws.send(opcode.text, deflate('x'), { rsv: 4 });
    await assertClosed(ws, 1002, text);
  }
}));

test('without the option compression nothing is agreed on', withServer({ ...echo, compression: false }, async (server) => {
  assert.equal((await offer(server, DEFLATE)).agreed, undefined);
}));

test('deflated messages are understood: whole, in fragments, empty, incompressible', withServer({ ...echo, max_message_size: 100_000 }, async (server) => {
  const { ws } = await offer(server, DEFLATE);
  const messages = ['', 'x', 'stentor '.repeat(5000), crypto.randomBytes(1000).toString('hex'), '€'.repeat(999)];

  for (const message of messages) {
    ws.send(text, deflate(message), { rsv: 4 });
    assert.equal((await ws.receive()).text, message);
    const packed = deflate(message);
    const third = Math.ceil(packed.length / 3);
    ws.send(text, packed.subarray(0, third), { rsv: 4, fin: false });
    ws.send(ping, 'between');
    ws.send(continuation, packed.subarray(third, 2 * third), { fin: false });
    ws.send(continuation, packed.subarray(2 * third));
    assert.equal((await ws.receive()).opcode, pong);
    assert.equal((await ws.receive()).text, message);
  }
  const noise = crypto.randomBytes(100_000);
  ws.send(binary, deflate(noise), { rsv: 4 });
  assert.equal((await ws.receive()).payload.compare(noise), 0, 'it may take more than max_message_size on the wire');
}));

test('reserved bit 1 is for the first frame of a message alone', withServer(echo, async (server) => {
  const packed = deflate('hello');
  for (const frames of [
    [frame(text, packed.subarray(0, 2), { rsv: 4, fin: false }), frame(continuation, packed.subarray(2), { rsv: 4 })],
    [frame(ping, '', { rsv: 4 })],
    [frame(text, packed, { rsv: 6 })],
  ]) {
    const { ws } = await offer(server, DEFLATE);
    ws.raw.write(Buffer.concat(frames));
    await assertClosed(ws, 1002, 'rsv');
  }
}));

test('damaged deflate data and deflated bad UTF-8 are closed with 1007', withServer(echo, async (server) => {
  for (const data of [Buffer.from([0xff, 0xff, 0xff]), Buffer.alloc(50, 0x07), deflate(Buffer.of(0x61, 0xff))]) {
    const { ws } = await offer(server, DEFLATE);
    ws.send(text, data, { rsv: 4 });
    await assertClosed(ws, 1007, data.toString('hex'));
  }
}));

test('a message that inflates beyond max_message_size is closed with 1009', withServer({ ...echo, max_message_size: 65536 }, async (server) => {
  const { ws } = await offer(server, DEFLATE);
  const exact = 'x'.repeat(65536);
  ws.send(text, deflate(exact), { rsv: 4 });
  assert.equal((await ws.receive()).payload.length, 65536);
  const bomb = deflate(Buffer.alloc(64 << 20));
  assert.ok(bomb.length < 70_000, 'it fits on the wire');
  ws.send(binary, bomb, { rsv: 4 });

  await assertClosed(ws, 1009, 'bomb');
}));

test('the ws client with compression gets everything right', withServer({ ...echo, max_message_size: 1 << 20 }, async (server) => {
  const socket = server.closeLater(
    new WebSocket(`${origin(server.clients, 'ws')}/echo`, { perMessageDeflate: { threshold: 0 } }),
    () => socket.terminate());
  await event(socket, 'open');
  assert.match(socket.extensions, /permessage-deflate/);
  for (let i = 0; i < 20; i++) {
    const data = `${i} `.repeat(i * 1000 + 1);
    const answer = event(socket, 'message');
    socket.send(data);
    assert.equal((await answer)[0].toString(), data);
  }
}));

test('a deflated broadcast has the same bytes for all who agreed, and fewer of them', withServer({ compression_min: 100 }, async (server) => {
  const deflating = await Promise.all([1, 2, 3].map(async () => (await offer(server, DEFLATE, '/ws')).ws));
  const plain = await server.websocket('/ws');
  for (const ws of [...deflating, plain]) assert.equal((await ws.receiveJson()).type, 'hello');
  for (const size of [500, 501]) {
    await server.publish({ event: 'e', data: 'x'.repeat(size) });
    const frames = await Promise.all(deflating.map((ws) => ws.receive()));
    const whole = await plain.receive();

    assert.ok(frames.every(({ wire }) => wire.equals(frames[0].wire)), 'one encoding for all');
    assert.equal(frames[0].rsv, 4);
    assert.ok(frames[0].wire.length < whole.wire.length / 2);
    assert.equal(inflate(frames[0].payload).toString(), whole.text);
  }
  assert.equal(await server.metric('encodings_total{dialect="native_deflate"}'), 2);
}));

test('messages below compression_min go out plain, also to who agreed', withServer({ compression_min: 1000 }, async (server) => {
  const { ws } = await offer(server, DEFLATE, '/ws');
  await ws.receive();
  await server.publish({ event: 'e', data: 'x'.repeat(500) });
  assert.equal((await ws.receive()).rsv, 0);
  await server.publish({ event: 'e', data: 'x'.repeat(1500) });
  assert.equal((await ws.receive()).rsv, 4);
}));

test('deflated and plain clients get the same messages', withServer({ compression_min: 0 }, async (server) => {
  const deflating = await server.native('', { perMessageDeflate: true });
  const plain = await server.native();
  assert.match(deflating.socket.extensions, /permessage-deflate/);
  for (let i = 0; i < 50; i++) await server.publish({ event: 'e', data: 'ab€'.repeat(i * i) });

  assert.deepEqual(await deflating.nextMany(50), await plain.nextMany(50));
}));
