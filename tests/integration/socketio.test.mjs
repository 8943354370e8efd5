// /socket.io/: the unmodified socket.io-client over WebSocket, and what it does not do.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Stentord, withServer } from './lib/stentord.mjs';
import { frame, opcode } from './lib/raw-websocket.mjs';
import { request } from './lib/http.mjs';
import { within } from './lib/wait.mjs';

const TARGET = '/socket.io/?EIO=4&transport=websocket';

async function rawSocketio(server) {
  const ws = await server.websocket(TARGET);
  ws.open = JSON.parse((await ws.receive()).text.slice(1));
  return ws;
}

test('a client connects, gets a sid and messages to everyone', withServer({}, async (server) => {
  const client = await server.socketio();
  await server.publish({ event: 'news', data: { a: [1, 'ü'] } });

  assert.match(client.socket.id, /^[\w-]{16,}$/);
  assert.deepEqual(await client.next(), ['news', { a: [1, 'ü'] }]);
  assert.equal(await server.metric('clients_socketio'), 1);
}));

test('events have the arguments that were published', withServer({}, async (server) => {
  const client = await server.socketio();

  for (const args of [[], [null], [1, 'two', { three: [3] }]]) {
    await server.publish({ event: 'e', args });
    assert.deepEqual(await client.next(), ['e', ...args]);
  }
}));

test('auth may name rooms', withServer({}, async (server) => {
  const client = await server.socketio('/', { auth: { rooms: ['a', 'b'] } });
  await server.publish({ room: 'a', event: 'for a' });
  await server.publish({ room: 'c', event: 'for c' });
  await server.publish({ rooms: ['a', 'b'], event: 'for both' });
  await server.publish({ event: 'for all' });

  assert.deepEqual(await client.next(), ['for a', null]);
  assert.deepEqual(await client.next(), ['for both', null]);
  assert.deepEqual(await client.next(), ['for all', null]);
}));

test('auth with wrong rooms is refused, and leaves no membership', withServer({ max_rooms: 2 }, async (server) => {
  for (const rooms of [['a', 5], [''], ['*'], ['a', 'b', 'c'], ['x'.repeat(257)]]) {
    const client = server.openSocketio('/', { auth: { rooms } });
    assert.ok((await client.refused()).message.length > 5, JSON.stringify(rooms));
    assert.equal(await server.metric('memberships'), 0);
    client.destroy();
  }
}));

test('auth rooms that are no array are refused, not ignored', withServer({}, async (server) => {
  const client = server.openSocketio('/', { auth: { rooms: 'a' } });

  assert.match((await client.refused()).message, /rooms/);
}));

test('without client_join auth may not name rooms, nor join succeed', withServer({ client_join: false }, async (server) => {
  const client = server.openSocketio('/', { auth: { rooms: ['a'] } });
  const plain = await server.socketio();

  assert.match((await client.refused()).message, /client_join/);
  assert.match((await plain.ask('join', 'a')).error, /client_join/);
}));

test('join and leave with ack', withServer({}, async (server) => {
  const client = await server.socketio();

  assert.deepEqual(await client.ask('join', 'a'), { ok: true });
  assert.equal((await server.publish({ room: 'a', event: 'in' })).clients, 1);
  assert.deepEqual(await client.next(), ['in', null]);
  assert.deepEqual(await client.ask('leave', 'a'), { ok: true });
  assert.equal((await server.publish({ room: 'a', event: 'out' })).clients, 0);
  await server.publish({ event: 'after' });
  assert.deepEqual(await client.next(), ['after', null]);
}));

test('join without ack works too', withServer({}, async (server) => {
  const client = await server.socketio();
  client.socket.emit('join', 'a');
  await server.untilMetric('memberships', 2);
  await server.publish({ room: 'a', event: 'in' });

  assert.deepEqual(await client.next(), ['in', null]);
}));

test('wrong events are answered with an error', withServer({}, async (server) => {
  const client = await server.socketio();
  const wrong = [
    ['nothing'], ['nothing', 1, 2], ['join'], ['join', 5], ['join', ''], ['join', '*'],
    ['leave'], ['leave', 'never joined'], ['leave', ''], ['join', { room: 'a' }],
    ['publish', { event: 'e' }],
  ];

  for (const args of wrong) {
    const answer = await client.ask(...args);
    assert.equal(answer.ok, false, JSON.stringify(args));
    assert.ok(answer.error.length > 5);
  }
  assert.match((await client.ask('nothing')).error, /unknown event/);
  assert.equal(client.socket.connected, true);
  assert.equal(await server.metric('client_events_refused_total'), wrong.length + 1);
}));

test('an unknown namespace is refused with "Invalid namespace"', withServer({}, async (server) => {
  const client = server.openSocketio('/nowhere');

  assert.equal((await client.refused()).message, 'Invalid namespace');
}));

test('several namespaces share a connection and stay apart', withServer({ namespaces: ['/', '/x', '/y'] }, async (server) => {
  const root = await server.socketio('/', { forceNew: true });
  const inX = root.socket.io.socket('/x');
  const inNone = root.socket.io.socket('/none');
  const received = [];
  inX.onAny((...event) => received.push(event));
  const refused = new Promise((resolve) => inNone.once('connect_error', resolve));
  const connected = new Promise((resolve) => inX.once('connect', resolve));
  await within(connected, 'the connect to /x');

  assert.equal((await within(refused, 'the refusal of /none')).message, 'Invalid namespace');
  assert.notEqual(inX.id, root.socket.id);
  await within(inX.emitWithAck('join', 'a'), 'join');
  await server.publish({ room: 'a', event: 'to a in /' });
  await server.publish({ namespace: '/x', room: 'a', event: 'to a in /x' });
  await server.publish({ namespace: '/x', event: 'to /x' });
  await server.publish({ event: 'to /' });
  assert.deepEqual(await root.next(), ['to /', null]);
  await within(inX.emitWithAck('leave', 'a'), 'leave');
  assert.deepEqual(received, [['to a in /x', null], ['to /x', null]]);
  await server.untilMetric('connections', 2); // the client and who asks
}));

test('leaving one namespace keeps the others', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const root = await server.socketio();
  const inX = root.socket.io.socket('/x');
  await within(new Promise((resolve) => inX.once('connect', resolve)), 'the connect to /x');
  root.socket.disconnect();
  await server.untilMetric('memberships', 1);
  assert.equal((await server.publish({ event: 'to /' })).clients, 0);
  const got = new Promise((resolve) => inX.once('to /x', resolve));
  await server.publish({ namespace: '/x', event: 'to /x', data: 1 });

  assert.equal(await within(got, 'the message'), 1);
  inX.disconnect();
  await server.untilMetric('clients_socketio', 0);
}));

test('max_rooms counts rooms, not namespaces', withServer({ max_rooms: 2, namespaces: ['/', '/x', '/y', '/z'] }, async (server) => {
  const ws = await rawSocketio(server);
  for (const namespace of ['/', '/x', '/y', '/z']) {
    ws.send(opcode.text, `40${namespace},`);
    await ws.receive();
  }
  for (const [id, room, wanted] of [[1, 'a', true], [2, 'b', true], [3, 'c', false]]) {
    ws.send(opcode.text, `42/x,${id}["join","${room}"]`);
    const { text } = await ws.receive();
    assert.ok(text.startsWith(`43/x,${id}[{"ok":${wanted}`), text);
  }
}));

test('who leaves a namespace may come back', withServer({}, async (server) => {
  const ws = await rawSocketio(server);
  for (let i = 0; i < 3; i++) {
    ws.send(opcode.text, '40');
    assert.match((await ws.receive()).text, /^40\{"sid":"/);
    ws.send(opcode.text, '41');
  }
  await server.untilMetric('memberships', 0);
}));

test('binary data from a publisher arrives as a Buffer', withServer({}, async (server) => {
  const client = await server.socketio();
  const body = Buffer.from([0, 1, 254, 255]);
  const headers = { 'Content-Type': 'application/octet-stream' };
  await request(server.admin, '/publish/*/bytes', { method: 'POST', headers, body });

  assert.deepEqual(await client.next(), ['bytes', body]);
}));

test('binary data from a client reaches all, also nested', withServer({ client_publish: true }, async (server) => {
  const sender = await server.socketio();
  const other = await server.socketio('/', { auth: { rooms: ['a'] } });
  const native = await server.native({ room: 'a' });
  const one = Buffer.from([1, 2, 3]);
  const two = Buffer.from('zwei');
  const data = { name: 'x', list: [one, { deep: two }], n: 1 };

  assert.deepEqual(await sender.ask('publish', { room: 'a', event: 'e', data }), { ok: true });
  assert.deepEqual(await other.next(), ['e', data]);
  assert.deepEqual((await native.next()).data, {
    name: 'x',
    list: [{ base64: one.toString('base64') }, { deep: { base64: two.toString('base64') } }],
    n: 1,
  });
  assert.deepEqual(await sender.ask('publish', { event: 'e', args: [two, one] }), { ok: true });
  assert.deepEqual(await other.next(), ['e', two, one]);
}));

test('compressed messages with attachments arrive whole', withServer({ compression_min: 0 }, async (server) => {
  const client = await server.socketio();
  const body = Buffer.alloc(50_000, 'stentor ');
  const headers = { 'Content-Type': 'application/octet-stream' };
  await request(server.admin, '/publish/*/bytes', { method: 'POST', headers, body });

  assert.deepEqual(await client.next(), ['bytes', body]);
  assert.equal(await server.metric('encodings_total{dialect="socketio_deflate"}'), 1, 'the library offers it');
  assert.ok((await server.metric('delivery_bytes_total')) < 5000);
}));

test('a large binary attachment arrives whole', withServer({ client_publish: true, max_message_size: 1 << 20 }, async (server) => {
  const client = await server.socketio();
  const data = Buffer.alloc(700_000, 'stentor');

  assert.deepEqual(await client.ask('publish', { event: 'e', data }), { ok: true });
  assert.deepEqual(await client.next(), ['e', data]);
}));

test('clients publish only with client_publish, and only what is right', withServer({ client_publish: true }, async (server) => {
  const client = await server.socketio();

  for (const envelope of [undefined, 5, [], {}, { event: 'connect' }, { event: 'e', typo: 1 }, { event: 'e', room: '*' }]) {
    const answer = await client.ask('publish', envelope);
    assert.equal(answer.ok, false, JSON.stringify(envelope));
  }
  assert.equal((await client.ask('publish', { event: 'e', data: 'x' })).ok, true);
  assert.deepEqual(await client.next(), ['e', 'x']);
  assert.equal(await server.metric('published_total'), 1);
}));

test('messages from native clients and HTTP come in one order to all', withServer({ client_publish: true }, async (server) => {
  const socketio = await server.socketio();
  const native = await server.native();
  for (let i = 0; i < 10; i++) {
    await native.command({ type: 'publish', event: 'n', data: i });
    await server.publish({ event: 'h', data: i });
    await socketio.ask('publish', { event: 's', data: i });
  }
  const here = [];
  while (here.length < 30) here.push(await socketio.next());

  assert.deepEqual(here, (await native.nextMany(30)).map(({ event, data }) => [event, data]));
}));

test('a client that disconnects is gone', withServer({}, async (server) => {
  const client = await server.socketio('/', { auth: { rooms: ['a'] } });
  client.socket.disconnect();
  await server.untilMetric('clients_socketio', 0);

  assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 0);
  assert.equal(await server.metric('memberships'), 0);
}));

test('when the server stops, clients are told', async () => {
  const server = await Stentord.start();
  const client = await server.socketio();
  server.terminate();
  const reason = await within(client.disconnected, 'the disconnect');
  await server.ended();

  assert.equal(reason, 'transport close');
});

test('heartbeats keep clients alive over many intervals', withServer({ ping_interval: 100, ping_timeout: 2000 }, async (server) => {
  const client = await server.socketio();
  let pings = 0;
  client.socket.io.engine.on('ping', () => pings++);
  await server.untilMetric('pings_total', (count) => count >= 6);

  assert.ok(pings >= 5, `${pings} pings`);
  assert.equal(client.socket.connected, true);
}));

test('pings to clients that came at once are spread over the interval', withServer({ ping_interval: 2000 }, async (server) => {
  const arrivals = await Promise.all(Array.from({ length: 100 }, async () => {
    const ws = await rawSocketio(server);
    ws.send(opcode.text, '40');
    while ((await ws.receiveAny()).text !== '2');
    return Date.now();
  }));
  const first = Math.min(...arrivals);
  const buckets = Array(10).fill(0);
  for (const arrival of arrivals) buckets[Math.min(9, Math.floor((arrival - first) / 200))]++;

  assert.ok(Math.max(...buckets) <= 30, `pings per 200 ms: ${buckets}`);
  assert.ok(buckets.filter((count) => count > 0).length >= 6, `pings per 200 ms: ${buckets}`);
}));

test('the open packet tells the intervals and the largest message', withServer({ ping_interval: 1234, ping_timeout: 4321, max_message_size: 5000 }, async (server) => {
  const { open } = await rawSocketio(server);

  assert.deepEqual(Object.keys(open).sort(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
  assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [1234, 4321, 5000]);
  assert.deepEqual(open.upgrades, []);
}));

test('a client that never answers pings is closed', withServer({ ping_interval: 100, ping_timeout: 1000 }, async (server) => {
  const silent = await rawSocketio(server);
  const answering = await server.socketio();
  silent.send(opcode.text, '40');

  await silent.raw.readToEnd();
  await server.untilClosed('ping_timeout', 1);
  assert.equal(answering.socket.connected, true);
}));

test('any sign of life counts as an answer to a ping', withServer({ ping_interval: 100, ping_timeout: 1500 }, async (server) => {
  const ws = await rawSocketio(server);
  ws.send(opcode.text, '40');
  for (let pings = 0; pings < 6; ) {
    const { text } = await ws.receiveAny();
    if (text !== '2') continue;
    pings++;
    ws.send(opcode.text, pings % 2 ? '3' : '42["nothing"]');
  }

  assert.equal(await server.metric('closes_total{reason="ping_timeout"}'), 0);
}));

test('who joins no namespace is closed after connect_timeout', withServer({ connect_timeout: 1 }, async (server) => {
  const idle = await rawSocketio(server);
  const joined = await server.socketio();

  assert.equal((await idle.closed()).code, 1008);
  await server.untilClosed('connect_timeout', 1);
  assert.equal(joined.socket.connected, true);
}));

test('handshakes that are no WebSocket, or of another version, are refused as Engine.IO does', withServer({}, async (server) => {
  const refusals = {
    '?EIO=4': { code: 0, message: 'Transport unknown' },
    '?EIO=4&transport=nothing': { code: 0, message: 'Transport unknown' },
    '?EIO=3&transport=websocket': { code: 5, message: 'Unsupported protocol version' },
    '?transport=websocket': { code: 5, message: 'Unsupported protocol version' },
    '?EIO=4&transport=websocket&sid=abc': { code: 1, message: 'Session ID unknown' },
  };

  for (const [query, refusal] of Object.entries(refusals)) {
    const answer = await server.get(`/socket.io/${query}`);
    assert.equal(answer.status, 400, query);
    assert.deepEqual(answer.json(), refusal, query);
  }
  const plain = await server.get('/socket.io/?EIO=4&transport=websocket');
  assert.equal(plain.status, 400);
  assert.ok(Number.isInteger(plain.json().code));
  const post = await server.get('/socket.io/?EIO=4&transport=polling', { method: 'POST', body: 'x' });
  assert.equal(post.status, 400);
  assert.deepEqual(post.json(), { code: 2, message: 'Bad handshake method' });
}));

test('packets that break the protocol end the connection', withServer({}, async (server) => {
  const broken = [
    ['', 'an empty packet'],
    ['9', 'an unknown Engine.IO packet'],
    ['2', 'a ping from a client'],
    ['4', 'an empty Socket.IO packet'],
    ['49', 'an unknown Socket.IO packet'],
    ['42["join","a"]', 'an event before the connect'],
    ['40[]', 'a connect with an array'],
    ['44{"message":"x"}', 'a connect error from a client'],
  ];

  for (const [text, what] of broken) {
    const ws = await rawSocketio(server);
    ws.send(opcode.text, text);
    assert.equal((await ws.closed()).code, 1002, what);
  }
  const afterConnect = [
    '40', '42', '42{}', '42[]', '42[5]', '42["connect"]', '42["disconnecting"]', '42["newListener"]',
    '42["a"', '42/other,["a"]', '451-', '45["a"]', '4599999999-["a"]', '429999999999999999["a"]', '43{}',
  ];
  for (const text of afterConnect) {
    const ws = await rawSocketio(server);
    ws.send(opcode.text, '40');
    await ws.receive();
    ws.send(opcode.text, text);
    assert.equal((await ws.closed()).code, 1002, text);
  }
  assert.equal(await server.metric('ws_errors_total'), broken.length + afterConnect.length);
}));

test('attachments that nobody announced, or texts in their place, end the connection', withServer({}, async (server) => {
  const connect = frame(opcode.text, '40');
  const announced = frame(opcode.text, '451-["publish",{"_placeholder":true,"num":0}]');

  for (const [what, ...frames] of [
    ['attachment without packet', frame(opcode.binary, 'x')],
    ['text between packet and attachment', announced, frame(opcode.text, '42["join","a"]')],
  ]) {
    const ws = await rawSocketio(server);
    ws.raw.write(Buffer.concat([connect, ...frames]));
    assert.equal((await ws.closed()).code, 1002, what);
  }
}));

test('attachments count towards max_message_size', withServer({ max_message_size: 1000 }, async (server) => {
  const ws = await rawSocketio(server);
  ws.send(opcode.text, '40');
  ws.send(opcode.text, '452-["publish",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  ws.send(opcode.binary, Buffer.alloc(600));
  ws.send(opcode.binary, Buffer.alloc(600));

  assert.equal((await ws.closed()).code, 1009);
}));

test('placeholders that name no attachment are refused', withServer({ client_publish: true }, async (server) => {
  const others = [await server.socketio(), await server.native()];
  for (const num of [1, 5, -1, 0.5, '"0"', 'null']) {
    const ws = await rawSocketio(server);
    ws.send(opcode.text, '40');
    await ws.receive();
    ws.send(opcode.text, `451-7["publish",{"event":"wrong","data":{"_placeholder":true,"num":${num}}}]`);
    ws.send(opcode.binary, 'x');
    assert.match((await ws.receive()).text, /^437\[\{"ok":false/, `num ${num}`);
    await ws.destroy();
  }
  await server.publish({ event: 'after' });

  assert.deepEqual(await others[0].next(), ['after', null]);
  assert.equal((await others[1].next()).event, 'after');
}));

test('numbers of any size travel with binary data', withServer({ client_publish: true }, async (server) => {
  const native = await server.native();
  const socketio = await server.socketio();
  const ws = await rawSocketio(server);
  ws.send(opcode.text, '40');
  await ws.receive();
  ws.send(opcode.text, '451-7["publish",{"event":"e","args":[{"_placeholder":true,"num":0},123456789012345678901234567890]}]');
  ws.send(opcode.binary, 'x');

  assert.deepEqual(await socketio.next(), ['e', Buffer.from('x'), 123456789012345678901234567890]);
  assert.deepEqual((await native.next()).args, [{ base64: 'eA==' }, 123456789012345678901234567890]);
}));

test('an Engine.IO close ends the connection', withServer({}, async (server) => {
  const ws = await rawSocketio(server);
  ws.send(opcode.text, '40');
  ws.send(opcode.text, '1');

  assert.equal((await ws.closed()).code, 1000);
  await server.untilMetric('clients_socketio', 0);
}));

test('an ack id comes back as it was', withServer({}, async (server) => {
  const ws = await rawSocketio(server);
  ws.send(opcode.text, '40');
  await ws.receive();
  for (const id of [0, 7, 123456789012345]) {
    ws.send(opcode.text, `42${id}["join","a"]`);
    assert.equal((await ws.receive()).text, `43${id}[{"ok":true}]`);
  }
}));
