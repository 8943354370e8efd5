// Whether stentor-swarm says so when it was itself the limit.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { withFaulty } from './lib/faulty-server.mjs';
import { run } from './lib/program.mjs';
import { withServer } from './lib/stentord.mjs';
import { startSwarm, swarm } from './lib/swarm.mjs';

// Takes the processor away from a process for most of the time. (Others that want the same processor do
// not do it: schedulers favour whoever sleeps much.)
function starve(program) {
  const turns = setInterval(() => {
    program.kill('SIGSTOP');
    setTimeout(() => program.kill('SIGCONT'), 70);
  }, 100);
  return () => {
    clearInterval(turns);
    program.kill('SIGCONT');
  };
}

test('a swarm that is starved of its processor says INVALID', withServer({}, async (server) => {
  const { program, result } = startSwarm(server.admin, ['-c', '200', '--rounds', '50ms:3s', '--max-lag', '20ms', '--max-cpu', '90']);
  const end = starve(program);
  try {
    const { code, stdout, report } = await result;

    assert.equal(code, 3, stdout);
    assert.match(stdout, /^INVALID: generator-bound \(loop lag p99 \d+ ms[;)]/m);
    assert.equal(report.verdict.valid, false);
    assert.equal(report.verdict.exit_status, 3);
    assert.match(report.verdict.reasons[0], /generator-bound/);
    assert.match(report.swarm.warning, /INVALID/);
    assert.equal(report.totals.lost, 0);
  } finally {
    end();
  }
}));

test('a swarm that needs more of a processor than it may says INVALID', withServer({}, async (server) => {
  const { code, stdout } = await swarm(server, ['-c', '50', '--rounds', '5ms:1s', '--max-cpu', '1']);

  assert.equal(code, 3, stdout);
  assert.match(stdout, /^INVALID: generator-bound \(\d+ % of a processor in round 1\)$/m);
}));

test('descriptors that are missing here are not the server’s fault', withServer({}, async (server) => {
  const { code, stdout, report } = await startSwarm(server.admin, ['-c', '100'], { wrap: ['prlimit', '--nofile=64:64'] }).result;

  assert.equal(code, 3, stdout);
  assert.match(stdout, /^INVALID: generator-bound \(no_descriptors for \d+ clients\)$/m);
  assert.ok(report.connects.causes.no_descriptors > 0);
}));

test('a run that is valid says so', withServer({}, async (server) => {
  const { code, stdout, report } = await swarm(server, ['-c', '20']);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^VALID$/m);
  assert.deepEqual(report.verdict.reasons, []);
}));

test('connects that come in bursts are pointed out', withServer({}, async (server) => {
  const even = await swarm(server, ['-c', '200', '--ramp', '2']);
  assert.equal(even.report.connects.begun_buckets.reduce((a, b) => a + b), 200);
  assert.ok(even.report.connects.start_lag_ns.count === 200);

  // A server that takes nobody for a second, and then all at once.
  server.program.kill('SIGSTOP');
  const { result, program } = startSwarm(server.admin, ['-c', '200', '--ramp', '2']);
  setTimeout(() => server.program.kill('SIGCONT'), 1000);
  const { report, stdout, code } = await result;
  assert.equal(code, 0, stdout + program.stderr);
  assert.ok(report.connects.bursts.length >= 1, JSON.stringify(report.connects.buckets));
  assert.match(stdout, /^ {2}burst +\d+ connects at \d\.\d s, within \d+ ms: \d+\.\d times the mean$/m);
}));

test('each second of the run is kept, with what the server used', withServer({}, async (server) => {
  const { report, stdout } = await swarm(server, ['-c', '50', '--idle', '1', '--rounds', '100ms:2s', '--pid', String(server.pid)]);
  const { seconds, rounds, idle } = report;

  assert.ok(seconds.length >= 3, stdout);
  assert.equal(seconds.at(-1).clients, 50);
  for (const second of seconds) {
    assert.ok(second.server_rss > 1e6 && second.server_pss > 1e6 && second.server_threads >= 3, JSON.stringify(second));
    assert.ok((second.sockets === null || second.sockets > 0) && second.swarm_rss > 1e6);
  }
  assert.ok(seconds.some(({ p99, delivered }) => p99 > 0 && delivered > 0));
  assert.ok(rounds[0].server_context_switches_per_second > 0);
  assert.ok(seconds.some(({ sockets }) => sockets > 0));
  assert.ok(rounds[0].begin_seconds > 1 && rounds[0].end_seconds > rounds[0].begin_seconds + 1.9);
  assert.ok(idle.server_cpu_share >= 0 && idle.end_seconds <= rounds[0].begin_seconds + 0.1);
}));

// What the server's metrics say after so many questions.
const metrics = {
  'those that Prometheus’s libraries have in common': (n) => `# TYPE x counter\nprocess_cpu_seconds_total ${n / 100}\nprocess_resident_memory_bytes ${1e7 + n}\n`,
  'those of Stentor': (n) => `stentor_thread_cpu_seconds_total{thread="io-0"} ${n / 200}\nstentor_thread_cpu_seconds_total{thread="io-1"} ${n / 200}\n` +
    `stentor_memory_bytes ${1e7 + n}\nstentor_memory_bytes_other 5\n`,
};

for (const [name, text] of Object.entries(metrics)) {
  test(`a server elsewhere is observed through its metrics: ${name}`, () => {
    let asked = 0;
    return withFaulty({}, async (server) => {
      server.onRequest = (request, response, body) => {
        if (request.url === '/numbers') return response.end(text(++asked));
        server.publish(body);
        return response.end('{}');
      };
      const { code, report, stdout } = await startSwarm(server.listener, ['-c', '10', '--transports', 'plain', '--idle', '1', '--rounds', '50ms:2s',
        '--metrics-url', `http://127.0.0.1:${server.listener.port}/numbers`]).result;

      assert.equal(code, 0, stdout);
      assert.ok(asked >= 8, `asked ${asked} times`);
      assert.ok(report.rounds[0].server_memory > 1e7 && report.rounds[0].server_memory <= 1e7 + asked);
      // A hundredth of a second for each question, four of which are asked a second.
      assert.ok(report.rounds[0].server_cpu_share > 0.005 && report.rounds[0].server_cpu_share < 0.06, `${report.rounds[0].server_cpu_share}`);
      assert.ok(report.seconds.some(({ server_cpu: share }) => share > 0));
    });
  });
}

test('a server without metrics is asked three times, and not again', () => withFaulty({}, async (server) => {
  let asked = 0;
  server.onRequest = (request, response, body) => {
    if (request.method === 'GET') return asked++, response.writeHead(404).end();
    server.publish(body);
    return response.end('{}');
  };
  const { code, report } = await startSwarm(server.listener, ['-c', '10', '--transports', 'plain', '--idle', '2',
    '--metrics-url', `http://127.0.0.1:${server.listener.port}`]).result;

  assert.equal(code, 0);
  assert.equal(asked, 3);
  assert.equal(report.server, null);
}));

test('what is shown while it runs: plain lines when it is no terminal', withServer({}, async (server) => {
  const { code, stderr } = await run('stentor-swarm', ['-c', '20', '--ramp', '0.1', '--idle', '1', '--rounds', '0.1s:3s', '--max-lag', '1m',
    `http://${server.admin.host}:${server.admin.port}`]);

  assert.equal(code, 0, stderr);
  assert.match(stderr, /^round 1\/1: 20 of 20 clients connected, message \d+, \d+ deliveries\/s, delay p99 [\d.]+ ms, \d+ s left$/m);
  assert.ok(!stderr.includes('\x1b'));
}));

test('bars on a terminal', withServer({}, async (server) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-view-'));
  const file = path.join(directory, 'typescript');
  const command = `${process.env.STENTOR_SWARM} -c 20 --ramp 0.1 --idle 0.5 --rounds 0.1s:1s --max-lag 1m http://${server.admin.host}:${server.admin.port}`;
  const script = spawn('script', ['-qec', command, file], { stdio: 'ignore' });
  const code = await new Promise((resolve) => script.on('close', resolve));
  const text = fs.readFileSync(file, 'utf8');

  fs.rmSync(directory, { recursive: true });
  assert.equal(code, 0, text);
  assert.match(text, /[█░]{30} \d+ s left, round 1\/1\x1b\[K/);
  assert.match(text, /20 of 20 connected, 0 failed/);
  assert.match(text, /\x1b\[4A/);
  assert.match(text, /VALID/);
}));

test('compare shows results side by side, and knows what is none', withServer({}, async (server) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-compare-'));
  const files = [];
  for (const label of ['first', 'second']) {
    const file = path.join(directory, `${label}.json`);
    const { report } = await swarm(server, ['-c', '20', '--label', label]);
    fs.writeFileSync(file, JSON.stringify(report));
    files.push(file);
  }
  const page = path.join(directory, 'page.html');
  const { code, stdout } = await run('stentor-swarm', ['compare', '--report', page, ...files]);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ +first +second$/m);
  assert.match(stdout, /^connected +20 +20$/m);
  assert.match(fs.readFileSync(page, 'utf8'), /"label":"second"/);

  fs.writeFileSync(files[0], '{"a":1}');
  assert.equal((await run('stentor-swarm', ['compare', ...files])).code, 2);
  assert.equal((await run('stentor-swarm', ['compare'])).code, 2);
  assert.equal((await run('stentor-swarm', ['compare', '/nowhere'])).code, 2);
  assert.equal((await run('stentor-swarm', ['compare', '--help'])).code, 0);
  fs.rmSync(directory, { recursive: true });
}));
