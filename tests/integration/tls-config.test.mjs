// The group `tls` of a listener: what is wrong with it or with the files that it names is said at the
// start, with what to do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { Authority } from './lib/certificates.mjs';
import { formatConfig } from './lib/config.mjs';
import { run } from './lib/program.mjs';

const root = Authority.temporary();
process.on('exit', () => fs.rmSync(root.directory, { recursive: true }));
const good = root.issue(['good.example']);
const other = root.issue(['other.example']);

function write(name, content) {
  const file = path.join(root.directory, name);
  fs.writeFileSync(file, content, { mode: 0o600 });
  return file;
}

// What `stentord -t` says about a listener with these settings.
async function check(settings) {
  const tls = { certificates: [good], ...settings };
  const file = write('stentord.conf', formatConfig({ listeners: [{ address: '127.0.0.1', port: 0, tls }] }));
  return run('stentord', ['-t', '-c', file]);
}

async function assertMistake(settings, pattern) {
  const { code, stderr } = await check(settings);
  assert.equal(code, 1, JSON.stringify(settings));
  assert.match(stderr, /^\S+:1: listeners: /m);
  assert.match(stderr, pattern);
}

test('a good one is good', async () => {
  const { code, stdout, stderr } = await check({});
  assert.deepEqual([code, stdout.endsWith(': good\n')], [0, true], stderr);
});

test('members of a wrong kind', async () => {
  const cases = [
    [{ certificates: [] }, /tls is a group: tls = \{ certificates = /],
    [{ certificates: undefined }, /tls is a group/],
    [{ certificates: [{ chain: good.chain }] }, /each certificate has a chain and a key/],
    [{ certificates: [{ ...good, what: 'x' }] }, /"what" is not a member/],
    [{ min_version: 1.2 }, /min_version must be a text/],
    [{ min_version: '1.1' }, /min_version "1\.1" must be "1\.2" or "1\.3"/],
    [{ tickets: 1 }, /tickets must be true or false/],
    [{ handshake_timeout: 0 }, /handshake_timeout must be a number of seconds from 1 to 3600/],
    [{ handshake_timeout: '1' }, /handshake_timeout must be/],
    [{ ciphers: 'NONSENSE' }, /ciphers "NONSENSE": .*openssl-ciphers\(1\)/],
    [{ ciphersuites: 'NONSENSE' }, /ciphersuites "NONSENSE": .*TLS_AES_128_GCM_SHA256/],
    [{ curves: 'P-1' }, /curves "P-1": .*X25519:P-256/],
    [{ client_certificates: 'maybe' }, /"maybe" is not one of off, optional and required/],
    [{ client_certificates: 'required' }, /client_ca must be a file/],
    [{ client_certificates: 'required', client_ca: good.key }, /client_ca must be a file.*failed/],
    [{ ktls: true }, /ktls must be a text/],
    [{ ktls: 'maybe' }, /ktls "maybe" is not one of auto, on and off/],
    [{ unknown: 'x' }, /"unknown" is not a member/],
  ];
  for (const [settings, pattern] of cases) await assertMistake(settings, pattern);
});

test('files that are not there, or not what they should be', async () => {
  const empty = write('empty.pem', '');
  const cut = write('cut.pem', fs.readFileSync(good.chain, 'utf8').replace(/-----END[^]*/, ''));
  const cases = [
    [{ ...good, chain: '/nonexistent/x.pem' }, /\/nonexistent\/x\.pem cannot be read: No such file/],
    [{ ...good, key: '/nonexistent/x.key' }, /x\.key cannot be read: No such file/],
    [{ ...good, chain: empty }, /certificate 1 is not one in PEM format/],
    [{ ...good, chain: cut }, /certificate 1 is not one in PEM format/],
    [{ ...good, chain: good.key }, /certificate 1 is not one in PEM format/],
    [{ ...good, key: good.chain }, /is not a private key in PEM format/],
    [{ ...good, ocsp: good.chain }, /is not an OCSP response in DER format/],
    [{ ...good, ocsp: root.issue(['else.example'], { ocsp: 7 }).ocsp }, /says that this certificate is good/],
  ];
  for (const [certificate, pattern] of cases) await assertMistake({ certificates: [certificate] }, pattern);
});

test('keys of tickets are 80 bytes each', async () => {
  await assertMistake({ ticket_keys: '/nonexistent' }, /\/nonexistent cannot be read/);
  for (const size of [0, 48, 79, 81, 80 * 17]) {
    await assertMistake({ ticket_keys: write('tickets', Buffer.alloc(size)) }, /1 to 16 ticket keys of 80 random bytes each.*openssl rand/);
  }
  assert.equal((await check({ ticket_keys: write('tickets', Buffer.alloc(160)) })).code, 0);
});

test('a key that is not the certificate\'s', async () => {
  await assertMistake({ certificates: [{ ...good, key: other.key }] }, /the key in .*other_example.* is not that of the certificate in .*good_example/);
});

test('a key with a passphrase', async () => {
  const { execFileSync } = await import('node:child_process');
  const key = path.join(root.directory, 'secret.key');
  execFileSync('openssl', ['ec', '-aes128', '-passout', 'pass:secret', '-in', good.key, '-out', key], { stdio: 'pipe' });
  await assertMistake({ certificates: [{ ...good, key }] }, /is not a private key in PEM format without a passphrase/);
});

test('a chain in the wrong order, or with a gap in it', async () => {
  const middle = new Authority(root.directory, 'Stentor middle', root);
  const leaf = middle.issue(['leaf.example']);
  const [first, second] = fs.readFileSync(leaf.chain, 'utf8').match(/-----BEGIN[^]*?END CERTIFICATE-----\n/g);
  const turned = write('turned.pem', second + first);
  const gap = write('gap.pem', first + fs.readFileSync(root.certificate, 'utf8'));
  await assertMistake({ certificates: [{ chain: turned, key: leaf.key }] }, /the key in .* is not that of the certificate/);
  await assertMistake({ certificates: [{ chain: gap, key: leaf.key }] }, /behind certificate 1 must stand that of its issuer, CN=Stentor middle, and not that of CN=Stentor test root/);
});

test('what works and is probably not meant is a warning', async () => {
  const middle = new Authority(root.directory, 'Stentor other middle', root);
  const leaf = middle.issue(['leaf.example']);
  const short = write('short.pem', fs.readFileSync(leaf.chain, 'utf8').replace(/(END CERTIFICATE-----\n)[^]*/, '$1'));
  const open = root.issue(['open.example']);
  fs.chmodSync(open.key, 0o644);
  const cases = [
    [{ chain: short, key: leaf.key }, /short\.pem: the chain is not complete: the certificate of CN=Stentor other middle is missing/],
    [root.issue(['old.example'], { from: -10, days: -1 }), /the certificate has expired on \d{4}-\d\d-\d\d .*; clients will refuse it/],
    [root.issue(['soon.example'], { days: 13 }), /the certificate expires on .*; renew it/],
    [root.issue(['early.example'], { from: 2, days: 20 }), /is not valid yet; is the clock right\?/],
    [root.issue(['stale.example'], { ocsp: -1 }), /the OCSP response is out of date, and will not be stapled/],
    [open, /open_example.*key can be read by everybody on this machine; chmod o= it/],
  ];
  for (const [certificate, pattern] of cases) {
    const { code, stdout, stderr } = await check({ certificates: [certificate] });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /: good\n$/);
    assert.match(stderr, pattern);
  }
});

test('a certificate that leads to a root which the system knows is no reason for a warning', async () => {
  const file = write('trusted.conf', formatConfig({ listeners: [{ address: '127.0.0.1', port: 0, tls: { certificates: [good] } }] }));
  const { code, stderr } = await run('stentord', ['-t', '-c', file], { env: { SSL_CERT_FILE: root.certificate } });
  assert.deepEqual([code, stderr], [0, '']);
});
