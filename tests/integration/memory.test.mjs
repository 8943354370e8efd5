// When clients have left, the server gives back the memory that they took.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { withServer } from './lib/stentord.mjs';
import { swarm } from './lib/swarm.mjs';
import { until } from './lib/wait.mjs';

const MANY = 6000;
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

test('memory is given back when thousands of clients have left', withServer({
  io_threads: 2, journal: { messages: 100 },
}, async (server, t) => {
  if (isSanitized(server)) {
    t.skip('this is about the allocator of the C library');
    return;
  }
  await wave(server, 200);
  const before = memory(server);
  let most = 0;
  const watch = setInterval(() => { most = Math.max(most, memory(server)); }, 100);
  await wave(server, MANY);
  clearInterval(watch);

  assert.ok(most > before + MANY / 4, `it took ${before} kB, and then not more than ${most}`);
  await until(() => memory(server) < before + 0.25 * (most - before),
    () => `memory: ${before} kB before, ${most} with ${MANY} clients, ${memory(server)} after`);
}));
