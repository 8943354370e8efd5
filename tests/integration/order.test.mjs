// Every client sees every message of its rooms exactly once and in the order of seq, whatever
// others do at the same time.
import assert from 'node:assert/strict';
import test from 'node:test';

import { NativeClient } from './lib/native-client.mjs';
import { withServer } from './lib/stentord.mjs';
import { within } from './lib/wait.mjs';

const CLIENTS = 200;
const PUBLISHERS = 4;
const ROOMS = ['r0', 'r1', 'r2', 'r3', 'r4'];

// The same numbers in each run.
function generator(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

const pick = (random, count) => [...ROOMS].sort(() => random(3) - 1).slice(0, count);

function makeEnvelope(random, id) {
  const targets = [{}, { room: pick(random, 1)[0] }, { rooms: pick(random, 2) }, { rooms: pick(random, 3) }];
  const except = random(6) === 0 ? { except: pick(random, 1) } : {};
  return { event: 'e', data: { id }, ...targets[random(4)], ...except };
}

function concerns({ room, rooms = room ? [room] : null, except = [] }, memberships) {
  const meant = rooms === null || rooms.some((name) => memberships.includes(name));
  return meant && !except.some((name) => memberships.includes(name));
}

// A client that stays, with its rooms; `ids` is what it got.
async function connectStable(server, random, index) {
  const rooms = pick(random, random(4));
  const client = { rooms, ids: [], index };
  const done = new Promise((resolve) => {
    client.take = (event, data) => (event === 'end' ? resolve() : client.ids.push(data.id));
  });
  client.done = () => within(done, `the end, for client ${index}`);
  if (index % 3 === 0) {
    const socketio = await server.socketio('/', { auth: { rooms } });
    for (const [event, data] of socketio.inbox.takeAll()) client.take(event, data);
    socketio.inbox.put = ([event, data]) => client.take(event, data);
  } else {
    const native = await server.native({ room: rooms }, { perMessageDeflate: index % 3 === 1 });
    native.inbox.put = ({ type, event, data }) => {
      assert.equal(type, 'message');
      client.take(event, data);
    };
  }
  return client;
}

// Clients that join, leave and die, and look at the order in which things come to them.
async function churn(server, random, state) {
  while (!state.over) {
    const client = await NativeClient.connect(server.clients, { room: pick(random, 2) });
    let last = client.hello.seq;
    for (let i = 0; i < 4; i++) {
      const [room] = pick(random, 1);
      await (random(2) ? client.join(room) : client.leave(room));
      for (const { type, seq } of client.inbox.takeAll()) {
        assert.equal(type, 'message');
        assert.ok(seq > last, `${seq} came after ${last}`);
        last = seq;
      }
    }
    if (random(2)) client.destroy();
    else await client.close();
    state.visits++;
  }
}

async function publishMany(server, random, log, publisher) {
  for (let round = 0; round < 25; round++) {
    const batch = Array.from({ length: 1 + random(4) }, (_, i) => makeEnvelope(random, `${publisher}.${round}.${i}`));
    const answers = await server.publish(batch);
    answers.forEach(({ seq }, i) => log.push({ seq, envelope: batch[i] }));
  }
}

for (const threads of [1, 2, 4]) {
  test(`exactly once and in order with ${threads} I/O threads`, withServer({ io_threads: threads, compression_min: 0 }, async (server) => {
    const random = generator(threads);
    const stable = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => connectStable(server, random, i)));
    const log = [];
    const state = { over: false, visits: 0 };
    const churning = Promise.all(Array.from({ length: 8 }, (_, i) => churn(server, generator(100 + i), state)));
    await Promise.all(Array.from({ length: PUBLISHERS }, (_, i) => publishMany(server, generator(200 + i), log, i)));
    state.over = true;
    await churning;
    await server.publish({ event: 'end' });
    await Promise.all(stable.map((client) => client.done()));

    log.sort((a, b) => a.seq - b.seq);
    assert.equal(new Set(log.map(({ seq }) => seq)).size, log.length, 'every seq once');
    for (const { rooms, ids, index } of stable) {
      const wanted = log.filter(({ envelope }) => concerns(envelope, rooms)).map(({ envelope }) => envelope.data.id);
      assert.deepEqual(ids, wanted, `client ${index} in ${rooms}`);
    }
    assert.ok(state.visits > 5, `${state.visits} visits`);
  }));
}

test('a client that joins while messages come gets all after its ack, from the first on', withServer({ io_threads: 4 }, async (server) => {
  let over = false;
  const log = [];
  const publishing = (async () => {
    while (!over) log.push((await server.publish({ room: 'a', event: 'e' })).seq);
  })();
  publishing.catch(() => {}); // when something else has failed before
  const clients = [];
  for (let i = 0; i < 30; i++) {
    const client = await server.native();
    await client.join('a');
    clients.push(client);
  }
  over = true;
  await publishing;
  const { seq: end } = await server.publish({ room: 'a', event: 'end' });
  log.push(end);
  for (const client of clients) {
    const seqs = [];
    while (seqs.at(-1) !== end) seqs.push((await client.next()).seq);
    assert.deepEqual(seqs, log.filter((seq) => seq >= seqs[0]), 'no hole');
    assert.ok(seqs[0] > client.hello.seq);
  }
}));

test('since while messages come: no hole, nothing twice', withServer({ io_threads: 4 }, async (server) => {
  const log = [(await server.publish({ event: 'first' })).seq];
  const [first] = log;
  const answers = [];
  const publishing = (async () => {
    for (let i = 0; i < 300; i++) answers.push((await server.publish({ event: 'e', data: i })).seq);
  })();
  publishing.catch(() => {}); // when something else has failed before
  const clients = [];
  for (let i = 0; i < 30; i++) clients.push(await server.native({ since: first }));
  await publishing;

  for (const client of clients) {
    assert.deepEqual((await client.nextMany(answers.length)).map(({ seq }) => seq), answers);
  }
}));

test('clients that die and come back with since miss nothing, on whatever thread they land', withServer({ io_threads: 8 }, async (server) => {
  const answers = [];
  let over = false;
  const publishing = (async () => {
    while (!over) answers.push((await server.publish({ room: 'a', event: 'e' })).seq);
  })();
  publishing.catch(() => {}); // when something else has failed before
  const live = async () => {
    const seen = [];
    let since;
    for (let life = 0; life < 40; life++) {
      const client = await NativeClient.connect(server.clients, since ? { room: 'a', since } : { room: 'a' });
      since ??= client.hello.seq;
      for (const { seq } of await client.nextMany(2)) seen.push((since = seq));
      client.destroy();
    }
    return seen;
  };
  const lives = await Promise.all(Array.from({ length: 8 }, live));
  over = true;
  await publishing;

  for (const seen of lives) {
    assert.deepEqual(seen, answers.filter((seq) => seq >= seen[0] && seq <= seen.at(-1)));
  }
}));
