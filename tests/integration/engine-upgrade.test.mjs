// A client that polls moves to a WebSocket: the probe, the move, and what may go wrong with it.
import assert from 'node:assert/strict';
import test from 'node:test';

import { assertGone, events, PollingSession, target, waitingPoll } from './lib/polling-session.mjs';
import { handshake, opcode } from './lib/raw-websocket.mjs';
import { withServer } from './lib/steady-server.mjs';

const CONFORMANCE = { conformance: true };
const ENGINE = { path: '/engine.io/' };
const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

const openEngine = (server) => PollingSession.open(server.clients, ENGINE);
const connect = (server, options) => PollingSession.connect(server.clients, options);
const openWebSocket = (server, session) => server.websocket(session.target('websocket'));

// The WebSocket has been tried: the client may move.
async function probe(server, session) {
  const ws = await openWebSocket(server, session);
  ws.send(opcode.text, '2probe');
  assert.equal((await ws.receiveAny()).text, '3probe');
  return ws;
}

async function upgrade(server, session) {
  const moved = await server.metric('upgrades_total');
  const ws = await probe(server, session);
  ws.send(opcode.text, '5');
  await server.untilMetric('upgrades_total', moved + 1);
  return ws;
}

async function receiveTexts(ws, count) {
  const texts = [];
  while (texts.length < count) texts.push((await ws.receive()).text);
  return texts;
}

async function echoes(ws, text) {
  ws.send(opcode.text, text);
  assert.equal((await ws.receiveAny()).text, text);
}

test('probe, noop, upgrade: the client goes on over the WebSocket', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const ws = await probe(server, session);
  assert.equal((await session.poll()).text, '6', 'a poll that comes while it probes');
  ws.send(opcode.text, '5');
  await echoes(ws, '4hello');

  assert.equal(await server.metric('upgrades_total'), 1);
}));

test('a poll that waits is let go by the probe', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const { answer } = await waitingPoll(server, session);
  const ws = await openWebSocket(server, session);
  ws.send(opcode.text, '2probe');

  assert.equal((await ws.receiveAny()).text, '3probe');
  assert.equal((await answer).text, '6');
  assert.deepEqual([await server.metric('upgrades_total'), await server.metric('polls_total')], [0, 1]);
}));

test('a WebSocket that says nothing does not hurry the polls', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  await openWebSocket(server, session);
  const { answer } = await waitingPoll(server, session);
  await session.send('4hello');

  assert.equal((await answer).text, '4hello');
}));

test('a client that goes on polling while it probes is slowed down', withServer({ ...CONFORMANCE, upgrade_timeout: 1 }, async (server) => {
  const session = await openEngine(server);
  const ws = await probe(server, session); // whose answer the client may never see
  let over = false;
  const closed = ws.closed().finally(() => (over = true));
  let noops = 0;
  while (!over) {
    const { answer } = await waitingPoll(server, session);
    await Promise.race([answer, closed]);
    if (over) await session.send('4on');
    const { text } = await answer;
    assert.match(text, /^(6|4on)$/);
    noops += text === '6';
  }
  assert.ok(noops >= 1 && noops <= 15, `${noops} answers in a second`);
}));

test('a poll that waits without a probe is let go by the upgrade', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const { answer } = await waitingPoll(server, session);
  const ws = await openWebSocket(server, session);
  ws.send(opcode.text, '5');

  assert.equal((await answer).text, '6');
  await echoes(ws, '4hello');
}));

test('before the upgrade the session polls as before', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  await probe(server, session);
  await session.send('4one', Buffer.of(2));

  assert.deepEqual(await session.receive(), ['4one', Buffer.of(2)]);
}));

test('after the upgrade requests of the session are refused, and do it no harm', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const ws = await upgrade(server, session);

  for (const answer of [await session.poll(), await session.post('4lost'), await session.post('1')]) {
    assert.deepEqual([answer.status, answer.text], [400, BAD_REQUEST]);
  }
  await echoes(ws, '4hello');
}));

test('a second WebSocket is closed, and does the session no harm', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const first = await probe(server, session);
  assert.equal((await (await openWebSocket(server, session)).closed()).code, 1008, 'while the first one probes');
  first.send(opcode.text, '5');
  await echoes(first, '4one');
  assert.equal((await (await openWebSocket(server, session)).closed()).code, 1008, 'after the upgrade');
  await echoes(first, '4two');

  const born = await server.websocket(target('/engine.io/', { EIO: 4, transport: 'websocket' }));
  const { sid } = JSON.parse((await born.receiveAny()).text.slice(1));
  const onto = await server.websocket(target('/engine.io/', { EIO: 4, transport: 'websocket', sid }));
  assert.equal((await onto.closed()).code, 1008, 'on a session that began with a WebSocket');
  await echoes(born, '4three');
}));

test('a WebSocket for a session that is not there is refused', withServer(CONFORMANCE, async (server) => {
  const gone = await openEngine(server);
  await gone.send('1');
  for (const sid of [gone.sid, 'A'.repeat(22), 'abc', '%00', 'x'.repeat(1000)]) {
    const raw = await server.raw();
    raw.write(handshake(target('/engine.io/', { EIO: 4, transport: 'websocket', sid })));
    const { status, text } = await raw.readResponse();
    assert.deepEqual([status, text], [400, '{"code":1,"message":"Session ID unknown"}'], sid);
  }
}));

test('a probe that fails leaves the session polling', withServer(CONFORMANCE, async (server) => {
  const failures = [
    async (ws) => ws.destroy(),
    async (ws) => ws.raw.reset(),
    async (ws) => ws.send(opcode.close, Buffer.of(3, 232)).closed(),
    async (ws) => assert.equal((await ws.send(opcode.text, '4hello').closed()).code, 1002),
    async (ws) => assert.equal((await ws.send(opcode.text, '2other').closed()).code, 1002),
    async (ws) => assert.equal((await ws.send(opcode.text, '3probe').closed()).code, 1002),
    async (ws) => assert.equal((await ws.send(opcode.text, 'abc').closed()).code, 1002),
    async (ws) => assert.equal((await ws.send(opcode.binary, 'abc').closed()).code, 1002),
  ];
  const session = await openEngine(server);

  for (const [i, fail] of failures.entries()) {
    await fail(await probe(server, session));
    await session.send(`4after ${i}`);
    assert.deepEqual(await session.receiveMany(1), [`4after ${i}`]);
  }
  const { answer } = await waitingPoll(server, session);
  const ws = await openWebSocket(server, session); // after all of these one more may come
  await ws.destroy();
  await session.send('4end');
  assert.equal((await answer).text, '4end');
  assert.equal(await server.metric('upgrades_total'), 0);
}));

test('upgrade_timeout: a probe that goes no further is closed', withServer({ ...CONFORMANCE, upgrade_timeout: 1 }, async (server) => {
  const [silent, probing, moved] = await Promise.all([1, 2, 3].map(() => openEngine(server)));
  const sockets = [await openWebSocket(server, silent), await probe(server, probing)];
  const ws = await upgrade(server, moved);

  for (const socket of sockets) assert.equal((await socket.closed()).code, 1008);
  for (const session of [silent, probing]) {
    await session.send('4on');
    assert.deepEqual(await session.receive(), ['4on']);
  }
  await echoes(ws, '4hello');
  await echoes(await upgrade(server, silent), '4again');
}));

test('a session that ends takes its probe with it', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const ws = await probe(server, session);
  await session.send('1');

  assert.equal((await ws.closed()).code, 1000);
  await assertGone(session);
}));

test('what is published around an upgrade comes once and in order', withServer({ io_threads: 4 }, async (server) => {
  const publish = (data) => server.publish({ event: 'e', data });
  for (let round = 0; round < 8; round++) {
    const session = await connect(server);
    await publish('before');
    assert.deepEqual(await session.receive(), ['42["e","before"]']);
    const { answer } = await waitingPoll(server, session);
    const ws = await probe(server, session);
    assert.equal((await answer).text, '6');
    await publish('probing');
    await session.send('421["join","a"]'); // its ack is for this client alone
    await publish('still probing');
    ws.send(opcode.text, '5');
    await publish('moved');

    const texts = await receiveTexts(ws, 4);
    assert.equal(texts.filter((text) => text === '431[{"ok":true}]').length, 1, texts.join('\n'));
    assert.deepEqual(events(texts.filter((text) => text.startsWith('42'))).map(([, data]) => data),
      ['probing', 'still probing', 'moved']);
    await server.publish({ room: 'a', event: 'rooms stay' });
    assert.equal((await ws.receive()).text, '42["rooms stay",null]');
    await ws.destroy();
  }
}));

test('binary messages that waited for the upgrade come as such', withServer({ client_publish: true }, async (server) => {
  const session = await connect(server);
  const ws = await probe(server, session);
  const data = Buffer.of(1, 2, 255);
  await session.send('451-["publish",{"event":"e","data":{"_placeholder":true,"num":0}}]', data);
  ws.send(opcode.text, '5');

  assert.equal((await ws.receive()).text, '451-["e",{"_placeholder":true,"num":0}]');
  const attachment = await ws.receive();
  assert.deepEqual([attachment.opcode, attachment.payload], [opcode.binary, data]);
}));

test('a client may connect to its namespace after the upgrade, but has to', withServer({ connect_timeout: 1 }, async (server) => {
  const [late, never] = await Promise.all([1, 2].map(() => PollingSession.open(server.clients)));
  const [one, two] = [await upgrade(server, late), await upgrade(server, never)];
  one.send(opcode.text, '40');

  assert.match((await one.receive()).text, /^40\{"sid":/);
  assert.equal((await two.closed()).code, 1008);
  await server.untilClosed('connect_timeout', 1);
  await server.publish({ event: 'e' });
  assert.equal((await one.receive()).text, '42["e",null]');
}));

test('after the upgrade heartbeats come over the WebSocket', withServer({ ...CONFORMANCE, ping_interval: 100, ping_timeout: 1000 }, async (server) => {
  const answering = await upgrade(server, await openEngine(server));
  const silent = await upgrade(server, await openEngine(server));
  for (let i = 0; i < 3; i++) {
    assert.equal((await answering.receiveAny()).text, '2');
    answering.send(opcode.text, '3');
  }
  await silent.raw.readToEnd();
  await server.untilClosed('ping_timeout', (count) => count > 0);
}));

test('the end of the WebSocket is the end of the client', withServer({}, async (server) => {
  const session = await connect(server);
  const ws = await upgrade(server, session);
  await ws.destroy();
  await server.untilMetric('clients_socketio', 0);

  await assertGone(session);
  assert.equal((await server.publish({ event: 'e' })).clients, 0);
}));
