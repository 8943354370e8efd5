// When clients have left, the server gives back the memory that they took.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { withServer } from './lib/stentord.mjs';
import { startSwarm, swarm } from './lib/swarm.mjs';
import { deadlineMs, until } from './lib/wait.mjs';

const MANY = 6000;
const FEW = 160; // of each thread less than what is worth an effort by itself
const TRANSPORTS = 'websocket,socketio,sse,polling';

// What the process has written to; the programs that it has mapped come and go by themselves.
function memory(server) {
  const rollup = fs.readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8');
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)[1]);
}

async function wave(server, clients) {
  const { code, stderr } = await swarm(server, [
    '-c', String(clients), '--ramp', '2', '--transports', TRANSPORTS, '--idle', '1', '--rounds', '0.5s:1s',
  ]);
  assert.equal(code, 0, stderr);
  await server.untilMetric('connections', 1); // that of who asks
  await server.untilMetric('clients_socketio', 0);
}

// Sanitizers have allocators of their own.
const isSanitized = (server) => /lib(a|t|ub)san/.test(fs.readFileSync(`/proc/${server.pid}/maps`, 'utf8'));

// What remains when nothing is given back any more.
async function resting(server) {
  let now = memory(server);
  await until(async () => {
    const last = now;
    await sleep(2500);
    now = memory(server);
    return now === last;
  }, () => `memory: still ${now} kB`, 3 * deadlineMs);
  return now;
}

// Calls `fn` with a server that has had some clients, and the memory that it takes then.
const withMemory = (fn) => withServer({ io_threads: 2, journal: { messages: 100 } }, async (server, t) => {
  if (isSanitized(server)) {
    t.skip('this is about the allocator of the C library');
    return;
  }
  await wave(server, 200);
  await fn(server, memory(server));
});

test('memory is given back when thousands of clients have left', withMemory(async (server, before) => {
  let most = 0;
  const watch = setInterval(() => { most = Math.max(most, memory(server)); }, 100);
  await wave(server, MANY);
  clearInterval(watch);

  assert.ok(most > before + MANY / 4, `it took ${before} kB, and then not more than ${most}`);
  await until(() => memory(server) < before + 0.25 * (most - before),
    () => `memory: ${before} kB before, ${most} with ${MANY} clients, ${memory(server)} after`);
}));

test('memory that the last few have kept is given back when they leave', withMemory(async (server, before) => {
  const { result } = startSwarm(server.admin, [
    '-c', String(MANY), '--ramp', '3', '--transports', 'socketio', '--idle', '1', '--rounds', 'none:1s',
  ]);
  const few = [];
  while (few.length < FEW) { // each between many others
    few.push(await server.native());
    await sleep(3000 / FEW);
  }
  const { code, stderr } = await result;
  assert.equal(code, 0, stderr);
  await server.untilMetric('clients_socketio', 0);
  const kept = await resting(server);

  assert.ok(kept > before + 2 * FEW, `${kept} kB of ${before} are not kept apart by ${FEW}`);
  await Promise.all(few.map((client) => client.close()));
  await until(() => memory(server) < before + 0.5 * (kept - before),
    () => `memory: ${before} kB before, ${kept} with ${FEW} of ${MANY} clients, ${memory(server)} after`);
}));
