// Clients that poll, and what they must not do, or need not.
import assert from 'node:assert/strict';
import test from 'node:test';

import { assertGone, PollingSession, waitingPoll } from './lib/polling-session.mjs';
import { withServer } from './lib/steady-server.mjs';
import { deadlineMs } from './lib/wait.mjs';

const CONFORMANCE = { conformance: true };
const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

const connect = (server, options) => PollingSession.connect(server.clients, options);
const openEngine = (server) => PollingSession.open(server.clients, { path: '/engine.io/' });
const head = (method, session, ...lines) => [`${method} ${session.target()} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n');

test('max_message_size: a larger POST is a 413, and the session goes on', withServer({ ...CONFORMANCE, max_message_size: 1000 }, async (server) => {
  const session = await openEngine(server);
  await session.send(`4${'x'.repeat(999)}`);
  assert.equal((await session.receive())[0].length, 1000);
  const sent = await session.post(`4${'x'.repeat(1000)}`);
  assert.deepEqual([sent.status, sent.json().error], [413, 'too_large']);

  const announced = await server.raw();
  announced.write(head('POST', session, 'Content-Length: 1001', 'Expect: 100-continue'));
  assert.equal((await announced.readResponse()).status, 413, 'before it is sent');
  const chunked = await server.raw();
  chunked.write(`${head('POST', session, 'Transfer-Encoding: chunked')}3e9\r\n4${'x'.repeat(1000)}\r\n0\r\n\r\n`);
  assert.equal((await chunked.readResponse()).status, 413);
  await chunked.readToEnd();

  await session.send('4still here');
  assert.deepEqual(await session.receive(), ['4still here']);
}));

test('max_message_size bounds what an event and its attachments take together', withServer({
  max_message_size: 1000, client_publish: true,
}, async (server) => {
  const session = await connect(server);
  await session.send('452-["publish",{"event":"e","args":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]', Buffer.alloc(600));
  assert.equal((await session.post(session.payload.encode([Buffer.alloc(600)]))).status, 400);

  await assertGone(session);
  assert.equal(await server.metric('published_total'), 0);
}));

test('bodies are text; what calls itself bytes ends the session', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  for (const type of ['text/plain', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', 'application/json', 'x']) {
    const { status, text } = await session.post(`4${type}`, { headers: { 'Content-Type': type } });
    assert.deepEqual([status, text], [200, 'ok'], type);
    assert.deepEqual(await session.receive(), [`4${type}`]);
  }
  const untyped = await server.raw();
  untyped.write(`${head('POST', session, 'Content-Length: 2')}4x`);
  assert.equal((await untyped.readResponse()).text, 'ok');
  const wrong = await session.post('4x', { headers: { 'Content-Type': 'application/octet-stream' } });
  assert.deepEqual([wrong.status, wrong.text], [400, BAD_REQUEST]);
  await assertGone(session);
}));

test('10,000 packets in one POST', withServer({ ...CONFORMANCE, max_message_size: 1_000_000, client_publish: true, client_rate: 0 }, async (server) => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => i);
  const echoed = await openEngine(server);
  await echoed.send(...numbers.map((i) => `4${i}`));
  assert.deepEqual(await echoed.receiveMany(10_000), numbers.map((i) => `4${i}`));

  const session = await PollingSession.open(server.clients);
  await session.send('40', ...numbers.map((i) => `42["publish",{"event":"e","data":${i}}]`));
  const received = await session.receiveMany(10_002);
  assert.deepEqual(received.slice(2), numbers.map((i) => `42["e",${i}]`));
}));

test('answers to one POST may be many, whether a poll waits or not', withServer({ max_message_size: 1_000_000, client_rate: 0 }, async (server) => {
  const session = await connect(server);
  const events = Array.from({ length: 10_000 }, (_, i) => `42${i}["nothing"]`); // each is answered with a sentence
  const { answer } = await waitingPoll(server, session);
  await session.send(...events);
  const waited = session.decode(await answer);
  waited.push(...(await session.receiveMany(events.length - waited.length)));
  await session.send(...events);
  const later = await session.receiveMany(events.length);

  for (const received of [waited, later]) {
    assert.ok(received.every((packet, i) => packet.startsWith(`43${i}[{"ok":false,"error":"`)));
  }
}));

test('who does not fetch what is for him alone is closed with queue_full', withServer({ ...CONFORMANCE, max_message_size: 100_000 }, async (server) => {
  const session = await openEngine(server);
  const quick = await openEngine(server);
  const packet = `4${'x'.repeat(90_000)}`;
  let sent = 0;
  while ((await session.post(packet)).status === 200) {
    assert.ok(++sent < 20, 'there is an end to it');
    await quick.send(packet);
    assert.deepEqual(await quick.receive(), [packet]);
  }

  assert.ok(sent >= 2, `${sent} packets were taken`);
  await assertGone(session);
  await server.untilClosed('queue_full', 1);
}));

test('other methods are refused, and do the session no harm', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const { answer } = await waitingPoll(server, session);
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const refusal = await session.request({ method, body: '4x' });
    assert.deepEqual([refusal.status, refusal.text], [400, BAD_REQUEST], method);
  }
  const raw = await server.raw();
  raw.write(head('HEAD', session));
  const headOnly = await raw.readResponse({ bodiless: true });
  assert.equal(headOnly.status, 400);
  raw.write(head('OPTIONS', session));
  assert.equal((await raw.readResponse()).status, 204, 'and nothing of a body before it');

  await session.send('4hello');
  assert.equal((await answer).text, '4hello');
}));

test('HTTP/1.0: each answer is the last one on its connection', withServer(CONFORMANCE, async (server) => {
  const ask = async (text) => (await server.raw()).write(text);
  const one = await ask('GET /engine.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n');
  const session = new PollingSession(server.clients, { path: '/engine.io/' });
  session.sid = JSON.parse((await one.readResponse()).text.slice(1)).sid;
  await one.readToEnd();
  const post = await ask(`POST ${session.target()} HTTP/1.0\r\nContent-Length: 3\r\n\r\n4hi`);
  assert.equal((await post.readResponse()).text, 'ok');
  await post.readToEnd();
  const get = await ask(`GET ${session.target()} HTTP/1.0\r\n\r\n`);
  assert.equal((await get.readResponse()).text, '4hi');
  await get.readToEnd();

  const polls = await server.metric('polls_total');
  const waiting = await ask(`GET ${session.target()} HTTP/1.0\r\n\r\n`);
  await server.untilMetric('polls_total', polls + 1);
  await session.send('4late');
  const answer = await waiting.readResponse();
  assert.deepEqual([answer.text, answer.headers.connection], ['4late', 'close']);
  await waiting.readToEnd();
}));

test('polls with and without keep-alive', withServer({}, async (server) => {
  const session = await connect(server);
  for (const [line, kept] of [['Connection: close', false], ['Connection: keep-alive', true], ['Accept: */*', true]]) {
    const polls = await server.metric('polls_total');
    const raw = await server.raw();
    raw.write(head('GET', session, line));
    await server.untilMetric('polls_total', polls + 1);
    await server.publish({ event: 'e', data: line });
    const answer = await raw.readResponse();
    assert.deepEqual(session.decode(answer), [`42["e","${line}"]`]);
    assert.equal(answer.headers.connection, kept ? 'keep-alive' : 'close');
    if (!kept) {
      await raw.readToEnd();
      continue;
    }
    await server.publish({ event: 'again' });
    raw.write(head('GET', session));
    assert.deepEqual(session.decode(await raw.readResponse()), ['42["again",null]']);
  }
}));

test('a poll may wait for longer than any timeout of HTTP, and a session between polls too', withServer({
  header_timeout: 1, body_timeout: 1, idle_timeout: 1,
}, async (server) => {
  const [waiting, between] = [await connect(server), await connect(server)];
  const raw = await server.raw();
  const polls = await server.metric('polls_total');
  raw.write(head('GET', waiting));
  await server.untilMetric('polls_total', polls + 1);
  for (let i = 0; i < 2; i++) { // others meanwhile are closed for being idle
    const idle = await server.raw();
    idle.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.readResponse();
    await idle.readToEnd();
    idle.end();
  }
  await server.publish({ event: 'e' });

  assert.deepEqual(waiting.decode(await raw.readResponse()), ['42["e",null]']);
  assert.deepEqual(await between.receive(), ['42["e",null]']);
  await raw.readToEnd(); // now it is idle itself
}));

test('a POST that is cut off, or too slow, was not sent', withServer({ ...CONFORMANCE, body_timeout: 1 }, async (server) => {
  const session = await openEngine(server);
  const cut = await server.raw();
  cut.write(`${head('POST', session, 'Content-Length: 6')}4he`);
  await cut.destroy();
  const slow = await server.raw();
  slow.write(`${head('POST', session, 'Content-Length: 6')}4he`);
  assert.equal((await slow.readResponse()).status, 408);

  await session.send('4whole');
  assert.deepEqual(await session.receive(), ['4whole']);
}));

test('several POSTs at once are all taken', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  await Promise.all(Array.from({ length: 10 }, (_, i) => session.send(`4${i}`)));

  assert.deepEqual((await session.receiveMany(10)).sort(), Array.from({ length: 10 }, (_, i) => `4${i}`));
}));

test('what an event does wrong is answered, not punished', withServer({}, async (server) => {
  const session = await connect(server);
  await session.send('421["nothing"]', '422["join"]', '423["publish",{"event":"e"}]', '424["join","a"]');
  const answers = await session.receiveMany(4);

  for (const [i, answer] of answers.entries()) {
    assert.ok(answer.startsWith(`43${i + 1}[{"ok":${i === 3}`), answer);
  }
}));

test('sessions of polls that never come are gone after their time', withServer({ ping_interval: 100, ping_timeout: 300 }, async (server) => {
  await Promise.all(Array.from({ length: 50 }, () => PollingSession.open(server.clients)));
  await server.untilMetric('clients_socketio', 0);

  await server.untilClosed('ping_timeout', 50);
}));

test('who posts and posts, but does not poll any more, is closed', withServer({
  eio3: true, ping_interval: 200, ping_timeout: 600,
}, async (server) => {
  const sessions = await Promise.all([4, 3].map((protocol) => PollingSession.open(server.clients, { protocol })));
  const signs = { 4: '3', 3: '1:2' };
  await sessions[0].send('40');
  for (const session of sessions) await session.receive(); // once
  for (const session of sessions) {
    let answer;
    const begun = Date.now();
    do {
      answer = await session.post(signs[session.protocol]);
      assert.ok(Date.now() - begun < deadlineMs, 'it lives and lives');
    } while (answer.status === 200);
    await assertGone(session);
  }
  await server.untilClosed('ping_timeout', 2);
}));

test('many who do not fetch what is for them alone share one budget', withServer({
  ...CONFORMANCE, io_threads: 1, journal: { bytes: 1_000_000 }, max_message_size: 100_000,
}, async (server) => {
  const sessions = await Promise.all(Array.from({ length: 20 }, () => openEngine(server)));
  const packet = `4${'x'.repeat(90_000)}`;
  const answers = [];
  for (const session of sessions) answers.push(await session.post(packet));
  const alive = [];
  for (const session of sessions) if ((await session.post('3')).status === 200) alive.push(session);

  assert.ok(alive.length >= 2 && alive.length < 12, `${alive.length} sessions with 90 kB each were kept`);
  const modest = await openEngine(server); // has no share in that
  await modest.send('4hello');
  assert.deepEqual(await modest.receive(), ['4hello']);
  await server.untilClosed('queue_full', sessions.length - alive.length);
  for (const session of alive) assert.deepEqual(await session.receive(), [packet]);
  for (let i = 0; i < 20; i++) { // what was fetched, and what went with its session, counts no more
    const session = await openEngine(server);
    await session.send(packet, packet.slice(0, 100));
    assert.deepEqual(await session.receive(), [packet, packet.slice(0, 100)]);
    await session.send(packet);
    await session.send('1');
  }
}));
