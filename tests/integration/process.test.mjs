// The process: as whom it serves, its pidfile, its limits, the background, the service manager.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { Authority } from './lib/certificates.mjs';
import { formatConfig } from './lib/config.mjs';
import { request } from './lib/http.mjs';
import { Program, programPath, run } from './lib/program.mjs';
import { asRoot, defaults, Stentord, withServer } from './lib/stentord.mjs';
import { event, until, within } from './lib/wait.mjs';

const NOBODY = 65534;
const root = process.getuid() === 0;
const needsRoot = { skip: !root && 'only root can become somebody else' };

// A directory that others can read, with a configuration in it.
function withDirectory(config, fn) {
  return async (t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-process-'));
    fs.chmodSync(directory, 0o755);
    t.after(() => fs.rmSync(directory, { recursive: true }));
    const place = { directory, file: path.join(directory, 'stentord.conf') };
    place.path = (name) => path.join(directory, name);
    place.configure = (more) => fs.writeFileSync(place.file, formatConfig({ ...config, ...more }));
    place.configure();
    return fn(place, t);
  };
}

function procStatus(pid) {
  const lines = fs.readFileSync(`/proc/${pid}/status`, 'utf8').trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
}

function procLimit(pid, name) {
  const line = fs.readFileSync(`/proc/${pid}/limits`, 'utf8').split('\n').find((each) => each.startsWith(name));
  return line.slice(name.length).trim().split(/\s+/).slice(0, 2);
}

// Runs stentord as nobody. The program may lie where only root gets to.
function asNobody(place, args) {
  const program = place.path('stentord');
  fs.copyFileSync(programPath('stentord'), program);
  fs.chmodSync(program, 0o755);
  return new Program('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', program, ...args]);
}

const readPid = (file) => Number(fs.readFileSync(file, 'utf8'));

// Starts a daemon, which the test ends by its pidfile.
async function startDaemon(place, t, options) {
  const result = await run('stentord', ['-c', place.file, '-p', place.path('pid')], options);
  assert.equal(result.code, 0, result.stderr);
  const pid = readPid(place.path('pid'));
  const ended = () => !fs.existsSync(`/proc/${pid}`);
  t.after(() => ended() || process.kill(pid, 'SIGKILL'));
  return { pid, ended };
}

test('root has to say as whom it wants to serve', { ...needsRoot }, withDirectory({}, async ({ file }) => {
  for (const args of [['-f'], []]) {
    const { code, stderr } = await run('stentord', [...args, '-c', file]);
    assert.equal(code, 1);
    assert.match(stderr, /does not serve as root: set user in the configuration/);
  }
  assert.equal((await run('stentord', ['-t', '-c', file])).code, 0, 'a check serves nothing');
}));

test('user = "root" serves as root, and says so', { ...needsRoot }, withServer({}, async (server) => {
  assert.equal(procStatus(server.pid).Uid, '0\t0\t0\t0');
  assert.match(server.log, /warning process: serves as root, because the configuration says so/);
}));

test('root becomes the user for good, when everything is open that only root may open', { ...needsRoot }, async (t) => {
  await withDirectory({}, async (place) => {
    const port = await freeLowPort();
    const secret = place.path('root');
    const socketPath = place.path('admin.sock');
    fs.mkdirSync(secret);
    fs.writeFileSync(path.join(secret, 'page.txt'), 'for root alone\n', { mode: 0o600 });
    fs.chmodSync(secret, 0o700);
    const listeners = [{ address: '127.0.0.1', port }, { address: `unix:${socketPath}`, admin: true }];
    const config = { listeners, static_root: secret, user: 'nobody' };

    await withServer(config, async (server) => {
      const status = procStatus(server.pid);
      assert.equal(status.Uid, [NOBODY, NOBODY, NOBODY, NOBODY].join('\t'));
      assert.equal(status.Gid, [NOBODY, NOBODY, NOBODY, NOBODY].join('\t'));
      assert.equal(status.Groups.trim(), String(NOBODY));
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status[set], /^0+$/, set);
      assert.equal(status.NoNewPrivs, '1');
      for (const task of fs.readdirSync(`/proc/${server.pid}/task`)) {
        assert.equal(procStatus(`${server.pid}/task/${task}`).Uid, status.Uid, 'all threads');
      }
      assert.equal((await server.get('/page.txt')).text, 'for root alone\n');
      const { uid, gid, mode } = fs.statSync(socketPath);
      assert.deepEqual([uid, gid, mode & 0o777], [NOBODY, NOBODY, 0o660]);
      assert.equal((await request({ socketPath }, '/healthz')).text, 'ok\n');
      assert.match(server.log, /info process: serves as user nobody/);
    })(t);
  })(t);
});

test('a reload opens no new low port, and says what does; the old one stays open', { ...needsRoot }, async (t) => {
  const old = await freeLowPort();
  const fresh = await freeLowPort(old);
  const listeners = (port) => [{ address: '127.0.0.1', port }, { address: '127.0.0.1', port: 0, admin: true }];
  await withServer({ user: 'nobody', listeners: listeners(old) }, async (server) => {
    fs.chmodSync(server.directory, 0o755);
    assert.equal((await server.reload({ user: 'nobody', listeners: listeners(old), max_rooms: 3 })).status, 200);
    const refused = await server.reload({ user: 'nobody', listeners: listeners(fresh) });
    assert.equal(refused.status, 422);
    assert.match(refused.json().mistakes[0], /Permission denied; ports below 1024 .*only a restart opens them$/);
    assert.equal((await server.get('/nothing')).status, 404, 'the old one');
  })(t);
});

test('a configuration that the user cannot read again is worth a warning', { ...needsRoot }, withDirectory({
  listeners: [{ address: '127.0.0.1', port: 0 }], user: 'nobody',
}, async (place) => {
  for (const mode of [0o600, 0o644]) {
    fs.chmodSync(place.file, mode);
    const program = new Program(programPath('stentord'), ['-f', '-c', place.file]);
    await until(() => / server: ready/.test(program.stderr), () => program.stderr);
    program.kill();
    const { stderr } = await within(program.exit, 'the end');
    assert.equal(/cannot be read any more, so a reload will fail: Permission denied/.test(stderr), mode === 0o600);
  }
}));

test('so is a key of a certificate', { ...needsRoot }, withDirectory({}, async (place, t) => {
  const certificate = new Authority(place.directory).issue(['localhost']);
  const listeners = [{ address: '127.0.0.1', port: 0, tls: { certificates: [certificate] } }, ...defaults.listeners];
  for (const mode of [0o600, 0o644]) {
    fs.chmodSync(certificate.key, mode);
    await withServer({ user: 'nobody', listeners }, async (server) => {
      await server.untilLog(/stentord\.conf cannot be read any more/); // it comes first, and always here
      server.terminate();
      await server.program.exit;
      assert.equal(server.log.includes(`${certificate.key} cannot be read any more, so a reload will fail when the certificate is for another key`), mode === 0o600);
    })(t);
  }
}));

test('a group may be named as well', { ...needsRoot }, withServer({ user: 'nobody', group: 'daemon' }, async (server) => {
  const daemon = fs.readFileSync('/etc/group', 'utf8').match(/^daemon:[^:]*:(\d+)/m)[1];

  assert.equal(procStatus(server.pid).Gid, Array(4).fill(daemon).join('\t'));
}));

test('who is not root serves as who it is, or not at all', { ...needsRoot }, withDirectory({
  listeners: [{ address: '127.0.0.1', port: 0 }],
}, async (place) => {
  for (const config of [{}, { user: 'nobody' }]) {
    place.configure(config);
    const program = asNobody(place, ['-f', '-c', place.file]);
    await until(() => / server: ready/.test(program.stderr), () => program.stderr);
    assert.match(procStatus(program.child.pid).Uid, /^65534\t/);
    assert.equal(procStatus(program.child.pid).NoNewPrivs, '1');
    program.kill();
    assert.equal((await within(program.exit, 'the end')).code, 0);
  }
  for (const config of [{ user: 'daemon' }, { user: 'root' }, { user: 'nobody', group: 'daemon' }]) {
    place.configure(config);
    const { code, stderr } = await within(asNobody(place, ['-f', '-c', place.file]).exit, 'the end');
    assert.equal(code, 1);
    assert.match(stderr, /cannot become user "\w+"[^]*, which only root can/);
  }
}));

test('users and groups that do not exist are mistakes', withDirectory({}, async (place) => {
  const mistakes = [
    ['user = "no-such-user";', 'user', /no such user/],
    ['user = "nobody"; group = "no-such-group";', 'group', /no such group/],
    ['group = "daemon";', 'group', /needs a user/],
    ['pidfile = "pid";', 'pidfile', /must begin with \//],
  ];
  for (const [content, option, message] of mistakes) {
    fs.writeFileSync(place.file, content);
    const { code, stderr } = await run('stentord', ['-t', '-c', place.file]);
    assert.equal(code, 1, content);
    assert.ok(stderr.startsWith(`${place.file}:1: ${option}: `), stderr);
    assert.match(stderr, message);
  }
}));

test('max_files and core_dumps set the limits', async (t) => {
  await withServer({ max_files: 999, core_dumps: true }, async (server) => {
    assert.equal(procLimit(server.pid, 'Max open files')[0], '999');
    const [soft, hard] = procLimit(server.pid, 'Max core file size');
    assert.equal(soft, hard);
  })(t);
  await withServer({}, async (server) => {
    const [soft, hard] = procLimit(server.pid, 'Max open files');
    assert.equal(soft, hard, 'as many as there may be');
    assert.equal(procLimit(server.pid, 'Max core file size')[0], '0', 'keys do not end in files');
  })(t);
});

test('core_dumps = true holds after the change of the user, too', { ...needsRoot }, async (t) => {
  for (const core_dumps of [true, false]) {
    await withServer({ user: 'nobody', core_dumps }, async (server) => {
      const owner = fs.statSync(`/proc/${server.pid}/maps`).uid;
      assert.equal(owner === NOBODY, core_dumps, 'the kernel gives the files of a process that may not dump to root');
    })(t);
  }
});

test('more max_files than can be had is an error that says where to raise it', async () => {
  const limited = root
    ? ['setpriv', '--inh-caps=-sys_resource', '--bounding-set=-sys_resource', 'prlimit', '--nofile=512:512']
    : ['prlimit', '--nofile=512:512'];

  await assert.rejects(
    Stentord.start({ max_files: 513 }, { wrap: limited }),
    /ended with 1[^]*max_files is 513, but the hard limit is 512 and cannot be raised[^]*LimitNOFILE=/,
  );
});

test('the pidfile has the number, is locked while it runs, and goes with it', withDirectory({
  ...asRoot, listeners: [{ address: '127.0.0.1', port: 0 }],
}, async (place) => {
  const pidfile = place.path('pid');
  place.configure({ pidfile });
  const start = async () => {
    const program = new Program(programPath('stentord'), ['-f', '-c', place.file]);
    await until(() => / server: ready/.test(program.stderr), () => program.stderr);
    assert.equal(readPid(pidfile), program.child.pid);
    return program;
  };
  const first = await start();
  const { code, stderr } = await run('stentord', ['-f', '-c', place.file]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`pidfile: ${pidfile}: another stentord runs, process ${first.child.pid};`));
  assert.equal(readPid(pidfile), first.child.pid, 'it stays the first one\'s');
  first.kill('SIGKILL');
  await first.exit;
  assert.equal(readPid(pidfile), first.child.pid, 'what a killed one leaves behind');

  const second = await start();
  second.kill();
  assert.equal((await within(second.exit, 'the end')).code, 0);
  assert.ok(!fs.existsSync(pidfile));
}));

test('a pidfile in a directory that is not the user\'s is emptied at the end', { ...needsRoot }, withDirectory({}, async (place, t) => {
  const pidfile = place.path('pid');

  await withServer({ user: 'nobody', pidfile }, async (server) => {
    assert.equal(readPid(pidfile), server.pid);
    assert.equal(fs.statSync(pidfile).uid, 0, 'its number can be believed');
  })(t);
  assert.equal(fs.readFileSync(pidfile, 'utf8'), '');
}));

test('a pidfile that cannot be is an error', withDirectory({ ...asRoot }, async (place) => {
  fs.symlinkSync('/dev/null', place.path('link'));
  const cases = [
    ['relative', /must begin with \//],
    [place.path('no/pid'), /No such file or directory/],
    [place.path('link'), /is a symbolic link; remove it/],
  ];
  for (const [pidfile, message] of cases) {
    const { code, stderr } = await run('stentord', ['-f', '-c', place.file, '-p', pidfile]);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
}));

test('without -f it goes into the background once it serves', withDirectory({ ...asRoot }, async (place, t) => {
  const socketPath = place.path('admin.sock');
  place.configure({ listeners: [{ address: `unix:${socketPath}`, admin: true }], pidfile: place.path('other') });
  const { pid, ended } = await startDaemon(place, t);

  assert.equal((await request({ socketPath }, '/healthz')).text, 'ok\n', 'it serves at once');
  assert.equal(fs.readlinkSync(`/proc/${pid}/cwd`), '/');
  assert.ok(!fs.existsSync(place.path('other')), '-p counts');
  const { Umask } = procStatus(pid);
  assert.equal(Umask, '0027');
  assert.equal(fs.statSync(place.path('pid')).mode & 0o777, 0o644, 'everybody may know the number');
  process.kill(pid, 'SIGTERM');
  await until(() => !fs.existsSync(socketPath) && ended(), 'the end of the daemon');
  assert.ok(!fs.existsSync(place.path('pid')));
}));

test('the daemon lets go of what its shell has open', withDirectory({
  ...asRoot, listeners: [{ address: '127.0.0.1', port: 0 }],
}, async (place, t) => {
  const stdio = ['pipe', 'pipe', 'pipe', 'pipe'];
  const child = spawn(programPath('stentord'), ['-c', place.file, '-p', place.path('pid')], { stdio });
  const closed = ['stdout', 'stderr'].map((name) => event(child[name].resume(), 'close'));
  closed.push(event(child.stdio[3].resume(), 'close'));
  const code = await event(child, 'exit');
  const pid = readPid(place.path('pid'));
  t.after(() => process.kill(pid, 'SIGTERM'));
  assert.deepEqual(code, [0, null]);
  await Promise.all(closed);
}));

test('in the background a start that fails is told by the exit code', withServer({}, async (server, t) => {
  const listeners = [{ address: '127.0.0.1', port: server.clients.port }];
  await withDirectory({ ...asRoot, listeners }, async (place) => {
    const { code, stderr } = await run('stentord', ['-c', place.file, '-p', place.path('pid')]);
    assert.equal(code, 1);
    assert.match(stderr, /Address already in use/);
    assert.ok(!fs.existsSync(place.path('pid')));
  })(t);
}));

// What a service manager with a socket of that name hears while stentord starts and stops.
async function notifications(place, name) {
  const script = new URL('./lib/notify_listener.py', import.meta.url).pathname;
  const listener = new Program('python3', [script, name]);
  const lines = () => listener.stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  try {
    await until(() => lines().length === 1, () => `the listener: ${listener.stderr}`);
    const program = new Program(programPath('stentord'), ['-f', '-c', place.file], { env: { NOTIFY_SOCKET: name } });
    await until(() => lines().length === 2, () => `READY: ${program.stderr}`);
    assert.match(program.stderr, / server: ready/, 'not before it is');
    program.kill();
    assert.equal((await within(program.exit, 'the end')).code, 0);
    await until(() => lines().length === 3, 'STOPPING');
    return { pid: program.child.pid, lines: lines().slice(1) };
  } finally {
    listener.kill();
    await listener.exit;
  }
}

test('a service manager is told when it serves and when it stops', withDirectory({
  ...asRoot, listeners: [{ address: '127.0.0.1', port: 0 }],
}, async (place) => {
  for (const name of [place.path('notify'), `@stentor-test-${process.pid}`]) {
    const { pid, lines } = await notifications(place, name);
    assert.equal(lines[0], `READY=1\nMAINPID=${pid}\nSTATUS=serving`);
    assert.match(lines[1], /^STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=\d+$/);
  }
}));

test('a service manager that is not there does not matter', async () => {
  for (const name of ['/nonexistent/notify', '@', 'relative', '/'.repeat(200)]) {
    const server = await Stentord.start({}, { wrap: ['env', `NOTIFY_SOCKET=${name}`] });
    await server.stop();
  }
});

// A port below 1024 that nobody has. Tests that run at the same time begin at others.
async function freeLowPort(except) {
  const { createServer } = await import('node:net');
  for (let i = 0; i < 700; i++) {
    const port = 1023 - ((process.pid * 7 + i) % 700);
    if (port === except) continue;
    const listener = createServer();
    const taken = await new Promise((resolve) => {
      listener.once('error', () => resolve(true)).listen(port, '127.0.0.1', () => resolve(false));
    });
    await new Promise((resolve) => listener.close(resolve));
    if (!taken) return port;
  }
  throw new Error('no port is free');
}
