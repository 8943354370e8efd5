// Listeners that speak TLS, seen by openssl's own client: versions, names, tickets, certificates.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Duplex } from 'node:stream';
import test from 'node:test';
import tls from 'node:tls';

import { Authority } from './lib/certificates.mjs';
import { request } from './lib/http.mjs';
import { run, start } from './lib/program.mjs';
import { sClient, shown } from './lib/s-client.mjs';
import { defaults, KEY, withServer } from './lib/stentord.mjs';
import { event, timeFactor, until } from './lib/wait.mjs';

const root = Authority.temporary();
process.on('exit', () => fs.rmSync(root.directory, { recursive: true }));
const local = root.issue(['localhost', '127.0.0.1']);

const GET = 'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

const listener = (settings = {}, more = {}) =>
  ({ address: '127.0.0.1', port: 0, tls: { certificates: [local], ...settings }, ...more });

// The configuration of a server with these listeners, of which the last is that for admins.
const config = (listeners, more = {}) => ({ listeners: [...listeners, defaults.listeners[1]], ...more });

const withTls = (settings, fn, more) => withServer(config([listener(settings)], more), fn);

// One request through s_client, which verifies the server.
const get = (where, ...args) => sClient(where, ['-CAfile', root.certificate, '-verify_return_error', '-ign_eof', ...args], GET);

const isAnswered = ({ output }) => /^HTTP\/1\.1 404 /m.test(output);

function assertAnswered(result, what = 'a request') {
  assert.ok(isAnswered(result), `${what} is answered: ${result.output}`);
}

// What the certificate that a client got is for.
async function nameAt(where, ...args) {
  const { output } = await get(where, ...args);
  return shown(output, 'subject')?.replace(/^CN *= */, '');
}

// --- Versions, ciphers, protocols

test('TLS 1.2 and 1.3 work, and nothing older', withTls({}, async (server) => {
  const plain = await get(server.clients, '-tls1_3');
  assertAnswered(plain, 'TLS 1.3');
  assert.match(plain.output, /New, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/, 'the server chooses');
  assert.match(plain.output, /Verify return code: 0/);
  assertAnswered(await get(server.clients, '-tls1_2'), 'TLS 1.2');
  const old = await get(server.clients, '-tls1_1', '-cipher', 'ALL@SECLEVEL=0');
  assert.match(old.output, /alert protocol version/);
  await server.untilClosed('tls_unsupported');
  assert.equal(await server.metric('tls_handshakes_total'), 2);
  assert.equal(await server.metric('tls_failures_total'), 1);
}));

test('min_version "1.3" refuses TLS 1.2', withTls({ min_version: '1.3' }, async (server) => {
  assertAnswered(await get(server.clients, '-tls1_3'));
  assert.match((await get(server.clients, '-tls1_2')).output, /alert protocol version/);
}));

test('ciphers, ciphersuites and curves are those of the configuration', withTls({
  ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305', ciphersuites: 'TLS_CHACHA20_POLY1305_SHA256', curves: 'P-384',
}, async (server) => {
  const { output } = await get(server.clients, '-tls1_3');
  assert.match(output, /Cipher is TLS_CHACHA20_POLY1305_SHA256/);
  assert.match(output, /Server Temp Key: ECDH, (P-384|secp384r1)/);
  assert.match((await get(server.clients, '-tls1_2')).output, /Cipher is ECDHE-ECDSA-CHACHA20-POLY1305/);
  assert.match((await get(server.clients, '-tls1_3', '-groups', 'X25519')).output, /handshake failure/);
  assert.match((await get(server.clients, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')).output, /handshake failure/);
  await server.untilClosed('tls_unsupported', 2);
}));

test('by default the exchange is that of X25519, and without RSA encryption', withTls({}, async (server) => {
  assert.match((await get(server.clients)).output, /Server Temp Key: X25519/);
  assert.match((await get(server.clients, '-tls1_2', '-cipher', 'AES128-GCM-SHA256:AES128-SHA')).output, /handshake failure/);
}));

// Whether the server's kernel can seal records: known once a server has asked it.
const kernelSeals = () => fs.readFileSync('/proc/sys/net/ipv4/tcp_available_ulp', 'utf8').split(/\s+/).includes('tls');

for (const ktls of ['auto', 'on', 'off']) {
  test(`ktls "${ktls}": what is sent arrives, and what became of it is told`, withTls({ ktls }, async (server) => {
    const sealed = kernelSeals() && ktls !== 'off';
    const told = sealed ? 'on' : ktls === 'off' ? 'off' : 'unavailable: the kernel does not offer it (modprobe tls)';
    const clients = [await server.native('room=a', { ca: fs.readFileSync(root.certificate) })];
    clients.push(await server.native('room=a', { ca: fs.readFileSync(root.certificate), maxVersion: 'TLSv1.2' }));
    const large = 'x'.repeat(100_000); // several records

    for (const data of [1, large, 2]) await server.publish({ room: 'a', event: 'e', data });
    for (const client of clients) assert.deepEqual((await client.nextMany(3)).map(({ data }) => data), [1, large, 2]);
    assert.equal((await server.status()).ktls, told);
    const { stdout } = await run('stentorctl', ['-s', `http://127.0.0.1:${server.admin.port}`, 'status']);
    assert.equal(/^ktls +(.*)$/m.exec(stdout)[1], told);
    assert.equal(await server.metric('tls_kernel_connections'), sealed ? 2 : 0);
    for (const client of clients) client.destroy();
    await server.untilMetric('tls_connections', 0);
    assert.equal(await server.metric('tls_kernel_connections'), 0);
    assert.equal(/ktls is "on", but unavailable: the kernel/.test(server.log), ktls === 'on' && !sealed);
  }));
}

test('without TLS nothing is told about ktls', withServer({ listeners: defaults.listeners.map((one) => ({ ...one, tls: undefined })) }, async (server) => {
  assert.equal('ktls' in await server.status(), false);
}));

test('ALPN: http/1.1, or no connection', withTls({}, async (server) => {
  assert.match((await get(server.clients, '-alpn', 'h2,http/1.1')).output, /ALPN protocol: http\/1\.1/);
  assert.match((await get(server.clients)).output, /No ALPN negotiated/);
  assert.match((await get(server.clients, '-alpn', 'h2')).output, /no application protocol/);
  await server.untilClosed('tls_unsupported');
}));

// --- Certificates

test('by the name that a client asks for, it gets a certificate', async (t) => {
  const certificates = [['first.example', '*.apps.example'], ['one.apps.example', 'second.example']].map((names) => root.issue(names));
  await withTls({ certificates }, async (server) => {
    const cases = [
      ['first.example', 'first.example'],
      ['SECOND.Example', 'one.apps.example'],
      ['any.apps.example', 'first.example'],
      ['one.apps.example', 'one.apps.example'], // the name itself comes before the wildcard
      ['deep.any.apps.example', 'first.example'], // a wildcard stands for one label; this is the default
      ['apps.example', 'first.example'],
      ['unknown.example', 'first.example'],
    ];
    for (const [asked, got] of cases) assert.equal(await nameAt(server.clients, '-servername', asked), got, asked);
    assert.equal(await nameAt(server.clients, '-noservername'), 'first.example');
  })(t);
});

test('a name may have certificates of several kinds', async (t) => {
  const certificates = [
    root.issue(['a.example', 'both.example']), root.issue(['both.example'], { kind: 'rsa' }), root.issue(['b.example'], { kind: 'rsa' }),
  ];
  await withTls({ certificates }, async (server) => {
    const kindFor = async (name, ...args) => shown((await get(server.clients, '-servername', name, '-tls1_2', ...args)).output, 'Peer signature type');
    const rsa = ['-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'];
    const ecdsa = ['-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
    assert.match(await kindFor('both.example', ...rsa), /RSA/);
    assert.match(await kindFor('both.example', ...ecdsa), /ECDSA/);
    assert.match(await kindFor('both.example'), /ECDSA/, 'the cheaper one');
    assert.equal(await kindFor('a.example', ...rsa), undefined);
    assert.match(await kindFor('b.example', ...rsa), /RSA/);
    assert.equal(await kindFor('b.example', ...ecdsa), undefined);
    assert.match(await kindFor('unknown.example', ...ecdsa), /ECDSA/);
  })(t);
});

test('the chain is sent as it stands in the file', async (t) => {
  const middle = new Authority(root.directory, 'Stentor test middle', root);
  await withTls({ certificates: [middle.issue(['chain.example'])] }, async (server) => {
    const result = await get(server.clients, '-showcerts');
    assertAnswered(result, 'who trusts the root alone');
    assert.equal(result.output.match(/BEGIN CERTIFICATE/g).length, 2);
  })(t);
});

test('an OCSP response is stapled, unless it is out of date', async (t) => {
  const certificates = [root.issue(['good.example'], { ocsp: 7 }), root.issue(['old.example'], { ocsp: -1 }), root.issue(['none.example'])];
  await withTls({ certificates }, async (server) => {
    const stapled = async (name) => (await get(server.clients, '-servername', name, '-status')).output;
    assert.match(await stapled('good.example'), /OCSP Response Status: successful[^]*Cert Status: good/);
    await server.untilLog(/old_example.*: the OCSP response is out of date/);
    assert.match(await stapled('old.example'), /OCSP response: no response sent/);
    assert.match(await stapled('none.example'), /OCSP response: no response sent/);
  })(t);
});

test('/metrics tells when certificates expire', async (t) => {
  const soon = root.issue(['soon.example'], { days: 3 });
  await withTls({ certificates: [soon] }, async (server) => {
    const { text } = await request(server.admin, '/metrics');
    const seconds = /^stentor_tls_certificate_expiry_seconds\{listener="127\.0\.0\.1:0",file="[^"]*soon_example[^"]*"\} (\d+)$/m.exec(text)[1];
    assert.ok(Math.abs(Number(seconds) - (Date.now() / 1000 + 3 * 86400)) < 100, seconds);
    await server.untilLog(/warning config: .*soon_example.*: the certificate expires on .*; renew it/);
  })(t);
});

// --- Sessions

// Makes a ticket with one connection, and says whether a second one was short because of it.
async function resumes(first, second, version, file = path.join(root.directory, `session-${version}`)) {
  fs.rmSync(file, { force: true });
  assertAnswered(await get(first, version, '-sess_out', file));
  if (!fs.existsSync(file)) return false;
  const again = await get(second, version, '-sess_in', file);
  assertAnswered(again, 'the second time');
  return /^Reused, /m.test(again.output);
}

for (const version of ['-tls1_2', '-tls1_3']) {
  test(`a ticket makes the next handshake short (${version})`, withTls({}, async (server) => {
    assert.equal(await resumes(server.clients, server.clients, version), true);
    assert.equal(await server.metric('tls_resumed_total'), 1);
    assert.equal(await server.metric('tls_handshakes_total'), 2);
  }));

  test(`tickets are good on every I/O thread (${version})`, withServer(config([listener()], { io_threads: 4 }), async (server) => {
    const file = path.join(root.directory, `threads-${version}`);
    assertAnswered(await get(server.clients, version, '-sess_out', file));
    for (let i = 1; i <= 8; i++) {
      assert.match((await get(server.clients, version, '-sess_in', file)).output, /^Reused, /m);
    }
  }));

  test(`without tickets there are none (${version})`, withTls({ tickets: false }, async (server) => {
    assert.equal(await resumes(server.clients, server.clients, version), false);
  }));

  test(`the keys of tickets change, and old ones are forgotten (${version})`, withTls({}, async (server) => {
    const file = path.join(root.directory, `rotation-${version}`);
    assertAnswered(await get(server.clients, version, '-sess_out', file));
    assert.match((await get(server.clients, version, '-sess_in', file)).output, /^Reused, /m);
    await until(async () => /^New, /m.test((await get(server.clients, version, '-sess_in', file)).output), 'the end of the ticket', 30_000);
  }, { ticket_rotation: 2 * timeFactor }));

  test(`servers that share a file with keys take each other's tickets (${version})`, async (t) => {
    const keys = path.join(root.directory, `keys-${version}`);
    fs.writeFileSync(keys, Buffer.alloc(80, 7));
    const older = path.join(root.directory, `older-${version}`);
    fs.writeFileSync(older, Buffer.concat([Buffer.alloc(80, 8), Buffer.alloc(80, 7)]));
    await withServer(config([listener({ ticket_keys: keys }), listener({ ticket_keys: older }), listener()]), async (server) => {
      const [one, other, alone] = server.listeners.clients;
      assert.equal(await resumes(one, other, version), true, 'the second key of the file opens, too');
      assert.equal(await resumes(other, one, version), false, 'a key that is not in the file');
      assert.equal(await resumes(one, alone, version), false);
    })(t);
  });
}

// --- Clients' certificates

const clients = { client_certificates: 'required', client_ca: root.certificate };

test('client_certificates "required": who shows none, or a stranger\'s, is refused', async (t) => {
  const guest = root.issue(['a guest']);
  const stranger = Authority.temporary(t).issue(['a stranger']);
  await withTls(clients, async (server) => {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const welcome = await get(server.clients, version, '-cert', guest.chain, '-key', guest.key);
      assertAnswered(welcome, 'a client with a certificate');
      assert.ok(!isAnswered(await get(server.clients, version)), 'a client without');
      assert.ok(!isAnswered(await get(server.clients, version, '-cert', stranger.chain, '-key', stranger.key)));
    }
    await server.untilClosed('tls_certificate', 4);
    await server.untilLog(/info tls: 127\.0\.0\.1:\d+ is CN=a guest/);
  })(t);
});

test('client_certificates "optional": who shows none is served, a stranger is not', async (t) => {
  const stranger = Authority.temporary(t).issue(['a stranger']);
  await withTls({ ...clients, client_certificates: 'optional' }, async (server) => {
    assertAnswered(await get(server.clients));
    assert.ok(!isAnswered(await get(server.clients, '-cert', stranger.chain, '-key', stranger.key)));
  })(t);
});

test('a ticket of one listener opens none that wants to see a certificate', async (t) => {
  const keys = path.join(root.directory, 'keys-shared');
  fs.writeFileSync(keys, Buffer.alloc(80, 1));
  await withServer(config([listener({ ticket_keys: keys }), listener({ ...clients, ticket_keys: keys })]), async (server) => {
    const [open, closed] = server.listeners.clients;
    for (const version of ['-tls1_2', '-tls1_3']) {
      const file = path.join(root.directory, `session-scope-${version}`);
      assertAnswered(await get(open, version, '-sess_out', file));
      assert.ok(!isAnswered(await get(closed, version, '-sess_in', file)));
    }
  })(t);
});

// --- What clients should not do

test('renegotiation is refused', withTls({}, async (server) => {
  const { output } = await sClient(server.clients, ['-tls1_2'], async (stdin, soFar) => {
    await until(() => /Verify return code/.test(soFar()), 'the handshake');
    stdin.write('R\n');
    await until(() => /RENEGOTIATING[^]*(error|closed)/.test(soFar()), 'an answer');
  });
  assert.match(output, /no renegotiation/);
  assertAnswered(await get(server.clients), 'the next client');
}));

// Has s_client change its keys: `k` its own, `K` also asks for others from the server; and then ask.
const withOtherKeys = (server, command) => sClient(server.clients, ['-tls1_3'], async (stdin, soFar) => {
  await until(() => /Verify return code/.test(soFar()), 'the handshake');
  stdin.write(`${command}\n`);
  await until(() => /KEYUPDATE/.test(soFar()), 'the change');
  stdin.write(GET.replaceAll('\r\n', '\n'));
  await until(() => /HTTP\/1\.1 \d+|^closed|errno=|:error:/m.test(soFar()), 'an answer');
});

test('a client may change its keys', withTls({ ktls: 'off' }, async (server) => {
  for (const command of ['k', 'K']) assert.match((await withOtherKeys(server, command)).output, /HTTP\/1\.1 (400|404)/);
}));

test('where the kernel seals, a client that asks for other keys is disconnected', withTls({ ktls: 'on' }, async (server, t) => {
  if (!kernelSeals()) {
    t.skip('this kernel does not');
    return;
  }
  assert.match((await withOtherKeys(server, 'k')).output, /HTTP\/1\.1 (400|404)/);
  assert.doesNotMatch((await withOtherKeys(server, 'K')).output, /HTTP\/1\.1/);
  await server.untilClosed('tls_error');
}));

const tcp = ({ host, port }) => ({ host, port });

test('plain HTTP where TLS is wanted is told so', withTls({}, async (server) => {
  const answer = await request(tcp(server.clients), '/');
  assert.deepEqual([answer.status, answer.text], [400, 'This port speaks TLS: the address begins with https:// or wss://\n']);
  await server.untilClosed('tls_http');
}));

// The first bytes that a client sends.
async function clientHello() {
  const trap = net.createServer().listen(0, '127.0.0.1');
  await event(trap, 'listening');
  const socket = tls.connect({ host: '127.0.0.1', port: trap.address().port, rejectUnauthorized: false });
  socket.on('error', () => {});
  const near = await event(trap, 'connection');
  const bytes = await event(near, 'data');
  socket.destroy();
  near.destroy();
  trap.close();
  return bytes;
}

test('handshakes that end in the middle, or make no sense, are closed', withTls({}, async (server) => {
  const hello = await clientHello();
  for (const size of [1, 5, 6, hello.length - 1, hello.length]) {
    const raw = await server.raw(tcp(server.clients));
    raw.write(hello.subarray(0, size)).end();
    await raw.readToEnd();
  }
  await server.untilClosed('peer', 5);
  for (const bytes of [Buffer.alloc(100, 0x16), Buffer.from('\x16\x03\x01\x00\x05hello', 'latin1'), hello.map((byte, i) => (i > 20 ? 255 - byte : byte))]) {
    const raw = await server.raw(tcp(server.clients));
    raw.write(bytes);
    await raw.readToEnd();
    raw.end();
  }
  await until(async () => (await server.metric('tls_failures_total')) >= 3, 'three failures');
  assertAnswered(await get(server.clients), 'the next client');
}));

// A TLS client on a TCP connection through which `send(chunk, tcp)` passes what it writes.
async function clientThrough(server, send) {
  const { socket: below } = await server.raw(tcp(server.clients));
  below.removeAllListeners('data');
  const way = new Duplex({ read() {}, write: (chunk, _, done) => void Promise.resolve(send(chunk, below)).then(() => done()) });
  below.on('data', (chunk) => way.push(chunk));
  below.on('end', () => way.push(null));
  const socket = tls.connect({ socket: way, ca: fs.readFileSync(root.certificate), servername: 'localhost' });
  socket.on('error', () => {});
  server.closeLater(socket);
  await event(socket, 'secureConnect');
  return socket;
}

test('handshakes one byte at a time work', withTls({}, async (server) => {
  const socket = await clientThrough(server, async (chunk, below) => {
    for (const byte of chunk) {
      below.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  });
  socket.write(GET);
  assert.match(String(await event(socket, 'data')), /^HTTP\/1\.1 404 /);
}));

test('bytes that were changed on the way end the connection', withTls({}, async (server) => {
  let harm = false;
  const socket = await clientThrough(server, (chunk, below) => {
    if (harm) chunk[chunk.length - 1] ^= 1;
    below.write(chunk);
  });
  harm = true;
  socket.write(GET);
  await server.untilClosed('tls_error');
}));

test('handshake_timeout: who does not get ready in time is closed', withTls({ handshake_timeout: 1 }, async (server) => {
  const hello = await clientHello();
  const silent = await server.raw(tcp(server.clients));
  const halfway = await server.raw(tcp(server.clients));
  halfway.write(hello);
  await Promise.all([silent.readToEnd(), halfway.readToEnd()]);
  await server.untilClosed('tls_timeout', 2);
}));

test('a client that does not trust the server is counted as such', async (t) => {
  const stranger = Authority.temporary(t);
  await withTls({}, async (server) => {
    const { output } = await sClient(server.clients, ['-CAfile', stranger.certificate, '-verify_return_error'], GET);
    assert.match(output, /verify error/);
    await server.untilClosed('tls_refused');
  })(t);
});

// --- stentorctl

test('stentorctl verifies the server: -C says whom to trust, -I anybody', async (t) => {
  const elsewhere = root.issue(['elsewhere.example']);
  await withServer(config([listener(), listener({ certificates: [elsewhere] })]), async (server) => {
    const [good, wrong] = server.listeners.clients.map(({ host, port }) => `https://${host}:${port}`);
    const publish = (url, args, env) =>
      run('stentorctl', ['-s', url, '-k', KEY, ...args, 'publish', 'e'], { env: { STENTOR_CA: '', ...env } });
    const refused = await publish(good, []);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /certificate.*; -C names a file with the certificate to trust/);
    assert.equal((await publish(good, ['-C', root.certificate])).code, 0);
    assert.equal((await publish(good, [], { STENTOR_CA: root.certificate })).code, 0);
    assert.equal((await publish(wrong, ['-C', root.certificate])).code, 1, 'the name has to fit, too');
    assert.equal((await publish(wrong, ['-I'])).code, 0);
  })(t);
});

test('stentorctl -E shows a client certificate', async (t) => {
  const guest = root.issue(['a guest']);
  const both = path.join(root.directory, 'both.pem');
  fs.writeFileSync(both, fs.readFileSync(guest.chain, 'utf8') + fs.readFileSync(guest.key, 'utf8'));
  await withTls(clients, async (server) => {
    const args = ['-s', `https://127.0.0.1:${server.clients.port}`, '-k', KEY, '-C', root.certificate];
    assert.equal((await run('stentorctl', [...args, 'publish', 'e'])).code, 1);
    assert.equal((await run('stentorctl', [...args, '-E', both, 'publish', 'e'])).code, 0);
    const watcher = start('stentorctl', [...args, '-E', both, 'watch']);
    server.closeLater(watcher, () => {
      watcher.kill('SIGKILL');
      return watcher.exit;
    });
    await until(() => /watching/.test(watcher.stderr), () => `a start of watch: ${watcher.stderr}`);
    await server.publish({ event: 'news' });
    await until(() => /"event":"news"/.test(watcher.stdout), 'the message');
  })(t);
});

// --- Many at once

test('when many connect at once, handshakes wait in line, and all are served', withTls({}, async (server) => {
  const options = { ...tcp(server.clients), ca: fs.readFileSync(root.certificate), servername: 'localhost' };
  const sockets = Array.from({ length: 300 }, () => server.closeLater(tls.connect(options)));
  await Promise.all(sockets.map((socket) => event(socket, 'secureConnect', 30_000)));
  assert.equal(await server.metric('tls_connections'), 300);
  sockets.forEach((socket, i) => (i % 2 ? socket.destroy() : socket.end()));
  await server.untilMetric('tls_connections', 0);
  assert.equal(await server.metric('tls_handshakes_total'), 300);
  assert.ok((await server.metric('tls_waited_total')) > 0);
}));

test('who leaves while it waits in line is forgotten', withTls({}, async (server) => {
  const hello = await clientHello();
  const raws = await Promise.all(Array.from({ length: 200 }, () => server.raw(tcp(server.clients))));
  raws.forEach((raw) => raw.write(hello));
  raws.forEach((raw) => raw.reset());
  await server.untilMetric('tls_connections', 0);
  await server.untilMetric('connections', 1);
  assertAnswered(await get(server.clients), 'the next client');
}));
