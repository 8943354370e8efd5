// One run of stentor-swarm by several processes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { withFaulty } from './lib/faulty-server.mjs';
import { programPath } from './lib/program.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { startSwarm, swarm } from './lib/swarm.mjs';
import { event, timeFactor, within } from './lib/wait.mjs';

// "Hosts" that are this one: the name becomes a variable of the environment, by which it is found.
const here = (hosts) => ['--on', hosts.join(','), '--via', 'env SWARM_HOST={host}', '--agent', programPath('stentor-swarm')];

test('three agents are one run', withServer({}, async (server) => {
  const args = ['-c', '100', '--transports', 'websocket:2,polling:1,sse:1', '--room', 'a b', '--rounds', '50ms:1s,20ms:1s', '--pid', String(server.pid)];
  const { code, report, stdout, stderr } = await swarm(server, [...args, ...here(['one', 'two', 'three'])]);

  assert.equal(code, 0, stdout + stderr);
  assert.equal(report.processes, 3);
  assert.deepEqual(report.agents.map(({ name, clients, ended }) => [name, clients, ended]), [['one', 34, null], ['two', 33, null], ['three', 33, null]]);
  assert.ok(report.agents.every(({ same_clock }) => same_clock));
  assert.equal(report.connects.connected, 100);
  assert.deepEqual(report.rounds.map(({ messages }) => messages), [20, 50]);
  assert.equal(report.totals.delivered, 100 * 70);
  assert.equal(report.rounds[0].delay_ns.count, 100 * 20);
  assert.ok(report.rounds[0].relative_delay_ns > 0 && report.rounds[0].relative_delay_from_first_ns > 0);
  assert.equal(await server.metric('published_total'), 70);
  assert.equal(await server.metric('deliveries_total'), 100 * 70);
  assert.ok(report.seconds.at(-1).clients === 100 && report.seconds.at(-1).server_rss > 1e6);
  assert.ok(report.rounds[1].server_cpu_share >= 0);
  assert.match(stdout, /^two +33 +the same +- +\d+ % +[\d.]+ ms$/m);
}));

test('loss is exact in each of them', () => withFaulty({ fault: (client, n) => ((client * 31 + n * 17) % 97 === 0 ? 'drop' : null) }, async (server) => {
  const { code, report, stdout } = await startSwarm(server.listener, ['-c', '60', '--transports', 'plain', '--rounds', '20ms:1s', ...here(['a', 'b', 'c', 'd'])]).result;

  assert.equal(code, 1, stdout);
  assert.ok(server.counts.drop > 10);
  assert.equal(report.totals.lost, server.counts.drop, stdout);
  assert.equal(report.totals.delivered, 60 * 50 - server.counts.drop);
}));

test('what the server refuses nobody has lost', withServer({ publish_rate: 5, publish_burst: 1 }, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '30', '--rounds', '50ms:1s', ...here(['a', 'b'])]);

  assert.equal(code, 1, stdout);
  assert.ok(report.totals.refused >= 5, stdout);
  assert.equal(report.totals.lost, 0, stdout);
  assert.equal(report.totals.delivered, 30 * (report.totals.messages - report.totals.refused));
}));

// A host whose clock is ahead of the first one's: a time namespace.
test('clocks that differ are compared, and delays corrected', async (t) => {
  try {
    execFileSync('unshare', ['-T', '--monotonic', '5', 'true'], { stdio: 'ignore' });
  } catch {
    return t.skip('time namespaces need root, and a kernel that has them');
  }
  return withServer({}, async (server) => {
    const via = `sh -c 'test {host} = first || exec unshare -T --monotonic 1000 "$@"; exec "$@"' x`;
    const { code, report, stdout, stderr } = await swarm(server, ['-c', '40', '--rounds', '50ms:1s', '--on', 'first,ahead', '--via', via,
      '--agent', programPath('stentor-swarm')]);
    const [first, ahead] = report.agents;

    assert.equal(code, 0, stdout + stderr);
    assert.equal(first.same_clock, true);
    assert.equal(ahead.same_clock, false);
    assert.ok(ahead.clock_error_ns > 0 && ahead.clock_error_ns < 1e9 * timeFactor, stdout);
    assert.ok(Math.abs(ahead.clock_offset_ns - 1000e9) <= ahead.clock_error_ns + 1e3, `${ahead.clock_offset_ns}, within ${ahead.clock_error_ns}`);
    assert.ok(Math.abs(ahead.clock_drift_ns) < 1e9 * timeFactor);
    assert.equal(report.totals.delivered, 40 * 20);
    assert.equal(report.totals.lost, 0);
    assert.ok(report.totals.delay_ns.max < 20e9 * timeFactor, 'no delay has the seconds between the clocks in it');
    assert.match(stdout, /^ahead +20 +\d+ us +/m);
  })(t);
});

test('agents get the key that is in the environment here alone', withServer({}, async (server) => {
  const { code, report, stdout, stderr } = await swarm(server, ['-c', '4', '--on', 'a,b', '--via', 'env -u STENTOR_KEY HOST={host}',
    '--agent', programPath('stentor-swarm')], { listener: server.clients, env: { STENTOR_KEY: KEY } });

  assert.equal(code, 0, stdout + stderr);
  assert.equal(report.totals.refused, 0);
  assert.equal(report.totals.delivered, 4 * report.totals.messages);
}));

// The process whose environment has the variable.
function processOf(host) {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (command.endsWith('\0agent\0') && fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`SWARM_HOST=${host}`)) return Number(pid);
    } catch { /* it has ended, or is somebody else's */ }
  }
  return null;
}

test('an agent that dies is reported, and not waited for', withServer({}, async (server) => {
  const host = `dying-${process.pid}`;
  const { result } = startSwarm(server.admin, ['-c', '30', '--idle', '1', '--rounds', '50ms:2s', ...here(['first', host])]);
  await server.untilMetric('clients_native', 30);
  process.kill(processOf(host), 'SIGKILL');
  const { code, stdout, report } = await result;

  assert.equal(code, 3, stdout);
  assert.match(stdout, new RegExp(`^INVALID: agent ${host}: it was ended by signal 9$`, 'm'));
  assert.equal(report.agents[1].ended, 'it was ended by signal 9');
  assert.equal(report.agents[0].ended, null);
  assert.equal(report.rounds[0].messages, 40);
  assert.equal(report.totals.delivered, 15 * 40); // of those that are left
}));

test('an agent that cannot be started, or is something else, is a mistake to be mended', withServer({}, async (server) => {
  const nowhere = await swarm(server, ['-c', '4', '--on', 'a', '--via', 'env', '--agent', '/nowhere/stentor-swarm']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /agent a: it ended with status 12[67]/);

  const other = await swarm(server, ['-c', '4', '--on', 'a', '--via', 'sh -c "echo hello; exec sleep 60" {host}', '--agent', 'x']);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /agent a: it does not speak the protocol/);

  for (const name of ['a;b', '-o', 'a b', '']) {
    const { code, stderr } = await swarm(server, ['-c', '4', '--on', name]);
    assert.equal(code, 1, name);
    assert.match(stderr, /is no host/);
  }
}));

test('an agent alone says what it is for', () => {
  const { status, stderr } = (() => {
    try {
      execFileSync(programPath('stentor-swarm'), ['agent', 'x'], { stdio: ['pipe', 'pipe', 'pipe'] });
      return { status: 0 };
    } catch (error) {
      return { status: error.status, stderr: error.stderr.toString() };
    }
  })();
  assert.equal(status, 2);
  assert.match(stderr, /agent is for stentor-swarm run --on to start/);
});

test('an agent ends with its controller, and survives nonsense', async () => {
  for (const input of ['', 'nonsense', Buffer.from([0x92, 0x03, 0xc4, 0x00]), Buffer.from([0x92, 0x00, 0xc4, 0x02, 0xff, 0xff])]) {
    const agent = spawn(programPath('stentor-swarm'), ['agent'], { stdio: ['pipe', 'pipe', 'inherit'] });
    agent.stdin.end(input);
    const code = await new Promise((resolve) => agent.on('close', resolve));
    assert.equal(code, 1);
  }
});

test('the same population in two divisions agrees', withServer({}, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '60', '--validate=2,4', '--rounds', '50ms:1s', '--expect', 'loss=0,connected=100%']);

  assert.ok(code === 0 || /do not agree: (delay|relative)/.test(stdout), stdout); // times are not for a busy machine to promise
  assert.equal(report.runs.length, 2);
  assert.deepEqual(report.runs.map(({ processes }) => processes), [2, 4]);
  assert.deepEqual(report.runs.map(({ totals }) => totals.delivered), [60 * 20, 60 * 20]);
  assert.match(stdout, /^Validation +2 processes +4 processes$/m);
  assert.match(stdout, /^ +messages delivered +1200 +1200$/m);
}));

test('divisions that do not agree are INVALID', () => {
  let connected = 0; // those of the second division do not get everything
  return withFaulty({ fault: (client, n) => (client >= 20 && n === 5 ? 'drop' : null) }, async (server) => {
    const { code, stdout, report } = await startSwarm(server.listener, ['-c', '20', '--transports', 'plain', '--validate=1,2', '--rounds', '50ms:0.5s']).result;

    connected = server.clients.length;
    assert.equal(connected, 40);
    assert.equal(code, 3, stdout);
    assert.match(stdout, /^INVALID: 1 and 2 processes do not agree: messages delivered is 200 and 180$/m);
    assert.equal(report.valid, false);
  });
});

// --- Hosts with delay and loss between them: network namespaces.

const names = ['a', 'b', 'c'].map((name) => `swarm-${process.pid}-${name}`);
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

function hasNamespaces() {
  if (process.getuid() !== 0 || !fs.existsSync('/dev/net/tun')) return false;
  try {
    ip('netns', 'add', names[0]);
    ip('netns', 'del', names[0]);
    return true;
  } catch {
    return false;
  }
}

// Each host has a line of its own to this one, on which a packet takes 15 to 25 ms, and one in a
// hundred gets lost. Returns this host's address at the line, and how to end it.
async function addHost(name, i) {
  const net = `10.213.${(process.pid + i) % 250}`;
  ip('netns', 'add', name);
  const line = spawn('python3', [new URL('lib/line.py', import.meta.url).pathname, name, `sw${process.pid % 100000}${i}`, `${net}.1`, `${net}.2`, '20', '5', '0.01'],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = event(line, 'close', 2 ** 31 - 1);
  await within(Promise.race([event(line.stdout, 'data'), exit.then(() => { throw new Error('the line has ended'); })]), 'a line');
  const end = () => {
    line.stdin.end();
    return exit;
  };
  return { address: `${net}.1`, end };
}

// The values of a log of deliveries.
const readLog = (file) => fs.readFileSync(file, 'utf8').split('\n').slice(1, -1).map((line) => Number(line.split(' ')[3]));
const quantile = (sorted, q) => sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)];

test('three hosts with delay and loss between them: the merged figures are those of all samples', async (t) => {
  if (!hasNamespaces()) return t.skip('network namespaces need root, ip, and /dev/net/tun');
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-hosts-'));
  const hosts = [];
  try {
    for (const [i, name] of names.entries()) hosts.push(await addHost(name, i));
    await withFaulty({ host: '0.0.0.0' }, async (server) => {
      const log = path.join(directory, 'deliveries-{agent}');
      const { code, report, stdout, stderr } = await startSwarm({ host: hosts[0].address, port: server.listener.port }, [
        '-c', '150', '--transports', 'plain', '--ramp', '2', '--rounds', '50ms:3s', '--on', names.join(','), '--via', 'ip netns exec {host}',
        '--agent', programPath('stentor-swarm'), '--log-deliveries', log, '--expect', 'loss=0,duplicates=0,connected=100%',
      ]).result;
      const all = names.flatMap((_, i) => readLog(log.replace('{agent}', i))).sort((a, b) => a - b);
      const [{ delay_ns: merged }] = report.rounds;

      assert.equal(code, 0, stdout + stderr);
      assert.equal(report.totals.delivered, 150 * 60);
      assert.equal(all.length, 150 * 60);
      assert.equal(merged.min, all[0]);
      assert.equal(merged.max, all.at(-1));
      assert.ok(merged.min > 13e6, `delays of the network: ${merged.min}`);
      assert.ok(merged.max > merged.p50 * 2, `what got lost is sent again: ${merged.max}`);
      for (const [name, q] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99], ['p99.9', 0.999]]) {
        const exact = quantile(all, q);
        assert.ok(merged[name] >= exact && merged[name] <= exact * (1 + 1 / 128), `${name}: ${merged[name]}, exactly ${exact}`);
      }
      const mean = all.reduce((a, b) => a + b) / all.length;
      assert.ok(Math.abs(merged.mean / mean - 1) < 1e-9, `mean ${merged.mean}, exactly ${mean}`);
      t.diagnostic(`p50 ${merged.p50} exactly ${quantile(all, 0.5)}, p99 ${merged.p99} exactly ${quantile(all, 0.99)}, at most ${merged.max}`);
    });
  } finally {
    await Promise.all(hosts.map(({ end }) => end()));
    for (const name of names.slice(0, hosts.length)) ip('netns', 'del', name);
    fs.rmSync(directory, { recursive: true });
  }
});
