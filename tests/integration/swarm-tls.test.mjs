// stentor-swarm with TLS, against the TLS of Node.js.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { FaultyServer } from './lib/faulty-server.mjs';
import { startSwarm } from './lib/swarm.mjs';

let directory;
let tls;

before(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(directory, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key,
    '-out', cert, '-subj', '/CN=swarm', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'], { stdio: 'ignore' });
  tls = { key: fs.readFileSync(key), cert: fs.readFileSync(cert), file: cert };
});

after(() => fs.rmSync(directory, { recursive: true }));

async function run(args, options = {}) {
  const server = await FaultyServer.start({ tls: { ...tls, ...options } });
  try {
    const secure = { host: server.listener.host, port: server.listener.port, tls: true };
    return await startSwarm(secure, ['-c', '40', '--transports', 'plain', ...args]).result;
  } finally {
    await server.stop();
  }
}

function assertComplete({ code, report, stdout, stderr }) {
  assert.equal(code, 0, stdout + stderr);
  assert.equal(report.connects.connected, 40);
  assert.equal(report.totals.delivered, 40 * report.totals.messages, stdout);
  assert.equal(report.options.tls, true);
}

test('a certificate that is trusted', async () => {
  const result = await run(['--ca', tls.file]);

  assertComplete(result);
  assert.equal(result.report.tls.handshakes, 40);
  assert.match(result.report.tls.version, /^TLSv1\.[23]$/);
  assert.match(result.stdout, /^ {2}TLS +40 handshakes, \d+ of them resumed; TLSv1\.\d, /m);
});

test('sessions are resumed, unless they are not to be', async () => {
  const { report } = await run(['--ca', tls.file, '--ramp', '1']);
  assert.ok(report.tls.resumed >= 30, JSON.stringify(report.tls));

  const without = await run(['--ca', tls.file, '--ramp', '1', '--no-resume']);
  assertComplete(without);
  assert.equal(without.report.tls.resumed, 0);
});

test('sessions of TLS 1.2, too', async () => {
  const result = await run(['--insecure', '--ramp', '1'], { maxVersion: 'TLSv1.2' });

  assertComplete(result);
  assert.equal(result.report.tls.version, 'TLSv1.2');
  assert.ok(result.report.tls.resumed >= 30, JSON.stringify(result.report.tls));
});

test('one that nobody trusts is a failure with a name, unless any will do', async () => {
  const { code, report, stdout } = await run([]);
  assert.equal(code, 1, stdout);
  assert.deepEqual(report.connects.causes, { tls_certificate_verify_failed: 40 });

  assertComplete(await run(['--insecure']));
});

test('one for somebody else is a failure as well', async () => {
  const server = await FaultyServer.start({ tls });
  try {
    const { code, report } = await startSwarm({ host: '127.0.0.2', port: server.listener.port, tls: true },
      ['-c', '3', '--transports', 'plain', '--ca', tls.file]).result;
    assert.equal(code, 1);
    assert.equal(report.connects.connected, 0);
  } finally {
    await server.stop();
  }
});

test('bytes on the wire are counted, and large messages pass whole', async () => {
  const result = await run(['--insecure', '--payload', '100000', '--rounds', '100ms:0.5s']);

  assertComplete(result);
  const [round] = result.report.rounds;
  assert.ok(round.wire_per_payload_byte > 1 && round.wire_per_payload_byte < 1.05, `${round.wire_per_payload_byte}`);
});

test('a server without TLS', async () => {
  const server = await FaultyServer.start();
  try {
    const { code, report } = await startSwarm({ ...server.listener, tls: true }, ['-c', '5', '--transports', 'plain', '--insecure']).result;
    assert.equal(code, 1);
    assert.equal(report.connects.failed, 5);
    assert.match(Object.keys(report.connects.causes)[0], /^tls_/);
  } finally {
    await server.stop();
  }
});

test('a file with nothing to trust in it is no beginning', async () => {
  const { code, stderr } = await startSwarm({ host: '127.0.0.1', port: 1, tls: true }, ['--ca', '/dev/null']).result;

  assert.equal(code, 1);
  assert.match(stderr, /--ca: the file cannot be read, or has no certificate in it/);
});
