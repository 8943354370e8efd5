// Clients of all kinds are cut off at random, in every way that there is, while numbered messages
// are broadcast. Each gets an unbroken sequence, or is told what is missing, or that it begins anew;
// and when all have left, nothing is left of them.
//
// STENTOR_SOAK_SECONDS=600 makes it last that long, with more clients, and compares the server's
// memory before and after (HACKING.md, "Soak").
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from './lib/http.mjs';
import { payload4 } from './lib/payload.mjs';
import { handshake } from './lib/raw-websocket.mjs';
import { RawSocket } from './lib/raw.mjs';
import { withServer } from './lib/stentord.mjs';
import { until } from './lib/wait.mjs';
import { kinds, mistakeIn, Recoverer, wander } from './lib/wanderers.mjs';

const soak = Number(process.env.STENTOR_SOAK_SECONDS ?? 0);
const seconds = soak || 12;
const clientsOfKind = soak ? 6 : 3;
const publishEveryMs = soak ? 10 : 20;
const ROOMS = ['r0', 'r1', 'r2'];
const EVENT = 2; // a type of Socket.IO's packets

const config = {
  io_threads: 4,
  recovery_time: 5,
  sse_retry: 20,
  ping_interval: 1000,
  ping_timeout: 1000,
  upgrade_timeout: 2,
  connect_timeout: 3,
  header_timeout: 3,
  body_timeout: 3,
  compression_min: 16,
  journal: { messages: 20_000, age: 4 },
};

// The same choices in each run, as far as time allows.
function generator(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

const pick = (random, list) => list[random(list.length)];

// --- What can happen to a client

const hows = ['reset', 'cut', 'strand', 'finish'];

const troubles = {
  // One connection, or all of them.
  cutOne(random, { proxy }) {
    const links = [...proxy.links];
    if (links.length > 0) pick(random, links)[pick(random, hows)]();
  },
  cutAll(random, { proxy }) {
    proxy.all(pick(random, hows));
  },
  // In the middle of a request, a response or a frame.
  cutWithin(random, { proxy }) {
    for (const link of proxy.links) {
      link.limit(pick(random, ['up', 'down']), random(400), pick(random, ['reset', 'cut', 'strand']));
    }
  },
  // Nothing passes for a while, then the client gives up; the server has to find out by itself.
  async freeze(random, { proxy }) {
    proxy.all('freeze');
    await sleep(random(300));
    proxy.all('strand');
  },
  async outage(random, { proxy }) {
    proxy.down(pick(random, hows));
    await sleep(random(300));
    proxy.up();
  },
};

// What can happen to a Socket.IO client in addition.
const socketioTroubles = {
  // A POST while its GET waits.
  emit(random, { socket }) {
    for (let i = random(4); i >= 0; i--) socket.emit(pick(random, ['join', 'leave']), `noise ${random(5)}`);
  },
  // The same, and one of the two is cut.
  emitAndCut(random, client) {
    socketioTroubles.emit(random, client);
    setImmediate(() => troubles.cutOne(random, client));
  },
  // The connection that is on its way to become the transport.
  async cutUpgrade(random, client) {
    if (!client.kind.startsWith('upgrade')) return;
    client.engine?.once('upgrading', () => setTimeout(() => troubles.cutAll(random, client), random(6)));
    client.proxy.all('reset');
    await sleep(random(50));
  },
  // Two polls at once: the server ends the session. If the client's own was between two answers,
  // this one may get one of them. (It must not be that to the connect: the client would wait for
  // it, and keep what comes until its next one.)
  pollTwice(random, { engine, server, socket, polls, diary }) {
    if (random(4) > 0 || !polls || !socket.connected) return;
    const Decoder = socket.io.decoder.constructor;
    const poll = request(server.clients, `/socket.io/?EIO=4&transport=polling&sid=${engine.id}`);
    poll.then(({ text }) => eventsIn(text, Decoder).forEach((event) => diary.steal(event)), ({ message }) => diary.failedThefts.push(message));
  },
};

// The events in a payload, each with its name and arguments.
function eventsIn(payload, Decoder) {
  const events = [];
  const decoder = new Decoder();
  decoder.on('decoded', ({ type, data }) => type === EVENT && events.push(data));
  for (const packet of payload4.decode(payload)) {
    if (typeof packet !== 'string') decoder.add(packet);
    else if (packet[0] === '4') decoder.add(packet.slice(1));
  }
  return events;
}

async function trouble(random, client, state) {
  const more = client instanceof Recoverer ? socketioTroubles : {};
  const possible = [...Object.values(troubles), ...Object.values(more)];
  while (!state.over) {
    await sleep(50 + random(600));
    if (state.over) break;
    await pick(random, possible)(random, client);
    state.troubles++;
  }
}

// --- Others who begin something and vanish

async function pollingSid(listener) {
  const raw = await RawSocket.connect(listener);
  raw.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n');
  const { sid } = JSON.parse((await raw.readResponse()).text.slice(1));
  const [path, probe] = ['polling', 'websocket'].map((name) => `/socket.io/?EIO=4&transport=${name}&sid=${sid}`);
  return { raw, path, probe };
}

const vandals = {
  async halfRequest(listener) {
    return (await RawSocket.connect(listener)).write('GET /events?room=r0 HTTP/1.1\r\nHos');
  },
  async halfHandshake(listener) {
    return (await RawSocket.connect(listener)).write(handshake('/ws?room=r0').slice(0, -4));
  },
  async stream(listener) {
    return (await RawSocket.connect(listener)).write('GET /events?room=r0 HTTP/1.1\r\nHost: x\r\n\r\n');
  },
  async onlyHandshake(listener) {
    return (await pollingSid(listener)).raw;
  },
  async waitingPoll(listener) {
    const { raw, path } = await pollingSid(listener);
    const get = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    return raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40${get}${get.slice(0, -4)}`);
  },
  async halfPost(listener) {
    const { raw, path } = await pollingSid(listener);
    return raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n40`);
  },
  async probe(listener) {
    const { raw, probe } = await pollingSid(listener);
    return raw.write(handshake(probe));
  },
};

async function vandalise(random, server, state) {
  while (!state.over) {
    const raw = await pick(random, Object.values(vandals))(server.clients).catch(() => null);
    await sleep(random(100));
    if (raw && random(2)) raw.reset();
    else if (raw && random(2)) raw.end();
    else if (raw) await raw.destroy();
    state.vandals++;
  }
}

// --- The test

async function publishNumbered(server, random, state) {
  for (let n = 0; !state.over; n++) {
    const room = pick(random, [...ROOMS, null]);
    const batch = Array.from({ length: 1 + random(3) }, () => (
      { ...(room && { room }), event: 'e', data: { n, filler: 'x'.repeat(random(300)) } }));
    for (const { seq } of await server.publish(batch)) state.log.push({ seq, room });
    await sleep(publishEveryMs);
  }
}

// Publishes to everyone until each client has got it: none is lost for good.
async function settle(server, clients, state) {
  const { seq: end } = await server.publish({ event: 'e' });
  state.log.push({ seq: end, room: null });
  await until(async () => {
    state.log.push({ seq: (await server.publish({ event: 'e' })).seq, room: null });
    await sleep(100);
    return clients.every(({ diary }) => diary.last > end);
  }, () => `all to be back: ${clients.filter(({ diary }) => !(diary.last > end)).map(({ kind }) => kind)}`);
}

// One wave of clients, of whom nothing is left in the end.
async function wave(server, seed, ms) {
  const random = generator(seed);
  const state = { over: false, log: [], troubles: 0, vandals: 0 };
  const clients = await Promise.all(kinds.flatMap((kind) => Array.from({ length: clientsOfKind }, () =>
    wander(server, kind, ROOMS.filter(() => random(3) > 0)))));
  for (const client of clients) Object.assign(client, { server, polls: client.kind.startsWith('polling') });
  await until(() => clients.every(({ diary }) => diary.lives.length > 0), 'the first connects');
  const busy = [
    publishNumbered(server, random, state),
    ...clients.map((client, i) => trouble(generator(seed + i), client, state)),
    ...[1, 2].map((i) => vandalise(generator(seed * 7 + i), server, state)),
  ];
  await Promise.race([sleep(ms), ...busy]);
  state.over = true;
  await Promise.all(busy);
  await settle(server, clients, state);
  await Promise.all(clients.map((client) => client.stop()));
  return { clients, ...state };
}

async function assertNobodyLeft(server) {
  const clients = ['clients_native', 'clients_sse', 'clients_socketio', 'memberships', 'recovery_kept'];
  for (const name of [...clients, 'rooms', 'journal_messages', 'held_messages']) await server.untilMetric(name, 0);
  await server.untilMetric('connections', 1); // who asks
}

const rssOf = (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const isSanitized = (pid) => /lib[at]san/.test(fs.readFileSync(`/proc/${pid}/maps`, 'utf8'));

test('probes that are reset at once, before their session ends', withServer({
  ...config, ping_interval: 25_000,
}, async (server) => {
  const random = generator(3);
  for (let round = 0; round < 30; round++) {
    const { raw, path, probe } = await pollingSid(server.clients);
    for (let i = 0; i < 20; i++) {
      const other = (await RawSocket.connect(server.clients)).write(handshake(probe));
      if (random(2)) await new Promise(setImmediate);
      other.reset();
    }
    raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1`);
    assert.equal((await raw.readResponse()).text, 'ok');
    await raw.destroy();
  }
  await assertNobodyLeft(server);
}));

const limit = { timeout: (seconds * 2 + 300) * 1000 };

test(`clients that are cut off at random for ${seconds} s`, limit, withServer(config, async (server, t) => {
  if (soak) {
    await wave(server, 1, 30_000);
    await assertNobodyLeft(server);
  }
  const before = rssOf(server.pid);
  const { clients, log, troubles: count } = await wave(server, 2, seconds * 1000);
  await assertNobodyLeft(server);
  const after = rssOf(server.pid);

  for (const client of clients) {
    const mistake = mistakeIn(client, log);
    // What such a poll was given, and nobody could read, would be missing, too.
    assert.equal(mistake, null, `${client.kind} in ${client.rooms}: ${mistake}; second polls that failed: ${client.diary.failedThefts}`);
  }
  const sum = (of) => clients.reduce((total, client) => total + of(client), 0);
  const received = sum(({ diary }) => diary.lives.reduce((total, { seqs }) => total + seqs.length, 0));
  const gaps = sum(({ diary }) => diary.lives.reduce((total, life) => total + life.gaps.length, 0));
  const anew = sum(({ diary }) => diary.lives.length - 1);
  const whoAnew = new Set(clients.filter(({ diary }) => diary.lives.length > 1).map(({ kind }) => kind));
  const recovered = sum((client) => client.recovered ?? 0);
  t.diagnostic(`${clients.length} clients, ${count} troubles, ${log.length} messages, ${received} received, ` +
    `${recovered} times recovered, ${anew} times begun anew (${[...whoAnew]}), ${gaps} gaps; ` +
    `RSS ${before} kB before, ${after} kB after`);
  assert.ok(received > clients.length * 10 && count > clients.length, 'a good deal has happened');
  // On a machine that is overloaded, clients are away for longer than the window reaches.
  assert.ok(recovered > (soak ? anew : 0), 'clients could go on where they were');
  if (soak && !isSanitized(server.pid)) assert.ok(after <= before * 1.1, `RSS grew from ${before} to ${after} kB`);
}));
