// What comes over HTTP that is not as it should be, and static files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { handshake, opcode, RawWebSocket } from './lib/raw-websocket.mjs';
import { Stentord, withServer } from './lib/stentord.mjs';

// Sends bytes and returns the answer, which must be an error with a message.
async function refusal(server, bytes, status) {
  const raw = await server.raw();
  raw.write(bytes);
  const answer = await raw.readResponse();
  const what = `${JSON.stringify(bytes.toString('latin1').slice(0, 60))}: ${answer.text}`;
  assert.equal(answer.status, status, what);
  assert.ok(answer.json().message.length > 8, what);
  return { raw, answer };
}

const get = (target, headers = '') => Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);

test('what is no HTTP is answered with 400 and the connection is closed', withServer({}, async (server) => {
  const garbage = [
    'garbage\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00', '\0\0\0\0', 'GET\r\n\r\n', 'GET / HTP/1.1\r\n\r\n',
    ' GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nno colon\r\n\r\n', 'GET / HTTP/1.1\r\n: no name\r\n\r\n', 'GET / HTTP/1.1\r\nA b: c\r\n\r\n',
    'GET / HTTP/1.1\r\nA: b\0c\r\n\r\n',
    'POST /publish/a/e HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'POST /publish/a/e HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 'POST /publish/a/e HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n',
    'POST /publish/a/e HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n',
    'POST /publish/a/e HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'POST /publish/a/e HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n',
  ];
  for (const text of garbage) {
    const { raw } = await refusal(server, Buffer.from(text, 'latin1'), 400);
    await raw.readToEnd();
    raw.end();
  }

  assert.equal(await server.metric('http_errors_total'), garbage.length);
  await server.untilClosed('http_error', garbage.length);
  await server.untilMetric('connections', 1);
}));

test('bad chunks are a 400', withServer({}, async (server) => {
  for (const chunk of ['zz\r\n', '5\r\nabcdefgh\r\n', '-1\r\n', 'fffffffffffffffff\r\n']) {
    const raw = await server.raw(server.admin);
    raw.write(`POST /publish/a/e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`);
    assert.equal((await raw.readResponse()).status, 400, chunk);
    await raw.readToEnd();
  }
}));

test('other versions of HTTP are a 505', withServer({}, async (server) => {
  await refusal(server, Buffer.from('GET / HTTP/2.0\r\n\r\n'), 505);
  await refusal(server, Buffer.from('GET / HTTP/1.2\r\n\r\n'), 505);
  await refusal(server, Buffer.from('GET / HTTP/9.9\r\n\r\n'), 505);
  await refusal(server, Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 505);
}));

test('max_target_size: a longer target is a 414', withServer({ max_target_size: 100 }, async (server) => {
  await refusal(server, get(`/${'x'.repeat(99)}`), 404);
  await refusal(server, get(`/${'x'.repeat(100)}`), 414);
  await refusal(server, Buffer.from(`GET /${'x'.repeat(5000)}`), 414);
  assert.equal((await server.get(`/ws?${'x'.repeat(200)}`)).json().error, 'too_large');
}));

test('max_header_size: larger headers are a 431, also before they end', withServer({ max_header_size: 512 }, async (server) => {
  await refusal(server, get('/', `A: ${'x'.repeat(400)}\r\n`), 404);
  await refusal(server, get('/', `A: ${'x'.repeat(520)}\r\n`), 431);
  await refusal(server, get('/', `${'x'.repeat(520)}: 1\r\n`), 431);
  await refusal(server, Buffer.from(`GET / HTTP/1.1\r\n${'A: xxxxxxxx\r\n'.repeat(60)}`), 431);
}));

test('too many headers are a 431', withServer({ max_header_size: 65536 }, async (server) => {
  await refusal(server, get('/', 'A: 1\r\n'.repeat(5000)), 431);
}));

test('unknown paths are 404, other methods 405 with Allow', withServer({}, async (server) => {
  for (const target of ['/', '/nothing', '/wsx', '/ws/', '/publishing', '/socket.io', '/socket.io/x', '/echo/']) {
    assert.equal((await server.get(target)).status, 404, target);
  }
  const allow = { '/ws': 'GET', '/events': 'GET, OPTIONS', '/publish': 'POST' };
  for (const [target, methods] of Object.entries(allow)) {
    const answer = await server.get(target, { method: 'DELETE' });
    assert.equal(answer.status, 405, target);
    assert.equal(answer.headers.allow, methods);
    assert.match(answer.json().message, /Allow/);
  }
  await refusal(server, Buffer.from('BREW / HTTP/1.1\r\nHost: x\r\n\r\n'), 400);
}));

test('targets in absolute or asterisk form do no harm', withServer({}, async (server) => {
  for (const line of ['GET http://x/ws HTTP/1.1', 'OPTIONS * HTTP/1.1', 'CONNECT x:80 HTTP/1.1', 'GET /%00 HTTP/1.1']) {
    const raw = await server.raw();
    raw.write(`${line}\r\nHost: x\r\n\r\n`);
    const { status } = await raw.readResponse();
    assert.ok(status >= 400 && status < 500, `${line}: ${status}`);
  }
  assert.equal(await server.metric('handshakes_total'), 0);
}));

test('a plain request to a WebSocket path is a 426', withServer({}, async (server) => {
  const { answer } = await refusal(server, get('/ws'), 426);

  assert.equal(answer.headers.upgrade, 'websocket');
  assert.equal(answer.headers['sec-websocket-version'], undefined);
}));

test('headers that come too slowly are a 408', withServer({ header_timeout: 1 }, async (server) => {
  const silent = await server.raw();
  const slow = await server.raw();
  slow.write('GET / HT');
  const second = await server.raw();
  second.write(get('/nothing'));
  await second.readResponse();
  second.write('GET');

  for (const raw of [slow, silent, second]) {
    const end = raw === silent ? await raw.readToEnd() : await raw.readResponse();
    if (raw !== silent) assert.equal(end.status, 408);
    if (raw !== silent) assert.match(end.json().message, /header_timeout/);
    await raw.readToEnd();
    raw.end();
  }
  await server.untilMetric('connections', 1);
  assert.ok((await server.metric('closes_total{reason="header_timeout"}')) >= 2);
}));

test('idle connections are closed after idle_timeout', withServer({ idle_timeout: 1 }, async (server) => {
  const raw = await server.raw();
  raw.write(get('/nothing'));
  assert.equal((await raw.readResponse()).status, 404);
  await raw.readToEnd();
  raw.end();

  await server.untilClosed('idle', 1);
}));

test('idle_timeout does not concern WebSockets', withServer({ idle_timeout: 1, header_timeout: 1 }, async (server) => {
  const client = await server.native();
  const idle = await server.raw();
  idle.write(get('/nothing'));
  await idle.readResponse();
  await idle.readToEnd();

  assert.equal((await client.command({ type: 'ping' })).type, 'pong');
}));

test('one connection serves many requests, also in one segment', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => get(`/nothing/${i}`))));

  for (let i = 0; i < 100; i++) assert.equal((await raw.readResponse()).status, 404);
}));

test('a client that pipelines and does not read is not read from either', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.socket.pause();
  const block = Buffer.concat(Array.from({ length: 1000 }, () => get('/nothing')));
  for (let i = 0; i < 60; i++) raw.write(block);
  const other = await server.native();
  await server.publish({ event: 'e' });
  await other.next();
  raw.socket.resume();

  for (let i = 0; i < 60_000; i++) {
    const { status } = await raw.readResponse();
    if (status !== 404) assert.fail(String(status));
  }
}));

test('an upgrade in the middle of pipelined requests', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write(Buffer.concat([get('/nothing'), Buffer.from(handshake('/ws?room=a'))]));
  assert.equal((await raw.readResponse()).status, 404);
  assert.equal((await raw.readHead()).status, 101);

  assert.equal((await new RawWebSocket(raw).receiveJson()).type, 'hello');
}));

test('random bytes never hurt', withServer({}, async (server) => {
  let seed = 42;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
  const client = await server.native();
  const starts = [Buffer.alloc(0), Buffer.from(handshake('/ws')), Buffer.from(handshake('/socket.io/?EIO=4&transport=websocket'))];
  for (let i = 0; i < 90; i++) {
    const raw = await server.raw();
    const noise = Buffer.from(Array.from({ length: 200 }, () => random() >> 8));
    raw.write(Buffer.concat([starts[i % 3], noise]));
    raw.end();
    await raw.readToEnd();
  }
  await server.publish({ event: 'e' });

  assert.equal((await client.next()).event, 'e');
  await server.untilMetric('connections', 2);
}));

test('a unix socket serves as a listener, for HTTP and WebSocket', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-unix-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const clients = path.join(directory, 'clients.sock');
  const admin = path.join(directory, 'admin.sock');
  const listeners = [{ address: `unix:${clients}` }, { address: `unix:${admin}`, admin: true }];
  await withServer({ listeners }, async (server) => {
    assert.deepEqual(server.clients, { socketPath: clients });
    const ws = await server.websocket('/ws?room=a');
    assert.equal((await ws.receiveJson()).type, 'hello');
    assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 1);
    assert.equal((await ws.receiveJson()).event, 'e');
    assert.equal((await request(server.clients, '/healthz')).status, 404);
    assert.equal(fs.statSync(admin).mode & 0o777, 0o660);
  })(t);
  assert.ok(!fs.existsSync(clients), 'the socket is gone with the server');
});

test('a socket that a killed server left behind is replaced; a file is not', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-unix-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'clients.sock');
  const config = { listeners: [{ address: `unix:${file}` }, { address: '127.0.0.1', port: 0, admin: true }] };
  const killed = await Stentord.start(config);
  killed.program.kill('SIGKILL');
  await killed.program.exit;
  fs.rmSync(killed.directory, { recursive: true });
  assert.ok(fs.existsSync(file));
  await withServer(config, async (server) => {
    assert.equal((await server.get('/nothing')).status, 404);
  })(t);
  fs.writeFileSync(file, 'precious');

  await assert.rejects(withServer(config, () => {})(t), /ended with 1/);
  assert.equal(fs.readFileSync(file, 'utf8'), 'precious');
});

test('IPv6 listeners work', withServer({
  listeners: [{ address: '::1', port: 0 }, { address: '127.0.0.1', port: 0, admin: true }],
}, async (server) => {
  assert.equal(server.clients.host, '::1');
  assert.equal((await server.get('/nothing')).status, 404);
}));

// --- Static files

const large = Buffer.alloc(8 << 20, 'a large file ');

function withFiles(fn) {
  return async (t) => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-static-'));
    t.after(() => fs.rmSync(root, { recursive: true }));
    const files = {
      'root/index.html': '<!doctype html>\n', 'root/app.js': 'run();\n', 'root/style.css': 'a{}\n', 'root/ü b.txt': 'text',
      'root/sub/index.html': 'sub', 'root/sub/data.json': '{}', 'root/.secret': 'no', 'root/empty.txt': '',
      'root/unknown.xyz': 'x', 'root/.git/config': 'no', 'outside.txt': 'outside',
      'root/large.txt': large,
    };
    for (const [name, content] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      fs.writeFileSync(path.join(root, name), content);
    }
    await withServer({ static_root: path.join(root, 'root/') }, fn)(t);
  };
}

test('static files: content, type, index', withFiles(async (server) => {
  const wanted = {
    '/': ['<!doctype html>\n', 'text/html; charset=utf-8'],
    '/index.html': ['<!doctype html>\n', 'text/html; charset=utf-8'],
    '/?query': ['<!doctype html>\n', 'text/html; charset=utf-8'],
    '/app.js': ['run();\n', 'text/javascript; charset=utf-8'],
    '/style.css': ['a{}\n', 'text/css; charset=utf-8'],
    '/sub/': ['sub', 'text/html; charset=utf-8'],
    '/sub/data.json': ['{}', 'application/json'],
    '/%C3%BC%20b.txt': ['text', 'text/plain; charset=utf-8'],
    '/empty.txt': ['', 'text/plain; charset=utf-8'],
    '/unknown.xyz': ['x', 'application/octet-stream'],
  };
  for (const [target, [content, type]] of Object.entries(wanted)) {
    const answer = await server.get(target);
    assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [200, content, type], target);
  }
}));

test('static files: the address of a directory ends with a slash', withFiles(async (server) => {
  const wanted = { '/sub': '/sub/', '/sub?a=b&c': '/sub/?a=b&c', '/%73ub': '/%73ub/' };
  for (const [target, location] of Object.entries(wanted)) {
    const answer = await server.get(target);
    assert.deepEqual([answer.status, answer.headers.location, answer.text], [301, location, ''], target);
  }
}));

test('static files: ETag and 304', withFiles(async (server) => {
  const { headers: { etag } } = await server.get('/app.js');
  assert.match(etag, /^"[\w-]+"$/);
  for (const [known, status] of [
    [etag, 304], ['"other"', 200], [`"other", ${etag}`, 304], [`W/${etag}`, 304], ['*', 304],
  ]) {
    const answer = await server.get('/app.js', { headers: { 'If-None-Match': known } });
    assert.equal(answer.status, status, known);
    assert.equal(answer.text, status === 304 ? '' : 'run();\n');
    assert.equal(answer.headers.etag, etag);
  }
}));

test('static files: HEAD is GET without the body', withFiles(async (server) => {
  const raw = await server.raw();
  for (const target of ['/app.js', '/nothing']) {
    const full = await server.get(target);
    raw.write(`HEAD ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const head = await raw.readResponse({ bodiless: true });
    assert.equal(head.status, full.status);
    assert.equal(head.headers['content-length'], full.headers['content-length']);
    assert.equal(head.headers.etag, full.headers.etag);
  }
  assert.equal(raw.buffer.length, 0);
}));

test('static files: a large one arrives whole, also at a slow reader', withFiles(async (server) => {
  const raw = await server.raw();
  raw.socket.pause();
  raw.write(get('/large.txt'));
  raw.write(get('/app.js'));
  assert.equal((await server.get('/large.txt')).body.compare(large), 0);
  raw.socket.resume();

  assert.equal((await raw.readResponse()).body.compare(large), 0);
  assert.equal((await raw.readResponse()).text, 'run();\n');
}));

test('static files: other methods are 405', withFiles(async (server) => {
  const answer = await server.get('/app.js', { method: 'POST' });

  assert.equal(answer.status, 405);
  assert.equal(answer.headers.allow, 'GET, HEAD');
}));

test('static files: nothing outside the root, nothing hidden', withFiles(async (server) => {
  const targets = [
    '/../outside.txt', '/sub/../../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt', '/sub/..%2f..%2foutside.txt',
    '//outside.txt', '/.secret', '/.git/config', '//sub', '/./app.js', '/%2e/app.js', '/app.js%00.html', '/app.js/',
    '/..\\outside.txt', '/%ff', `/${'../'.repeat(50)}etc/passwd`, '/%c0%ae%c0%ae/outside.txt', '/nothing', `/${'x'.repeat(1100)}`,
  ];
  const raw = await server.raw();
  for (const target of targets) {
    raw.write(get(target));
    const answer = await raw.readResponse();
    assert.equal(answer.status, 404, target);
    assert.ok(!answer.text.includes('outside'));
  }
}));

test('static files do not shadow the endpoints', withFiles(async (server) => {
  assert.equal((await server.get('/ws')).status, 426);
  const ws = await server.websocket('/ws');
  ws.send(opcode.text, '{"type":"ping"}');
  await ws.receive();
  assert.deepEqual(await ws.receiveJson(), { type: 'pong' });
}));
