// What stentor-swarm says of a server that loses, repeats, swaps and delays messages is exactly what
// the server did.
import assert from 'node:assert/strict';
import test from 'node:test';

import { withFaulty } from './lib/faulty-server.mjs';
import { startSwarm } from './lib/swarm.mjs';
import { timeFactor } from './lib/wait.mjs';

// A fixed scatter: the same for each run, and of no pattern that matters.
const scatter = (client, n) => ((client * 2654435761 + n * 40503 * 65537) >>> 0) % 1000;
const args = ['-c', '100', '--transports', 'plain', '--rounds', '20ms:1s'];

// Its messages are the last to come for a client: nobody could know whether a message held back then
// will come.
const last = (n) => n === 49;

test('one percent dropped', () => withFaulty({ fault: (client, n) => (scatter(client, n) < 10 ? 'drop' : null) }, async (server) => {
  const { code, report, stdout } = await startSwarm(server.listener, args).result;

  assert.equal(code, 1, stdout);
  assert.ok(server.counts.drop > 20, `${server.counts.drop} dropped`);
  assert.equal(report.totals.lost, server.counts.drop, stdout);
  assert.equal(report.totals.delivered, 100 * 50 - server.counts.drop);
  assert.deepEqual([report.totals.duplicated, report.totals.out_of_order], [0, 0]);
  assert.match(stdout, /^Not met +loss=0$/m);
}));

test('duplicates and swaps', () => withFaulty({
  fault: (client, n) => (last(n) ? null : scatter(client, n) < 30 ? 'duplicate' : scatter(client, n) > 980 ? 'swap' : null),
}, async (server) => {
  const { code, report, stdout } = await startSwarm(server.listener, args).result;

  assert.equal(code, 1, stdout);
  assert.ok(server.counts.duplicate > 50 && server.counts.swap > 20);
  assert.equal(report.totals.duplicated, server.counts.duplicate, stdout);
  assert.equal(report.totals.lost, 0, stdout);
  assert.equal(report.totals.delivered, 100 * 50);
  assert.ok(report.totals.out_of_order > 0 && report.totals.out_of_order <= server.counts.swap, stdout);
}));

test('swaps that do not touch each other are counted one by one', () => withFaulty({
  fault: (client, n) => (!last(n) && n % 7 === client % 7 ? 'swap' : null),
}, async (server) => {
  const { report, stdout } = await startSwarm(server.listener, args).result;

  assert.ok(server.counts.swap > 500);
  assert.equal(report.totals.out_of_order, server.counts.swap, stdout);
  assert.deepEqual([report.totals.lost, report.totals.duplicated], [0, 0]);
}));

// How many of a histogram's values are at least that.
function countFrom(buckets, ns) {
  return buckets.reduce((sum, [low, , count]) => sum + (low >= ns ? count : 0), 0);
}

test('every tenth client is late, and so are a tenth of the deliveries', () => {
  const late = 300 * timeFactor; // more than anything else would be
  return withFaulty({ fault: (client) => (client % 10 === 3 ? late : null) }, async (server) => {
    const { code, report, stdout } = await startSwarm(server.listener, args).result;
    const [round] = report.rounds;

    assert.equal(code, 0, stdout);
    assert.equal(server.counts.delay, 10 * 50);
    assert.equal(countFrom(round.delay_buckets, late * 0.99e6), 10 * 50, stdout);
    assert.ok(round.delay_ns.p50 < late * 1e6 && round.delay_ns.p99 >= late * 0.99e6, stdout);
    assert.equal(countFrom(round.relative_buckets, late * 0.5e6), 10 * 50);
    // The mean of the others: one tenth of them (10 of 99) is late by that.
    assert.ok(round.relative_delay_ns > (late * 1e6 * 10) / 99 * 0.95, stdout);
  });
});

test('bounds say when a run has passed', () => withFaulty({ fault: (client, n) => (n % 25 === 7 && client < 5 ? 'drop' : null) }, async (server) => {
  const run = (expect) => startSwarm(server.listener, [...args, '--expect', expect]).result;
  const { code, report } = await run('loss<=0.2%,connected=100%,p99<1h');

  assert.equal(code, 0);
  assert.equal(report.totals.lost, 10);
  server.clients = [];
  const other = await run('loss<0.2%');
  assert.equal(other.code, 1);
  assert.deepEqual(other.report.verdict.bounds, [{ text: 'loss<0.2%', met: false, value: 10 / 5000 }]);
}));

test('the publish request follows the templates', () => withFaulty({}, async (server) => {
  const { code, stdout } = await startSwarm(server.listener, [
    ...args, '-c', '3', '--room', 'a/b', '--event', 'goal', '--publish-method', 'PUT',
    '--publish-url', `http://127.0.0.1:${server.listener.port}/emit/{room}/{event}?id={n}`,
    '--publish-header', 'X-Token: 7', '--publish-header', 'Content-Type: text/plain', '--publish-body', '{"to":"{room}","what":{data}}',
    '--hello', '{"subscribe":"{room}","i":{client}}',
  ]).result;
  const [first] = server.requests;

  assert.equal(code, 0, stdout);
  assert.equal(first.method, 'PUT');
  assert.equal(first.url, '/emit/a%2Fb/goal?id=0');
  assert.equal(first.headers['x-token'], '7');
  assert.equal(first.headers['content-type'], 'text/plain');
  assert.equal(JSON.parse(first.text).to, 'a/b');
  assert.equal(JSON.parse(first.text).what.n, 0);
  assert.deepEqual(server.heard.sort(), [0, 1, 2].map((i) => `{"subscribe":"a/b","i":${i}}`));
}));
