// stentor-swarm: small runs, and whether its verdicts are right.
import assert from 'node:assert/strict';
import test from 'node:test';

import { run } from './lib/program.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { quick, swarm } from './lib/swarm.mjs';

test('200 clients: nothing lost, duplicated or out of order', withServer({}, async (server) => {
  const { code, stdout, stderr, report } = await swarm(server, ['-c', '200', '--pid', String(server.pid)]);

  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Result +passed/);
  assert.equal(report.passed, true);
  assert.equal(report.connects.connected, 200);
  assert.deepEqual(report.options.transports, { websocket: 1 });
  const published = await server.metric('published_total');
  assert.ok(published >= 5);
  assert.equal(await server.metric('deliveries_total'), published * 200);
}));

test('rooms, payload, several rounds, a key through the client listener', withServer({ max_rooms: 1 }, async (server) => {
  const args = ['-c', '20', '--room', 'a b', '--payload', '500', '--rounds', '50ms:0.2s,20ms:0.2s'];
  const { code, stdout, stderr } = await swarm(server, [...args, '--key', KEY], { listener: server.clients });
  assert.equal(code, 0, stdout + stderr);
  const bytes = await server.metric('delivery_bytes_total');
  assert.ok(bytes / (await server.metric('deliveries_total')) > 500);

  const byEnvironment = await swarm(server, args, { listener: server.clients, env: { STENTOR_KEY: KEY } });
  assert.equal(byEnvironment.code, 0, byEnvironment.stderr);
}));

test('a closed loop with messages in flight', withServer({}, async (server) => {
  const { code, stdout, stderr } = await swarm(server, ['-c', '50', '--in-flight', '8', '--rounds', '1s:0.3s']);

  assert.equal(code, 0, stdout + stderr);
  assert.ok((await server.metric('published_total')) > 20);
}));

test('an undersized server makes it fail, with the cause', withServer({ max_clients: 20 }, async (server) => {
  const { code, stdout, report } = await swarm(server, ['-c', '60', '--connect-timeout', '1', '--key', KEY], { listener: server.clients });

  assert.equal(code, 1, stdout);
  assert.equal(report.passed, false);
  assert.ok(report.connects.failed >= 30, stdout);
  assert.notDeepEqual(report.connects.causes, {});
}));

test('messages that are refused make it fail', withServer({ publish_rate: 1, publish_burst: 1 }, async (server) => {
  assert.equal((await swarm(server, ['-c', '5'])).code, 1);
  assert.equal((await swarm(server, ['-c', '5', '--key', 'wrong'], { listener: server.clients })).code, 1);
}));

test('no server at all is 1, a wrong command line 2', async () => {
  assert.equal((await run('stentor-swarm', [...quick, '-c', '2', '--connect-timeout', '1', 'http://127.0.0.1:1'])).code, 1);
  for (const args of [[], ['-c'], ['-c', '0', 'http://x'], ['--nothing', 'http://x'], ['--rounds', 'x', 'http://x'], ['ftp://x'],
    ['--transports', 'x', 'http://x'], ['--transports', 'sse:0', 'http://x'], ['--transports', 'sse,sse', 'http://x'],
    ['--transports', 'sse,polling', 'http://x/path'], ['http://x', 'extra']]) {
    const { code, stderr } = await run('stentor-swarm', args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.notEqual(stderr, '');
  }
  assert.match((await run('stentor-swarm', ['-V'])).stdout, /^stentor-swarm \d/);
  assert.equal((await run('stentor-swarm', ['-h'])).code, 0);
});
