// What clients that poll are given, and in which answers; the I/O threads of their requests.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';

import { events, PollingSession, target, waitingPoll } from './lib/polling-session.mjs';
import { handshake, opcode, RawWebSocket } from './lib/raw-websocket.mjs';
import { request } from './lib/http.mjs';
import { withServer } from './lib/steady-server.mjs';
import { timeFactor } from './lib/wait.mjs';

const connect = (server, options) => PollingSession.connect(server.clients, options);
const numbered = (count, first = 0) => Array.from({ length: count }, (_, i) => ({ event: 'e', data: first + i }));
const numbers = (packets) => events(packets).map(([, data]) => data);
const range = (count) => Array.from({ length: count }, (_, i) => i);

test('a message answers the poll that waits', withServer({}, async (server) => {
  const session = await connect(server, { auth: { rooms: ['a'] } });
  for (const [envelope, wanted] of [
    [{ event: 'all', data: 'ü€😀' }, '42["all","ü€😀"]'],
    [{ room: 'a', event: 'room', args: [] }, '42["room"]'],
    [{ rooms: ['a', 'b'], event: 'rooms', args: [1, { a: [null] }] }, '42["rooms",1,{"a":[null]}]'],
  ]) {
    const { answer } = await waitingPoll(server, session);
    assert.equal((await server.publish(envelope)).clients, 1);
    assert.deepEqual(session.decode(await answer), [wanted]);
  }
  const { answer } = await waitingPoll(server, session);
  assert.equal((await server.publish({ room: 'b', event: 'other' })).clients, 0);
  await server.publish({ event: 'end' });
  assert.deepEqual(session.decode(await answer), ['42["end",null]']);
}));

const INTERVAL = 1000 * timeFactor;

test('pings come when they are due, also to a client that answers before it polls again', withServer({
  ping_interval: INTERVAL, ping_timeout: INTERVAL / 2,
}, async (server) => {
  const session = await connect(server);
  const pings = [];
  while (pings.length < 4) {
    if (!(await session.receive()).includes('2')) continue;
    pings.push(Date.now());
    await session.send('3');
  }
  const gaps = pings.slice(1).map((time, i) => (time - pings[i]) / INTERVAL);
  assert.ok(gaps.every((gap) => gap > 0.7 && gap < 1.3), `${gaps}`);
  const { pong_delay: delay } = (await request(server.admin, '/status')).json().counters;
  assert.ok(delay.sum_us < 4 * 1000 * INTERVAL, `${delay.sum_us} us until pongs came`);
}));

test('what comes between two polls comes in one answer of up to 16 packets, in order', withServer({}, async (server) => {
  const session = await connect(server);
  await server.publish(numbered(20));

  assert.deepEqual(numbers(await session.receive()), range(16));
  assert.deepEqual(numbers(await session.receive()), [16, 17, 18, 19]);
  await server.publish(numbered(1));
  assert.deepEqual(numbers(await session.receive()), [0]);
}));

test('16 packets are acks and attachments too, of which none is torn from its event', withServer({ client_publish: true }, async (server) => {
  const session = await connect(server);
  await session.send(...range(40).map((i) => `42${i}["join","a"]`));
  const acks = [await session.receive(), await session.receive(), await session.receive()];
  assert.deepEqual(acks.map((packets) => packets.length), [16, 16, 8]);
  assert.deepEqual(acks.flat(), range(40).map((i) => `43${i}[{"ok":true}]`));

  const native = await server.native();
  const publish = (attachments) => session.send(
    `45${attachments}-["publish",{"event":"e","args":[${range(attachments).map((num) => `{"_placeholder":true,"num":${num}}`)}]}]`,
    ...range(attachments).map((num) => Buffer.of(num)),
  );
  const counts = [2, 2, 2, 2, 2, 2, 9, 10, 1]; // 10 is what one packet may have
  for (const attachments of counts) await publish(attachments);
  await native.nextMany(counts.length); // all are there before the next poll
  const answers = [];
  while (answers.flat().length < counts.reduce((sum, count) => sum + count + 1, 0)) answers.push(await session.receive());
  const seen = answers.map((packets) => packets.filter((packet) => typeof packet === 'string').map((text) => Number(/^45(\d+)-/.exec(text)[1])));
  assert.deepEqual(seen.flat(), counts);
  for (const [i, packets] of answers.entries()) {
    assert.equal(packets.length, seen[i].reduce((sum, count) => sum + count + 1, 0), 'events are whole');
    assert.ok(packets.length <= 16 || seen[i].length === 1, `${packets.length} packets of ${seen[i].length} events`);
  }
}));

test('acks come before messages', withServer({}, async (server) => {
  const session = await connect(server);
  await session.send('421["join","a"]', '422["join","b"]');
  await server.publish([...numbered(3), { room: 'b', event: 'in b' }]);
  await session.send('423["leave","a"]');

  assert.deepEqual(await session.receive(), [1, 2, 3].map((id) => `43${id}[{"ok":true}]`));
  assert.deepEqual(await session.receive(), [...range(3).map((i) => `42["e",${i}]`), '42["in b",null]']);
}));

test('a large backlog comes in several answers, in order', withServer({}, async (server) => {
  const session = await connect(server);
  await server.publish(numbered(1000));
  const answers = [];
  while (answers.flat().length < 1000) answers.push(await session.receive());

  assert.deepEqual(numbers(answers.flat()), range(1000));
  assert.ok(answers.length > 1 && answers.length < 100, `${answers.length} answers`);
}));

test('large messages come in several answers, each whole', withServer({}, async (server) => {
  const session = await connect(server);
  const text = '€'.repeat(40_000);
  for (let i = 0; i < 20; i++) await server.publish({ event: 'e', data: [i, text] });
  const answers = [];
  while (answers.flat().length < 20) answers.push(await session.receive());

  assert.deepEqual(numbers(answers.flat()), range(20).map((i) => [i, text]));
  assert.ok(answers.length > 2, `${answers.length} answers`);
}));

test('binary messages come as base64, with the event before them', withServer({ client_publish: true }, async (server) => {
  const session = await connect(server);
  const data = Buffer.alloc(1000, 254);
  const body = { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: data };
  const { answer } = await waitingPoll(server, session);
  await request(server.admin, '/publish/*/bytes', body);
  const wanted = ['451-["bytes",{"_placeholder":true,"num":0}]', data];
  assert.deepEqual(session.decode(await answer), wanted);
  await request(server.admin, '/publish/*/bytes', body);
  await session.send('451-7["publish",{"event":"e","data":{"_placeholder":true,"num":0}}]', Buffer.of(1));
  const received = await session.receiveMany(5);

  assert.deepEqual(received.filter((packet) => packet !== '437[{"ok":true}]'), [
    ...wanted, '451-["e",{"_placeholder":true,"num":0}]', Buffer.of(1),
  ]);
}));

test('one response is rendered for all polls of a kind', withServer({ io_threads: 1 }, async (server) => {
  const sessions = await Promise.all(range(20).map(() => connect(server)));
  const kept = await Promise.all(range(20).map(() => PollingSession.keepAlive(server.clients)));
  for (const session of kept) server.closeLater(session);
  for (const i of [1, 2, 3]) { // the first message of a room may take another way
    const waiting = await Promise.all([...sessions, ...kept].map((session) => waitingPoll(server, session)));
    await server.untilMetric('polls_total', 40 + i * 40);
    await server.publish({ event: 'e', data: i });
    const answers = await Promise.all(waiting.map(({ answer }) => answer));
    assert.deepEqual([...new Set(answers.map(({ text }) => text))], [`42["e",${i}]`]);
    const ways = answers.map(({ headers }) => headers.connection);
    assert.deepEqual(ways, range(40).map((n) => (n < 20 ? 'close' : 'keep-alive')));
  }

  const rendered = await server.metric('responses_total');
  assert.ok(rendered >= 4 && rendered <= 6, `${rendered} responses: for each message one with and one without keep-alive`);
  assert.equal(await server.metric('encodings_total{dialect="polling"}'), 3);
}));

test('2,000 messages to 20 clients that pause: none is lost, doubled or out of order', withServer({ io_threads: 4 }, async (server) => {
  const total = 2000;
  const everybody = (await Promise.all(range(20).map(() => PollingSession.keepAlive(server.clients, { auth: { rooms: ['a'] } }))))
    .map((session) => server.closeLater(session));
  const receive = async (session, i) => {
    const received = [];
    const acks = [];
    for (let id = 0; received.length < total; id++) {
      const packets = (await session.receive()).filter((packet) => packet !== '2');
      acks.push(...packets.filter((packet) => packet.startsWith('43')));
      received.push(...numbers(packets.filter((packet) => !packet.startsWith('43'))));
      if (id % 7 === i % 7) await sleep(Math.random() * 8);
      if (id % 5 === i % 5) await session.send(`42${id}["join","room ${id % 3}"]`);
    }
    assert.deepEqual(received, range(total));
    assert.deepEqual(acks.map((ack) => Number(/^43(\d+)/.exec(ack)[1])), range(acks.length).map((n) => n * 5 + (i % 5)));
    assert.ok(acks.every((ack) => ack.endsWith('[{"ok":true}]')));
  };
  const receiving = Promise.all(everybody.map(receive));
  receiving.catch(() => {});
  for (let sent = 0; sent < total; ) {
    const batch = numbered(Math.min(1 + Math.floor(Math.random() * 12), total - sent), sent);
    sent += (await server.publish(batch.map((message) => ({ ...message, room: 'a' })))).length;
  }

  await receiving;
}));

test('a client that reads its answer slowly delays nobody, and gets it whole', withServer({}, async (server) => {
  const [slow, quick] = [await connect(server), await connect(server)];
  const text = 'x'.repeat(250_000);
  const raw = await server.raw();
  raw.socket.pause();
  raw.write(`GET ${slow.target()} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await server.untilMetric('polls_total', 3);
  for (let i = 0; i < 40; i++) {
    await server.publish({ event: 'e', data: [i, text] });
    assert.deepEqual(numbers(await quick.receive()), [[i, text]]);
    if (i === 20) raw.socket.resume();
  }
  const received = slow.decode(await raw.readResponse());
  while (received.length < 40) received.push(...(await slow.receive()));

  assert.deepEqual(numbers(received), range(40).map((i) => [i, text]));
}));

test('who polls too seldom is told the gap, and gets the rest', withServer({ journal: { messages: 10 } }, async (server) => {
  const session = await connect(server);
  const all = await server.publish(numbered(30));
  const packets = await session.receiveMany(11);

  assert.deepEqual(events(packets), [
    ['gap', { room: null, from: all[0].seq, to: all[19].seq }], ...range(10).map((i) => ['e', 20 + i]),
  ]);
}));

test('with the policy disconnect who polls too seldom is closed', withServer({
  journal: { messages: 10 }, slow_client_policy: 'disconnect',
}, async (server) => {
  const [idle, quick] = [await connect(server), await connect(server)];
  for (let i = 0; i < 3; i++) {
    await server.publish(numbered(10, i * 10));
    assert.equal((await quick.receiveMany(10)).length, 10);
  }

  const answer = await idle.poll();
  assert.ok(answer.status === 400 || answer.text === '1', `${answer.status} ${answer.text}`);
  await server.untilClosed('too_slow', 1);
  assert.equal((await idle.poll()).status, 400);
}));

test('leaving the namespace ends its messages, not the session', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const session = await connect(server);
  await session.send('40/x,');
  assert.match((await session.receive())[0], /^40\/x,\{"sid"/);
  await session.send('41');
  await server.publish([{ event: 'gone' }, { namespace: '/x', event: 'here' }]);
  assert.deepEqual(await session.receive(), ['42/x,["here",null]']);
  await session.send('40');
  assert.match((await session.receive())[0], /^40\{"sid"/);
  await server.publish({ event: 'again' });

  assert.deepEqual(await session.receive(), ['42["again",null]']);
}));

// --- Any thread

const post = (session, packet) =>
  `POST ${session.target()} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(packet)}\r\n\r\n${packet}`;
const get = (session) => `GET ${session.target()} HTTP/1.1\r\nHost: x\r\n\r\n`;

const FOUR = { io_threads: 4, conformance: true };
const openEngines = (server, count) =>
  Promise.all(range(count).map(() => PollingSession.open(server.clients, { path: '/engine.io/' })));

test('each request may come on a connection of its own', withServer(FOUR, async (server) => {
  const sessions = await openEngines(server, 15); // connections are dealt out in turns: no multiple of 4
  for (let i = 0; i < 5; i++) {
    await Promise.all(sessions.map((session, n) => session.send(`4${n} ${i}`)));
    const received = await Promise.all(sessions.map((session) => session.receive()));
    assert.deepEqual(received, sessions.map((_, n) => [`4${n} ${i}`]));
  }

  assert.ok((await server.metric('connections_moved_total')) > 15, 'connections came to other threads than the sessions');
  await server.untilMetric('connections', 1);
}));

test('with one thread no connection moves', withServer({ ...FOUR, io_threads: 1 }, async (server) => {
  for (const session of await openEngines(server, 8)) {
    await session.send('4a');
    await session.receive();
  }
  assert.equal(await server.metric('connections_moved_total'), 0);
}));

test('a proxy: requests of many sessions on one connection', withServer(FOUR, async (server) => {
  const sessions = await openEngines(server, 12);
  const proxy = await server.raw();
  const ask = (text) => proxy.write(text).readResponse();
  const open = await ask('GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n');
  sessions.push(Object.assign(new PollingSession(server.clients, { path: '/engine.io/' }), { sid: JSON.parse(open.text.slice(1)).sid }));
  for (let i = 0; i < 5; i++) {
    for (const [n, session] of sessions.entries()) assert.equal((await ask(post(session, `4${n} ${i}`))).text, 'ok');
    assert.equal((await ask('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')).status, 404);
    for (const [n, session] of sessions.entries()) assert.equal((await ask(get(session))).text, `4${n} ${i}`);
  }

  assert.ok((await server.metric('connections_moved_total')) > 12);
  await server.untilMetric('connections', 2); // the proxy, and who asks
}));

test('a proxy that pipelines', withServer(FOUR, async (server) => {
  const sessions = await openEngines(server, 12);
  const proxy = await server.raw();
  const opening = 'GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n';
  proxy.write(sessions.map((session, n) => post(session, `4${n}`) + opening + get(session)).join(''));
  for (const n of sessions.keys()) {
    assert.equal((await proxy.readResponse()).text, 'ok');
    assert.match((await proxy.readResponse()).text, /^0\{"sid":/);
    assert.equal((await proxy.readResponse()).text, `4${n}`);
  }
  await proxy.writeSlowly(sessions.slice(0, 4).map((session, n) => post(session, `4slow ${n}`) + get(session)).join(''));
  for (const n of [0, 1, 2, 3]) {
    assert.equal((await proxy.readResponse()).text, 'ok');
    assert.equal((await proxy.readResponse()).text, `4slow ${n}`);
  }
}));

test('requests behind a poll that waits are answered after it, on their own threads', withServer(FOUR, async (server) => {
  const sessions = await openEngines(server, 8);
  const proxy = await server.raw();
  for (const [n, session] of sessions.entries()) {
    const other = sessions[(n + 1) % sessions.length];
    const polls = await server.metric('polls_total');
    proxy.write(get(session) + post(other, '4behind') + get(other));
    await server.untilMetric('polls_total', polls + 1);
    await session.send('4first');
    assert.equal((await proxy.readResponse()).text, '4first');
    assert.equal((await proxy.readResponse()).text, 'ok');
    assert.equal((await proxy.readResponse()).text, '4behind');
  }
}));

test('bodies that come late follow their request to its thread', withServer(FOUR, async (server) => {
  const sessions = await openEngines(server, 8);
  for (const [n, session] of sessions.entries()) {
    const raw = await server.raw();
    const head = `POST ${session.target()} HTTP/1.1\r\nHost: x\r\n`;
    if (n % 2) {
      raw.write(`${head}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`);
      assert.equal((await raw.readHead()).status, 100);
      await raw.writeSlowly('3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n');
    } else {
      raw.write(`${head}Content-Length: 6\r\n\r\n`);
      await raw.writeSlowly('4hello');
    }
    assert.equal((await raw.readResponse()).text, 'ok');
    assert.equal((await raw.write(get(session)).readResponse()).text, '4hello');
  }
}));

test('a connection that has served others may become the WebSocket of a session', withServer(FOUR, async (server) => {
  const [sessions, polling] = [await openEngines(server, 8), await openEngines(server, 8)];
  for (const [n, session] of sessions.entries()) {
    const raw = await server.raw();
    const other = polling[n];
    raw.write(post(other, '4x') + get(other) + handshake(session.target('websocket')));
    assert.equal((await raw.readResponse()).text, 'ok');
    assert.equal((await raw.readResponse()).text, '4x');
    assert.equal((await raw.readHead()).status, 101);
    const ws = new RawWebSocket(raw);
    ws.send(opcode.text, '2probe');
    assert.equal((await ws.receiveAny()).text, '3probe');
    ws.send(opcode.text, '5');
    ws.send(opcode.text, '4hello');
    assert.equal((await ws.receiveAny()).text, '4hello');
  }
}));

test('publishing and polling share a connection', withServer({ io_threads: 4 }, async (server) => {
  const sessions = await Promise.all(range(8).map(() => connect(server)));
  const raw = await server.raw(server.admin);
  for (let i = 0; i < 5; i++) {
    const body = JSON.stringify({ event: 'e', data: i });
    raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}${sessions.map(get).join('')}`);
    assert.equal((await raw.readResponse()).json().clients, 8);
    for (const session of sessions) assert.deepEqual(session.decode(await raw.readResponse()), [`42["e",${i}]`]);
  }
}));

test('a sid that names another thread, or none, is unknown', withServer({ io_threads: 2 }, async (server) => {
  const { sid } = await connect(server);
  const bytes = Buffer.from(sid, 'base64url');
  const withThread = (thread) => Buffer.concat([Buffer.of(thread), bytes.subarray(1)]).toString('base64url');
  const strange = [
    withThread(1 - bytes[0]), withThread(2), withThread(255), sid.slice(0, -1), `${sid}A`, `${sid}==`, ` ${sid}`, sid.toLowerCase(),
    'A'.repeat(22), '-'.repeat(22), '*'.repeat(22), 'x', '\0', '€', 'x'.repeat(3000),
  ];

  for (const wrong of strange) {
    for (const method of ['GET', 'POST', 'PUT']) {
      const answer = await server.get(target('/socket.io/', { EIO: 4, transport: 'polling', sid: wrong }), { method });
      assert.deepEqual([answer.status, answer.json()], [400, { code: 1, message: 'Session ID unknown' }], `${method} ${wrong}`);
    }
  }
}));
