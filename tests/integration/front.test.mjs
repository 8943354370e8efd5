// What stands in front of a server elsewhere: redirects to https, HSTS, and the header by which a
// balancer tells whom it speaks for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';

import { Authority } from './lib/certificates.mjs';
import { formatConfig } from './lib/config.mjs';
import { request } from './lib/http.mjs';
import { PollingSession } from './lib/polling-session.mjs';
import { run } from './lib/program.mjs';
import { defaults, Stentord, withServer } from './lib/stentord.mjs';
import { event } from './lib/wait.mjs';

const root = Authority.temporary();
process.on('exit', () => fs.rmSync(root.directory, { recursive: true }));
const certificates = [root.issue(['localhost', '127.0.0.1'])];
const trust = { ca: fs.readFileSync(root.certificate) };

const local = { address: '127.0.0.1', port: 0 };
const secure = { ...local, tls: { certificates } };

const withListeners = (listeners, fn, more = {}) => withServer({ listeners: [...listeners, defaults.listeners[1]], ...more }, fn);

// --- Redirects

const plain = { ...local, tls: undefined }; // also when all other tests go through TLS

test('http = "redirect" sends everything to https', withListeners([{ ...plain, http: 'redirect' }], async (server) => {
  const cases = [
    ['/', 'www.example.org', 'https://www.example.org/'],
    ['/a/b?c=%20d&e', 'www.example.org:8080', 'https://www.example.org/a/b?c=%20d&e'],
    ['/x', '[2001:db8::1]:80', 'https://[2001:db8::1]/x'],
    ['/socket.io/?EIO=4&transport=polling', 'Live.Example', 'https://Live.Example/socket.io/?EIO=4&transport=polling'],
  ];
  for (const [target, Host, location] of cases) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { status, headers } = await server.get(target, { method, headers: { Host } });
      assert.deepEqual([status, headers.location], [308, location]);
    }
  }
}));

test('https_port is where the redirect leads', withListeners([{ ...plain, http: 'redirect', https_port: 8443 }], async (server) => {
  const { headers } = await server.get('/x', { headers: { Host: 'a.example' } });
  assert.equal(headers.location, 'https://a.example:8443/x');
}));

test('a redirect leads nowhere that the request has not named properly', withListeners([{ ...plain, http: 'redirect' }], async (server) => {
  for (const head of ['Host: ', 'Host: a b', 'Host: a/b', 'Host: x@y', 'Host: :80', 'Host: a"b']) {
    const raw = await server.raw();
    raw.write(`GET / HTTP/1.1\r\n${head}\r\n\r\n`);
    assert.equal((await raw.readResponse()).status, 400, head);
  }
  const raw = await server.raw();
  raw.write('GET http://elsewhere.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n');
  assert.equal((await raw.readResponse()).status, 400);
}));

test('requests behind a redirected one are redirected, too', withListeners([{ ...plain, http: 'redirect' }], async (server) => {
  const raw = await server.raw();
  raw.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  for (const path of ['/1', '/2']) assert.equal((await raw.readResponse()).headers.location, `https://a${path}`);
}));

// --- HSTS, cookies

test('hsts is told through TLS alone', withListeners([secure, plain], async (server) => {
  const [https, http] = server.listeners.clients;
  const answer = await request({ ...https, ...trust }, '/nothing');
  assert.equal(answer.headers['strict-transport-security'], 'max-age=31536000');
  assert.equal((await request(http, '/nothing')).headers['strict-transport-security'], undefined);
}, { hsts: 31_536_000 }));

test('the sticky cookie is secure where the connection is', withListeners([secure, plain], async (server) => {
  const [https, http] = server.listeners.clients;
  const cookie = async (listener) => (await PollingSession.open(listener)).handshake.headers['set-cookie'][0];
  assert.match(await cookie({ ...https, ...trust }), /^io=.*; Secure$/);
  assert.doesNotMatch(await cookie(http), /Secure/);
}, { sticky_cookie: 'io' }));

// --- The PROXY protocol

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const binary = (command, kind, payload) =>
  Buffer.concat([SIGNATURE, Buffer.of(command, kind, payload.length >> 8, payload.length & 255), payload]);
const headers = {
  'version 1': [Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.2 56324 443\r\n'), '192.0.2.7:56324'],
  'version 1, IPv6': [Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::2 4711 443\r\n'), '[2001:db8::7]:4711'],
  'version 2': [binary(0x21, 0x11, Buffer.from('c0000208c6336402dc0401bb', 'hex')), '192.0.2.8:56324'],
  'version 2, with values': [binary(0x21, 0x11, Buffer.from('c0000209c6336402dc0401bb04000400000000', 'hex')), '192.0.2.9:56324'],
};

const GET = 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n';
const quiet = { log_level: 'debug', header_timeout: 1 };
const tcp = ({ host, port }) => ({ host, port });

for (const [name, [header, client]] of Object.entries(headers)) {
  test(`proxy_protocol: the client is whom the header names (${name})`, withListeners([{ ...plain, proxy_protocol: true }], async (server) => {
    for (const pieces of [[header, GET], [Buffer.concat([header, Buffer.from(GET)])], [...header].map((byte) => Buffer.of(byte)).concat(GET)]) {
      const raw = await server.raw();
      for (const piece of pieces) {
        raw.write(piece);
        await new Promise(setImmediate);
      }
      assert.equal((await raw.readResponse()).status, 404);
      await raw.destroy();
    }
    const line = new RegExp(`${client.replace(/[.[\]]/g, '\\$&')} closed`, 'g');
    await server.untilLog(line);
  }, quiet));
}

test('proxy_protocol: headers that name nobody leave the balancer\'s address', withListeners([{ ...plain, proxy_protocol: true }], async (server) => {
  for (const header of ['PROXY UNKNOWN\r\n', binary(0x20, 0, Buffer.alloc(0)), binary(0x21, 0, Buffer.alloc(0))]) {
    const raw = await server.raw();
    raw.write(header).write(GET);
    assert.equal((await raw.readResponse()).status, 404);
  }
}, quiet));

test('proxy_protocol: without a header, or with a wrong one, there is no connection', withListeners([{ ...plain, proxy_protocol: true }], async (server) => {
  for (const bytes of [GET, 'PROXY nonsense\r\n', binary(0x22, 0x11, Buffer.alloc(12)), binary(0x21, 0x11, Buffer.alloc(3)), Buffer.alloc(200, 'P')]) {
    const raw = await server.raw();
    raw.write(bytes);
    await raw.readToEnd();
    assert.equal(raw.buffer.length, 0);
  }
  await server.untilClosed('proxy_error', 5);
  const half = await server.raw();
  half.write('PROXY TCP4 ');
  const silent = await server.raw();
  await Promise.all([half.readToEnd(), silent.readToEnd()]);
  await server.untilClosed('header_timeout', 2);
}, quiet));

test('proxy_protocol: the header comes before TLS', withListeners([{ ...secure, proxy_protocol: true }], async (server) => {
  for (const [header, client] of Object.values(headers)) {
    const below = net.connect(tcp(server.clients));
    below.write(header);
    const socket = server.closeLater(tls.connect({ socket: below, ca: fs.readFileSync(root.certificate), servername: 'localhost' }));
    await event(socket, 'secureConnect');
    socket.write(GET);
    assert.match(String(await event(socket, 'data')), /^HTTP\/1\.1 404 /);
    socket.destroy();
    await server.untilLog(new RegExp(`${client.replace(/[.[\]]/g, '\\$&')} closed`));
  }
  const naked = tls.connect({ ...tcp(server.clients), ca: fs.readFileSync(root.certificate), servername: 'localhost' });
  await event(naked, 'error');
  await server.untilClosed('proxy_error');
}, quiet));

test('when the server stops, who has not sent a header yet is no hindrance', async () => {
  const server = await Stentord.start({ listeners: [{ ...plain, proxy_protocol: true }, defaults.listeners[1]] });
  const raw = await server.raw();
  raw.write('PROXY ');
  await server.untilMetric('connections', 2);
  server.terminate();
  await server.ended();
  await raw.destroy();
});

// --- Mistakes

test('what does not go together is a mistake', async () => {
  const cases = [
    [{ http: 'elsewhere' }, /http must be "serve" or "redirect"/],
    [{ http: true }, /http must be "serve" or "redirect"/],
    [{ http: 'redirect', https_port: 0 }, /https_port must be a number from 1 to 65535/],
    [{ http: 'redirect', admin: true }, /neither for admins nor for TLS/],
    [{ http: 'redirect', tls: { certificates } }, /neither for admins nor for TLS/],
    [{ proxy_protocol: 1 }, /proxy_protocol must be true or false/],
  ];
  for (const [settings, pattern] of cases) {
    const file = `${root.directory}/front.conf`;
    fs.writeFileSync(file, formatConfig({ listeners: [{ ...local, ...settings }] }));
    const { code, stderr } = await run('stentord', ['-t', '-c', file]);
    assert.equal(code, 1, JSON.stringify(settings));
    assert.match(stderr, pattern);
  }
});
