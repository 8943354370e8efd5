// The end: of the server while polls wait, and of thousands of sessions, which leave nothing behind.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { PollingSession, target, waitingPoll } from './lib/polling-session.mjs';
import { opcode } from './lib/raw-websocket.mjs';
import { Stentord } from './lib/stentord.mjs';
import { STEADY, withServer } from './lib/steady-server.mjs';
import { timeFactor, until } from './lib/wait.mjs';

const range = (count) => Array.from({ length: count }, (_, i) => i);
const get = (session) => `GET ${session.target()} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (session, body) =>
  `POST ${session.target()} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

function withStopping(config, fn) {
  return async (t) => {
    const server = await Stentord.start({ ...STEADY, ...config });
    try {
      await fn(server);
      await server.closeClients();
      await server.ended();
    } catch (error) {
      await server.abandon();
      t.diagnostic(`the log of stentord:\n${server.log}`);
      throw error;
    }
  };
}

test('a stop answers all polls that wait at once', withStopping({ io_threads: 4, eio3: true }, async (server) => {
  const kinds = [{}, { keepAlive: true }, { protocol: 3 }];
  const sessions = await Promise.all(range(30).map((i) => {
    const { keepAlive, ...options } = kinds[i % kinds.length];
    if (keepAlive) return PollingSession.keepAlive(server.clients);
    return options.protocol === 3 ? PollingSession.open(server.clients, options) : PollingSession.connect(server.clients);
  }));
  for (const session of sessions) {
    server.closeLater(session);
    if (session.protocol === 3) assert.deepEqual(await session.receive(), ['40']);
  }
  const polls = await server.metric('polls_total');
  const waiting = sessions.map((session) => session.poll());
  await server.untilMetric('polls_total', polls + sessions.length);
  const before = Date.now();
  server.terminate();
  const answers = await Promise.all(waiting);

  for (const [i, { status, text, headers }] of answers.entries()) {
    assert.deepEqual([status, text, headers.connection], [200, sessions[i].protocol === 3 ? '1:1' : '1', 'close']);
  }
  await server.program.exit;
  assert.ok(Date.now() - before < 1500 * timeFactor, `${Date.now() - before} ms`);
}));

test('a stop ends sessions between polls, probes, and polls with requests behind them', withStopping({ io_threads: 2 }, async (server) => {
  const [between, probing, moved, piped, other] = await Promise.all(range(5).map(() => PollingSession.connect(server.clients)));
  const { answer } = await waitingPoll(server, probing);
  const probe = await server.websocket(probing.target('websocket'));
  const ws = await server.websocket(moved.target('websocket'));
  ws.send(opcode.text, '5');
  await server.untilMetric('upgrades_total', 1);
  const polls = await server.metric('polls_total');
  const raw = await server.raw();
  raw.write(get(piped) + post(other, '3') + get(other));
  await server.untilMetric('polls_total', polls + 1);
  server.terminate();

  assert.equal((await answer).text, '1');
  assert.match((await raw.readToEnd()).toString(), /\r\n\r\n1$/, 'what comes behind the last answer is not served');
  for (const socket of [probe, ws]) await socket.raw.readToEnd();
  await assert.rejects(between.poll());
}));

test('a stop in the middle of traffic: everybody sees the end', withStopping({ io_threads: 4 }, async (server) => {
  const ended = range(20).map(async () => {
    const session = server.closeLater(await PollingSession.keepAlive(server.clients));
    for (let i = 0; ; i++) {
      const packets = await session.receive();
      if (packets.includes('1')) return;
      if (i % 4 === 0) await session.send(`42${i}["join","room ${i % 3}"]`);
    }
  });
  const ends = Promise.allSettled(ended); // a request that comes too late finds the door closed
  await server.untilMetric('clients_socketio', 20);
  for (let i = 0; i < 100; i++) await server.publish({ event: 'e', data: i });
  const publishing = Promise.allSettled(range(20).map((i) => server.publish({ event: 'e', data: i })));
  server.terminate();

  await Promise.all([ends, publishing]);
}));

// --- Leaks

const SESSIONS = 2000;
const CONNECTIONS = 20;
const OPENING = `GET ${target('/socket.io/', { EIO: 4, transport: 'polling' })} HTTP/1.1\r\nHost: x\r\n\r\n`;

// Writes all requests at once and returns the answers.
async function pipeline(raw, requests) {
  raw.write(requests.join(''));
  const answers = [];
  while (answers.length < requests.length) answers.push(await raw.readResponse());
  return answers;
}

// Sessions that are in two rooms, made over one connection.
async function openMany(server, raw, count) {
  const opened = await pipeline(raw, range(count).map(() => OPENING));
  const sessions = opened.map(({ text }) => Object.assign(new PollingSession(server.clients), JSON.parse(text.slice(1))));
  const joined = await pipeline(raw, sessions.map((session, i) => post(session, `40{"rooms":["all","room ${i % 10}"]}`)));
  assert.ok(joined.every(({ text }) => text === 'ok'));
  const welcomes = await pipeline(raw, sessions.map(get));
  assert.ok(welcomes.every(({ text }) => text.startsWith('40{"sid":')), welcomes[0].text);
  return sessions;
}

// Ends each session in one of the ways in which sessions end.
async function endMany(server, raw, sessions) {
  const lost = sessions.filter((_, i) => i % 10 === 0);
  const polls = await server.metric('polls_total');
  const waiting = await Promise.all(lost.map(async (session) => (await server.raw()).write(get(session))));
  await server.untilMetric('polls_total', (count) => count >= polls + waiting.length);
  for (const poll of waiting) poll.reset();
  const rest = sessions.filter((session) => !lost.includes(session));
  await pipeline(raw, rest.map((session, i) => post(session, ['1', 'nonsense', '41\x1e1'][i % 3])));
}

function memory(server) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
}

// With AddressSanitizer freed memory would rest in quarantine instead of being used again.
const wrap = ['env', `ASAN_OPTIONS=${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0`];

test('thousands of sessions come and go, and leave nothing behind', withServer({
  io_threads: 2, journal: { messages: 100 },
}, async (server) => {
  const sizes = [];
  for (let round = 0; round < 3; round++) {
    const raws = await Promise.all(range(CONNECTIONS).map(() => server.raw()));
    const sessions = await Promise.all(raws.map((raw) => openMany(server, raw, SESSIONS / CONNECTIONS)));
    assert.equal(await server.metric('clients_socketio'), SESSIONS);
    assert.equal(await server.metric('memberships'), 3 * SESSIONS);
    await server.publish(range(20).map((i) => ({ room: i % 2 ? 'all' : `room ${i % 10}`, event: 'e', data: 'x'.repeat(100) })));
    for (const [i, raw] of raws.entries()) {
      const answers = await pipeline(raw, sessions[i].map(get));
      assert.ok(answers.every(({ text }) => text.split('\x1e').length >= 10));
    }
    await Promise.all(raws.map((raw, i) => endMany(server, raw, sessions[i])));
    await Promise.all(raws.map((raw) => raw.destroy()));
    await server.untilMetric('clients_socketio', 0);
    await server.untilMetric('connections', 1); // that of who asks
    await server.untilMetric('memberships', 0);
    sizes.push(memory(server));
  }

  const rooms = await server.metric('rooms');
  assert.ok(rooms <= 2 * 12, `${rooms} rooms: those of messages that the journal holds`);
  assert.ok(sizes[2] < sizes[0] * 1.1 + 2000, `it takes ${sizes} kB`);
}, { wrap }));

test('rooms without members and messages are forgotten', withServer({ journal: { messages: 10 } }, async (server) => {
  const session = await PollingSession.connect(server.clients, { auth: { rooms: range(60).map((i) => `room ${i}`) } });
  const before = await server.metric('rooms');
  assert.ok(before >= 61, `${before} rooms`);
  await session.send('1');
  await until(async () => (await server.metric('rooms')) < before - 60, 'the end of the rooms');
}));
