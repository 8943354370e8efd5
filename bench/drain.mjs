// One process of bench/drain.sh: many unmodified socket.io-client clients, and what happens to them while
// their server drains and another takes its place.
//
//   node bench/drain.mjs URL CLIENTS      (with tests/integration/node_modules)
//
// Prints "connected" when all are connected; at the end of its input, one JSON object: for each
// client the times (ms since 1970) of its disconnect and of its return, whether it was recovered, how
// many messages it got, the last one, and how many were not the next; and for how long the process
// did nothing else at most, in ms, from the first disconnect on: what it was late with is no fault
// of a server's.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const require = createRequire(new URL('../tests/integration/package.json', import.meta.url));
const { io } = require('socket.io-client');
const [url, count] = [process.argv[2], Number(process.argv[3])];
const clients = [];
const lag = monitorEventLoopDelay({ resolution: 5 });

function start(i) {
  const client = { left: null, back: null, recovered: null, last: null, holes: 0, received: 0 };
  const socket = io(url, { transports: ['websocket'], forceNew: true });
  client.ready = new Promise((resolve) => socket.once('connect', resolve));
  socket.on('n', (n) => {
    if (client.last !== null && n !== client.last + 1) client.holes++;
    client.last = n;
    client.received++;
  });
  socket.on('disconnect', (reason) => {
    lag.enable();
    client.left ??= Date.now();
    client.reason = reason;
  });
  socket.on('connect', () => {
    if (client.left === null || client.back !== null) return;
    client.back = Date.now();
    client.recovered = socket.recovered;
  });
  clients[i] = client;
  return client.ready;
}

for (let i = 0; i < count; i += 100) {
  await Promise.all(Array.from({ length: Math.min(100, count - i) }, (_, j) => start(i + j)));
}
console.log('connected');
process.stdin.resume().on('end', () => {
  const result = { clients: clients.map(({ ready, ...client }) => client), lag_ms: { p99: lag.percentile(99) / 1e6, max: lag.max / 1e6 } };
  process.stdout.write(JSON.stringify(result), () => process.exit());
});
