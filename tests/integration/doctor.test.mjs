// stentorctl doctor: is this machine ready, and could its server read everything again?
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { Authority } from './lib/certificates.mjs';
import { request } from './lib/http.mjs';
import { run } from './lib/program.mjs';
import { defaults, withServer } from './lib/stentord.mjs';

const url = (listener) => `http://${listener.host}:${listener.port}`;
const doctor = (server, ...args) => run('stentorctl', ['-s', url(server.admin), 'doctor', '-n', '10', ...args]);

// A copy of /proc in which everything is large enough, but for what the test changes.
function fakeProc(t, changes = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-proc-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const files = {
    'self/limits': 'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1000000              1000000              files\n',
    'sys/fs/nr_open': '1048576\n', 'sys/fs/file-max': '9223372036854775807\n', 'sys/net/core/somaxconn': '4096\n',
    'sys/net/ipv4/tcp_max_syn_backlog': '4096\n', 'sys/net/ipv4/ip_local_port_range': '1024\t65535\n',
    'sys/net/ipv4/tcp_mem': '100000 200000 4000000\n', 'sys/net/netfilter/nf_conntrack_max': '262144\n',
    meminfo: 'MemTotal:       8000000 kB\nMemFree:        10 kB\nMemAvailable:   4000000 kB\n', ...changes,
  };
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.join(directory, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(directory, name), content);
  }
  return directory;
}

test('doctor names what is too low, and what to do', async (t) => {
  const examine = (proc, ...args) => run('stentorctl', ['-s', 'http://127.0.0.1:1', 'doctor', '-p', proc, '-b', '2000', ...args]);
  const good = await examine(fakeProc(t), '-n', '10000');
  assert.equal(good.code, 0, good.stdout);
  assert.match(good.stdout, /0 too low, 0 wrong/);
  assert.match(good.stdout, /^\(no server answers: .*stentord -t checks/);
  const cases = [
    ['self/limits', 'Max open files            1024                 1048576              files\n', /TOO LOW  descriptors .*max_files.* 20400/],
    ['sys/fs/nr_open', '5000\n', /TOO LOW  nr_open .*fs\.nr_open/],
    ['sys/net/netfilter/nf_conntrack_max', '8192\n', /TOO LOW  conntrack .*nf_conntrack_max=20000/],
    ['meminfo', 'MemAvailable:   40000 kB\n', /TOO LOW  memory .*max_clients to \d+/],
    ['sys/net/core/somaxconn', '128\n', /warning  somaxconn .*net\.core\.somaxconn=4096/],
    ['sys/net/ipv4/tcp_mem', '10 20 30\n', /warning  tcp_mem /],
    ['sys/net/ipv4/ip_local_port_range', '32768 40000\n', /warning  ports /],
  ];
  for (const [name, content, pattern] of cases) {
    const { code, stdout } = await examine(fakeProc(t, { [name]: content }), '-n', '10000');
    assert.match(stdout, pattern);
    assert.equal(code, /TOO LOW/.test(pattern.source) ? 1 : 0, stdout);
  }
  assert.equal((await examine('/proc', '-n', '0')).code, 2);
});

test('doctor says what memory so many clients need, and how many there can be', async (t) => {
  const examine = (free, ...args) =>
    run('stentorctl', ['-s', 'http://127.0.0.1:1', 'doctor', '-p', fakeProc(t, { meminfo: `MemAvailable: ${free} kB\n` }), ...args]);
  const other = 71; // MiB: the process, and a full journal
  const each = 768 + 4096;
  const needed = Math.floor(10_000 * each / 1048576 + other) + 1;
  const enough = await examine(needed * 1024, '-n', '10000');
  assert.match(enough.stdout, new RegExp(`^ok +memory +${needed} MiB are free, about ${needed} MiB are needed, ${each} bytes for each client$`, 'm'));
  const less = await examine(needed * 1024 - 1, '-n', '10000');
  assert.equal(less.code, 1);
  const most = Math.floor(((needed * 1024 - 1) * 1024 - other * 1048576) / each);
  assert.match(less.stdout, new RegExp(`TOO LOW  memory .* ${needed} MiB are needed \\(${each} bytes .*: 768 of stentord, 4096 of the kernel.* max_clients to ${most}$`, 'm'));
  assert.match((await examine(10)).stdout, /TOO LOW  memory .* max_clients to 0$/m, 'not even the process');
  assert.match((await examine(4_000_000, '-b', '100')).stdout, /, 4196 bytes for each client$/m);
});

test('doctor asks a server that runs for its process', withServer({}, async (server) => {
  const { stdout } = await doctor(server);
  assert.doesNotMatch(stdout, /no server answers/);
  assert.match(stdout, /^ok +memory .*, 4864 bytes for each client$/m);
  assert.match(stdout, /^ok +descriptors /m);
  const beyond = await doctor(server, '-n', '100000000');
  assert.equal(beyond.code, 1);
  assert.match(beyond.stdout, /TOO LOW  descriptors/);
}));

// A server with one certificate, whose files the test may spoil; with TLS on a listener of its own.
function withCertificate(config, options, fn) {
  return async (t) => {
    const authority = Authority.temporary(t);
    fs.chmodSync(authority.directory, 0o755);
    const certificate = authority.issue(['localhost'], options);
    const listeners = [...defaults.listeners, { address: '127.0.0.1', port: 0, tls: { certificates: [certificate] } }];
    await withServer({ listeners, ...config }, async (server) => {
      fs.chmodSync(server.directory, 0o755);
      fs.chmodSync(server.file, 0o644);
      await fn(server, certificate, authority);
    })(t);
  };
}

test('doctor: a server without TLS has nothing to say about certificates', withServer({}, async (server) => {
  const { stdout } = await doctor(server);
  assert.match(stdout, /^ok +configuration +\S+stentord\.conf can be read again, with all it names$/m);
  assert.match(stdout, /^ok +certificates +none: no listener has TLS$/m);
}));

test('doctor: when certificates expire, and chains that nobody knows', withCertificate({}, { days: 30 }, async (server, { chain }) => {
  const { stdout } = await doctor(server);
  assert.match(stdout, /^ok +memory .*, 17408 bytes for each client$/m, 'OpenSSL needs most of it');
  assert.match(stdout, new RegExp(`^ok +certificates +1; the first to expire is ${chain}, in (29|30) days$`, 'm'));
  assert.match(stdout, /^warning +configuration +.*the chain is not complete|^warning +configuration +.*leads to no root/m);
  assert.doesNotMatch(stdout, /WRONG/);
}));

test('doctor: a certificate that expires soon is worth a warning', withCertificate({}, { days: 5 }, async (server) => {
  assert.match((await doctor(server)).stdout, /^warning +certificates +1; .* in [45] days$/m);
}));

test('doctor: one that has expired is wrong', withCertificate({}, { from: -10, days: -1 }, async (server) => {
  const { code, stdout } = await doctor(server);
  assert.equal(code, 1);
  assert.match(stdout, /^WRONG +certificates +\S+ has expired, and clients refuse it/m);
}));

test('doctor: a key that is not the certificate\'s, before a reload finds out', withCertificate({}, {}, async (server, { key }, authority) => {
  fs.copyFileSync(authority.issue(['other.example']).key, key);
  const { code, stdout } = await doctor(server);
  assert.equal(code, 1);
  assert.match(stdout, /^WRONG +configuration +\S+:\d+: listeners: .*the key in \S+ is not that of the certificate in /m);
  assert.match(stdout, /: \d+ too low, 1 wrong, /);
  assert.equal((await request(server.admin, '/status')).json().config_generation, 0, 'nothing has changed');
}));

test('doctor: what the user cannot read that the server has become', {
  skip: process.getuid() !== 0 && 'only root can become somebody else',
}, withCertificate({ user: 'nobody' }, {}, async (server, certificate, authority) => {
  const { stdout } = await doctor(server);
  assert.match(stdout, /^warning +configuration +.*cannot be read by the user that the server runs as; the key that was read before stays/m);
  assert.doesNotMatch(stdout, /WRONG/);
  const renewed = authority.issue(['localhost']);
  fs.copyFileSync(renewed.chain, certificate.chain);
  fs.copyFileSync(renewed.key, certificate.key);
  assert.match((await doctor(server)).stdout, /^WRONG +configuration +.*\.key cannot be read: Permission denied; give the group/m);
  fs.chmodSync(server.file, 0o600);
  assert.match((await doctor(server)).stdout, /^WRONG +configuration +\S+: cannot be read: Permission denied|^WRONG .*Permission denied/m);
}));

test('/check is for operators: on admin listeners alone, and not for web pages', withServer({}, async (server) => {
  const answer = await request(server.admin, '/check');
  assert.deepEqual(answer.json(), { file: server.file, mistakes: [], warnings: [], certificates: [] });
  assert.equal((await request(server.admin, '/check', { method: 'POST' })).status, 405);
  assert.equal((await request(server.admin, '/check', { headers: { Origin: 'https://evil.example' } })).status, 403);
  assert.equal((await server.get('/check')).status, 404);
}));
