// Engine.IO 3, for clients of Socket.IO 2: `eio3 = true`. The unmodified client is in
// engine-clients.test.mjs; here is what it hides.
import assert from 'node:assert/strict';
import test from 'node:test';

import { assertGone, PollingSession, target, waitingPoll } from './lib/polling-session.mjs';
import { handshake, opcode } from './lib/raw-websocket.mjs';
import { payload3 } from './lib/payload.mjs';
import { withServer } from './lib/steady-server.mjs';
import { timeFactor } from './lib/wait.mjs';

const EIO3 = { eio3: true, conformance: true };
const OCTETS = 'application/octet-stream';
const TEXT = 'text/plain; charset=UTF-8';

const options = { protocol: 3, path: '/engine.io/' };
const openText = (server) => PollingSession.open(server.clients, { ...options, query: { b64: 1 } });
const openBinary = (server) => PollingSession.open(server.clients, options);

// A client of Socket.IO 2; it is in "/" without asking.
async function connect(server, query) {
  const session = await PollingSession.open(server.clients, { protocol: 3, query });
  assert.deepEqual(await session.receive(), ['40']);
  return session;
}

async function openWebSocket(server, path = '/engine.io/') {
  const ws = await server.websocket(target(path, { EIO: 3, transport: 'websocket' }));
  ws.open = JSON.parse((await ws.receiveAny()).text.slice(1));
  return ws;
}

test('without the option protocol 3 is refused, and says so', withServer({ conformance: true }, async (server) => {
  const refusal = '{"code":5,"message":"Unsupported protocol version"}';
  for (const path of ['/engine.io/', '/socket.io/']) {
    const polling = await server.get(`${path}?EIO=3&transport=polling`);
    assert.deepEqual([polling.status, polling.text], [400, refusal]);
    const raw = await server.raw();
    raw.write(handshake(`${path}?EIO=3&transport=websocket`));
    const websocket = await raw.readResponse();
    assert.deepEqual([websocket.status, websocket.text], [400, refusal]);
  }
}));

test('the handshake is a payload of protocol 3', withServer({ ...EIO3, ping_interval: 300, ping_timeout: 200 }, async (server) => {
  for (const open of [openText, openBinary]) {
    const { handshake: answer, open: told } = await open(server);
    const [, length, packet] = /^(\d+):(.*)$/.exec(answer.text);
    assert.equal(Number(length), packet.length);
    assert.equal(answer.headers['content-type'], TEXT);
    assert.deepEqual([told.upgrades, told.pingInterval, told.pingTimeout], [['websocket'], 300, 200]);
  }
  const { open } = await openWebSocket(server);
  assert.deepEqual([open.upgrades, open.pingInterval, open.pingTimeout], [[], 300, 200]);
}));

test('clients of both protocols are served at once', withServer(EIO3, async (server) => {
  const old = await openText(server);
  const young = await PollingSession.open(server.clients, { path: '/engine.io/' });
  for (const session of [old, young]) await session.send('4one', '4two', Buffer.of(3));

  assert.equal((await old.poll()).text, '4:4one4:4two6:b4Aw==');
  assert.equal((await young.poll()).text, '4one\x1e4two\x1ebAw==');
}));

test('lengths count as JavaScript does: UTF-16', withServer(EIO3, async (server) => {
  const session = await openText(server);
  for (const [text, length] of [['4€', 2], ['4😀', 3], ['4ü€😀\u0000\uffff', 7], ['4', 1], [`4${'😀'.repeat(5000)}`, 10_001]]) {
    await session.send(text, '4next');
    const { text: payload, headers } = await session.poll();
    assert.equal(payload, `${length}:${text}5:4next`);
    assert.equal(Number(headers['content-length']), Buffer.byteLength(payload));
  }
}));

test('a client with b64=1 gets binary data as base64', withServer(EIO3, async (server) => {
  const session = await openText(server);
  await session.send('4hello', Buffer.of(1, 2, 3, 4));
  const { text, headers } = await session.poll();

  assert.deepEqual([text, headers['content-type']], ['6:4hello10:b4AQIDBA==', TEXT]);
}));

test('a client without it gets bytes, if there is binary data', withServer(EIO3, async (server) => {
  const session = await openBinary(server);
  await session.send('4hello', Buffer.of(1, 2, 3, 4));
  const mixed = await session.poll();
  await session.send('4€', '4b');
  const text = await session.poll();

  assert.equal(mixed.headers['content-type'], OCTETS);
  assert.deepEqual([...mixed.body], [0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4]);
  assert.deepEqual([text.text, text.headers['content-type']], ['2:4€2:4b', TEXT]);
}));

test('in bytes a length counts bytes', withServer(EIO3, async (server) => {
  const session = await openBinary(server);
  const packets = ['4€😀', Buffer.alloc(300, 255), '4', Buffer.alloc(0), `4${'ü'.repeat(500)}`];
  await session.send(...packets);
  const { body, headers } = await session.poll();

  assert.equal(headers['content-type'], OCTETS);
  assert.deepEqual([...body.subarray(0, 12)], [0, 8, 255, ...Buffer.from('4€😀'), 1]);
  assert.deepEqual(payload3.decode(body, OCTETS), packets);
}));

test('clients post bytes, also who wants no bytes back', withServer(EIO3, async (server) => {
  const packets = ['4€😀', Buffer.of(0, 255, 1), '4'];
  for (const open of [openText, openBinary]) {
    const session = await open(server);
    const headers = { 'Content-Type': OCTETS };
    const { status, text } = await session.post(payload3.encodeBinary(packets), { headers });
    assert.deepEqual([status, text], [200, 'ok']);
    assert.deepEqual(await session.receive(), packets);
  }
}));

test('what is no payload ends the session', withServer(EIO3, async (server) => {
  const texts = [
    '', 'abc', '4hello', ':4a', '0:', '1:', '2:4', '3:4€', '6:4hello1', '6:4hello1:', '-1:4a', '1 :4', '1:7', '9999999999:4a',
    '3:b5A', '4:b4A*', '1:b', '6:9hello', Buffer.from([0x32, 0x3a, 0x34, 0xff]), '2:4a\x1e2:4b',
  ];
  const binaries = [
    [], [0], [0, 1], [0, 255], [0, 0, 255], [0, 2, 255, 52], [2, 1, 255, 52], [1, 1, 255, 52], [1, 0, 255], [0, 10, 255, 52],
    [0, 2, 255, 52, 255], [0, 1, 255, 55], [0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 255, 52], [52, 97],
  ];
  const bodies = [...texts.map((text) => [text, 'text/plain']), ...binaries.map((bytes) => [Buffer.from(bytes), OCTETS])];

  for (const [body, type] of bodies) {
    const session = await openText(server);
    const answer = await session.post(body, { headers: { 'Content-Type': type } });
    assert.deepEqual([answer.status, answer.text], [400, '{"code":3,"message":"Bad request"}'], `${type} ${JSON.stringify(body.toString('latin1'))}`);
    await assertGone(session);
  }
}));

test('two polls at once, a cancelled poll and a close end the session', withServer(EIO3, async (server) => {
  for (const open of [openText, openBinary]) {
    const twice = await open(server);
    const { answer: first } = await waitingPoll(server, twice);
    assert.equal((await twice.poll()).status, 400);
    assert.equal((await first).text, '1:1');
    await assertGone(twice);

    const cancelled = await open(server);
    const [polls, lost] = [await server.metric('polls_total'), await server.metric('closes_total{reason="reset"}')];
    const raw = await server.raw();
    raw.write(`GET ${cancelled.target()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await server.untilMetric('polls_total', polls + 1);
    await raw.destroy();
    await server.untilClosed('reset', lost + 1);
    await assertGone(cancelled);

    const closing = await open(server);
    const { answer } = await waitingPoll(server, closing);
    await closing.send('1');
    assert.equal((await answer).text, '1:6');
    await assertGone(closing);
  }
}));

test('the client pings, the server answers, with the data of the ping', withServer(EIO3, async (server) => {
  const session = await openText(server);
  for (let i = 0; i < 3; i++) {
    await session.send('2');
    assert.deepEqual(await session.receive(), ['3']);
  }
  await session.send('2probe');
  assert.deepEqual(await session.receive(), ['3probe']);

  const ws = await openWebSocket(server);
  for (const data of ['', 'probe', '']) {
    ws.send(opcode.text, `2${data}`);
    assert.equal((await ws.receiveAny()).text, `3${data}`);
  }
}));

test('a client is heard of within interval and timeout, or closed', withServer({
  ...EIO3, ping_interval: 200, ping_timeout: 300 + 1000 * timeFactor,
}, async (server) => {
  const silent = await openText(server);
  const deaf = await openText(server);
  const { answer } = await waitingPoll(server, deaf);
  const silentSocket = await openWebSocket(server);
  const pinging = await openText(server);
  const pingingSocket = await openWebSocket(server);
  let over = false;
  const end = Promise.all([server.untilClosed('ping_timeout', 3), silentSocket.raw.readToEnd()]).finally(() => (over = true));
  while (!over) {
    await pinging.send('2');
    assert.deepEqual(await pinging.receive(), ['3']);
    pingingSocket.send(opcode.text, '2');
    assert.equal((await pingingSocket.receiveAny()).text, '3');
  }
  await end;

  assert.equal((await answer).text, '1:1');
  for (const session of [silent, deaf]) await assertGone(session);
  assert.equal(await server.metric('pings_total'), 0, 'the server sends none');
}));

test('a pong from a client, which is not its part, ends the session', withServer(EIO3, async (server) => {
  const session = await openText(server);
  assert.equal((await session.post('1:3')).status, 400);
  await assertGone(session);

  const ws = await openWebSocket(server);
  ws.send(opcode.text, '3');
  assert.equal((await ws.closed()).code, 1002);
}));

test('over WebSocket binary data has its type in front', withServer(EIO3, async (server) => {
  const ws = await openWebSocket(server);
  for (const [op, payload] of [[opcode.binary, Buffer.of(4, 1, 2, 3, 4)], [opcode.binary, Buffer.of(4)], [opcode.text, '4€😀']]) {
    ws.send(op, payload);
    const received = await ws.receiveAny();
    assert.deepEqual([received.opcode, received.payload], [op, Buffer.from(payload)]);
  }
  for (const payload of [[], [1, 2, 3], [0], [52, 1]]) {
    const wrong = await openWebSocket(server);
    wrong.send(opcode.binary, Buffer.from(payload));
    assert.equal((await wrong.closed()).code, 1002, `[${payload}]`);
  }
}));

test('probe, noop, upgrade', withServer(EIO3, async (server) => {
  for (const open of [openText, openBinary]) {
    const session = await open(server);
    const { answer } = await waitingPoll(server, session);
    const ws = await server.websocket(session.target('websocket'));
    ws.send(opcode.text, '2probe');
    assert.equal((await ws.receiveAny()).text, '3probe');
    assert.equal((await answer).text, '1:6');
    assert.equal((await session.poll()).text, '1:6');
    await session.send(Buffer.of(7, 8));
    ws.send(opcode.text, '5');
    assert.deepEqual((await ws.receiveAny()).payload, Buffer.of(4, 7, 8), 'what waited');
    ws.send(opcode.text, '4hello');
    assert.equal((await ws.receiveAny()).text, '4hello');
    assert.deepEqual([(await session.poll()).status, (await session.post('6:4hello')).status], [400, 400]);
    assert.equal((await (await server.websocket(session.target('websocket'))).closed()).code, 1008);
  }
}));

test('Socket.IO 2: namespaces, events and acks', withServer({ eio3: true, namespaces: ['/', '/x'] }, async (server) => {
  const session = await connect(server, { b64: 1 });
  await session.send('40/x?token=1,', '40/none,', '40');
  assert.deepEqual(await session.receiveMany(2), ['40/x,', '44/none,"Invalid namespace"']);
  await session.send('421["join","a"]', '42/x,2["join","b"]', '423["nothing"]');
  const [one, two, three] = await session.receiveMany(3);
  assert.deepEqual([one, two], ['431[{"ok":true}]', '43/x,2[{"ok":true}]']);
  assert.match(three, /^433\[\{"ok":false,"error":"unknown event/);
  await server.publish({ room: 'a', event: 'in a', data: '€' });
  await server.publish({ namespace: '/x', room: 'b', event: 'in b', data: '😀' });
  assert.deepEqual(await session.receiveMany(2), ['42["in a","€"]', '42/x,["in b","😀"]']);
  await session.send('41/x');
  await server.publish({ namespace: '/x', event: 'no more' });
  await server.publish({ event: 'all' });

  assert.deepEqual(await session.receiveMany(1), ['42["all",null]']);
}));

test('messages that wait for a poll keep their order, whatever form they need', withServer({ eio3: true, client_publish: true }, async (server) => {
  const [text, binary] = [await connect(server, { b64: 1 }), await connect(server)];
  const wanted = [];
  for (let i = 0; i < 12; i++) {
    if (i % 3 === 1) {
      const body = Buffer.of(i, 255);
      await server.get('/publish/*/bytes', { method: 'POST', headers: { 'Content-Type': OCTETS, Authorization: 'Bearer correct horse' }, body });
      wanted.push('451-["bytes",{"_placeholder":true,"num":0}]', body);
    } else {
      await server.publish({ event: 'e', data: `${i}€` });
      wanted.push(`42["e","${i}€"]`);
    }
  }
  await Promise.all([text, binary].map((session) => session.send('421["join","a"]')));

  for (const session of [text, binary]) {
    const packets = await session.receiveMany(wanted.length + 1);
    assert.deepEqual(packets.filter((packet) => packet !== '431[{"ok":true}]'), wanted);
  }
}));

test('messages answer polls that wait, in the form of each client', withServer({ eio3: true }, async (server) => {
  const sessions = [await connect(server, { b64: 1 }), await connect(server), await PollingSession.connect(server.clients)];
  const texts = await Promise.all(sessions.map((session) => waitingPoll(server, session)));
  await server.publish({ event: 'e', data: '€' });
  const answers = await Promise.all(texts.map(({ answer }) => answer));
  assert.deepEqual(answers.map(({ text }) => text), ['11:42["e","€"]', '11:42["e","€"]', '42["e","€"]']);

  const bytes = await Promise.all(sessions.map((session) => waitingPoll(server, session)));
  const headers = { 'Content-Type': OCTETS, Authorization: 'Bearer correct horse' };
  await server.get('/publish/*/b', { method: 'POST', headers, body: Buffer.of(1, 2) });
  const [base64, octets, young] = await Promise.all(bytes.map(({ answer }) => answer));
  const packet = '451-["b",{"_placeholder":true,"num":0}]';
  assert.equal(base64.text, `${packet.length}:${packet}6:b4AQI=`);
  assert.equal(octets.headers['content-type'], OCTETS);
  assert.deepEqual(payload3.decode(octets.body, OCTETS), [packet, Buffer.of(1, 2)]);
  assert.equal(young.text, `${packet}\x1ebAQI=`);
}));
