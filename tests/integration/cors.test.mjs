// Web pages of other origins: who may read what, in every answer of /socket.io/ and /events; and
// the cookie for proxies.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { PollingSession, waitingPoll } from './lib/polling-session.mjs';
import { run } from './lib/program.mjs';
import { withServer } from './lib/steady-server.mjs';
import { overTls } from './lib/tls.mjs';

const A = 'https://a.example';
const B = 'http://b.example:8080';
const OPENING = '/socket.io/?EIO=4&transport=polling';

const origin = (name) => (name === undefined ? {} : { Origin: name });
const connect = (server, name, options) =>
  PollingSession.connect(server.clients, { headers: origin(name), ...options });

// The headers that browsers decide by; what is absent is left out.
function corsHeaders({ headers }) {
  const wanted = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary'];
  return Object.fromEntries(wanted.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]));
}

const allowed = (name) => ({ 'access-control-allow-origin': name, vary: 'Origin' });
const refused = { vary: 'Origin' };
const expected = (name) => ([A, B].includes(name) ? allowed(name) : refused);

// Every kind of answer that a session may get: { what: answer }.
async function allAnswers(server, name) {
  const session = await PollingSession.open(server.clients, { headers: origin(name) });
  const connecting = await session.post('40');
  const due = await session.poll();
  const { answer } = await waitingPoll(server, session);
  await server.publish({ event: 'e' });
  const message = await answer;
  await server.publish([{ event: 'e' }, { event: 'e' }]);
  const several = await session.poll();
  const put = await session.request({ method: 'PUT' });
  const { answer: closing } = await waitingPoll(server, session);
  const nonsense = await session.post('nonsense');
  return {
    handshake: session.handshake, connecting, due, message, several, put, closed: await closing, nonsense,
    unknown: await session.poll(),
    unsupported: await server.get('/socket.io/?EIO=9&transport=polling', { headers: origin(name) }),
  };
}

test('without cors_origins nobody else may read anything', withServer({}, async (server) => {
  for (const name of [undefined, A]) {
    for (const [what, answer] of Object.entries(await allAnswers(server, name))) {
      assert.deepEqual(corsHeaders(answer), {}, what);
    }
  }
  const preflight = await server.get(OPENING, { method: 'OPTIONS', headers: { Origin: A, 'Access-Control-Request-Method': 'POST' } });
  assert.equal(preflight.status, 204);
  assert.deepEqual(corsHeaders(preflight), {});
}));

test('named origins are allowed in every answer, others and none in no answer', withServer({ cors_origins: [A, B] }, async (server) => {
  const strangers = [undefined, 'https://c.example', `${A}.c.example`, `${A}:443`, 'http://a.example', 'null', '*', ''];
  for (const name of [A, B, ...strangers]) {
    for (const [what, answer] of Object.entries(await allAnswers(server, name))) {
      assert.deepEqual(corsHeaders(answer), expected(name), `${what} for ${name}`);
    }
  }
}));

test('answers that are shared among clients have each one\'s own origin', withServer({ cors_origins: [A, B], io_threads: 1 }, async (server) => {
  const names = [A, B, undefined, 'https://c.example', A, B];
  const sessions = await Promise.all(names.map((name) => connect(server, name)));
  for (const i of [1, 2, 3]) {
    const polls = await server.metric('polls_total');
    const waiting = sessions.map((session) => session.poll());
    await server.untilMetric('polls_total', polls + names.length);
    await server.publish({ event: 'e', data: i });
    for (const [n, answer] of (await Promise.all(waiting)).entries()) {
      assert.equal(answer.text, `42["e",${i}]`);
      assert.deepEqual(corsHeaders(answer), expected(names[n]), `${names[n]}`);
    }
  }
  assert.ok((await server.metric('responses_total')) > 0, 'they were shared');
}));

test('one connection may carry requests of several origins', withServer({ cors_origins: [A, B] }, async (server) => {
  const raw = await server.raw();
  for (const name of [A, B, undefined, A]) {
    raw.write(`GET ${OPENING} HTTP/1.1\r\nHost: x\r\n${name ? `Origin: ${name}\r\n` : ''}\r\n`);
    assert.deepEqual(corsHeaders(await raw.readResponse()), expected(name));
  }
}));

test('"*" allows every origin, and says nothing to who has none', withServer({ cors_origins: ['*'] }, async (server) => {
  for (const name of [A, 'null', undefined]) {
    const wanted = name === undefined ? {} : { 'access-control-allow-origin': '*' };
    for (const [what, answer] of Object.entries(await allAnswers(server, name))) {
      assert.deepEqual(corsHeaders(answer), wanted, `${what} for ${name}`);
    }
  }
}));

test('"null" may be named: pages from files and in sandboxes', withServer({ cors_origins: ['null'] }, async (server) => {
  assert.deepEqual(corsHeaders(await server.get(OPENING, { headers: { Origin: 'null' } })), allowed('null'));
  assert.deepEqual(corsHeaders(await server.get(OPENING, { headers: { Origin: A } })), refused);
}));

test('cors_credentials: cookies are allowed to those who may read', withServer({ cors_origins: [A], cors_credentials: true }, async (server) => {
  for (const name of [A, B, undefined]) {
    const wanted = name === A ? { ...allowed(A), 'access-control-allow-credentials': 'true' } : refused;
    for (const [what, answer] of Object.entries(await allAnswers(server, name))) {
      assert.deepEqual(corsHeaders(answer), wanted, `${what} for ${name}`);
    }
  }
}));

test('preflight requests are answered for all of /socket.io/ and /events', withServer({ cors_origins: [A, B], cors_credentials: true }, async (server) => {
  const { sid } = await connect(server);
  const ask = (target, name) => server.get(target, {
    method: 'OPTIONS',
    headers: { ...origin(name), 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' },
  });

  for (const target of [OPENING, `${OPENING}&sid=${sid}`, `${OPENING}&sid=abc`, '/socket.io/', '/events']) {
    for (const name of [A, B]) {
      const { status, text, headers } = await ask(target, name);
      assert.deepEqual([status, text], [204, ''], target);
      assert.equal(headers['access-control-allow-origin'], name);
      assert.equal(headers['access-control-allow-credentials'], 'true');
      assert.match(headers['access-control-allow-methods'], /\bGET\b.*\bPOST\b/);
      assert.match(headers['access-control-allow-headers'].toLowerCase(), /\bcontent-type\b/);
      assert.ok(Number(headers['access-control-max-age']) > 0);
      assert.match(headers.vary, /\bOrigin\b/);
    }
    const { status, headers } = await ask(target, 'https://c.example');
    assert.equal(status, 204);
    assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control')), [], 'nothing is allowed');
  }
  const kept = await server.raw();
  for (let i = 0; i < 2; i++) {
    kept.write(`OPTIONS ${OPENING} HTTP/1.1\r\nHost: x\r\nOrigin: ${A}\r\n\r\n`);
    assert.equal((await kept.readResponse()).status, 204, 'the connection is kept');
  }
  assert.equal(await server.metric('clients_socketio'), 1, 'no preflight opens a session');
}));

test('event streams have the same headers', withServer({ cors_origins: [A], cors_credentials: true }, async (server) => {
  for (const name of [A, B]) {
    const raw = await server.raw();
    raw.write(`GET /events HTTP/1.1\r\nHost: x\r\nOrigin: ${name}\r\n\r\n`);
    const head = await raw.readHead();
    assert.equal(head.status, 200);
    const wanted = name === A ? { ...allowed(A), 'access-control-allow-credentials': 'true' } : refused;
    assert.deepEqual(corsHeaders(head), wanted);
    await raw.destroy();
  }
}));

test('61 origins may be named, the last as well as the first', withServer({
  cors_origins: Array.from({ length: 61 }, (_, i) => `https://o${i}.example`), io_threads: 1,
}, async (server) => {
  for (const i of [0, 1, 30, 59, 60]) {
    const name = `https://o${i}.example`;
    for (const agent of [false, undefined]) { // without and with keep-alive
      const session = await connect(server, name, { agent });
      for (let n = 0; n < 3; n++) {
        const { answer } = await waitingPoll(server, session);
        await server.publish({ event: 'e' });
        assert.deepEqual(corsHeaders(await answer), allowed(name));
      }
    }
  }
  assert.deepEqual(corsHeaders(await server.get(OPENING, { headers: { Origin: 'https://o61.example' } })), refused);
}));

test('sticky_cookie: the handshake sets it, nothing else does', withServer({ sticky_cookie: 'io', eio3: true }, async (server) => {
  for (const protocol of [4, 3]) {
    const session = await PollingSession.open(server.clients, { protocol });
    assert.deepEqual(session.handshake.headers['set-cookie'], [`io=${session.sid}; Path=/; HttpOnly; SameSite=Lax${overTls ? '; Secure' : ''}`]);
    const posted = await session.post(protocol === 4 ? '40' : '2:40');
    for (const answer of [posted, await session.poll(), await session.request({ method: 'PUT' })]) {
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  }
  assert.equal((await server.get('/socket.io/?EIO=9&transport=polling')).headers['set-cookie'], undefined);
}));

test('without sticky_cookie there is none', withServer({ cors_origins: [A], cors_credentials: true }, async (server) => {
  assert.equal((await connect(server, A)).handshake.headers['set-cookie'], undefined);
}));

async function mistakes(t, content) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-cors-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'stentord.conf');
  fs.writeFileSync(file, content);
  const { code, stderr } = await run('stentord', ['-t', '-c', file]);
  return { code, lines: stderr.trimEnd().split('\n').map((line) => line.replace(`${file}:`, '')) };
}

test('mistakes in cors_origins are named with their line', async (t) => {
  const wrong = [
    ['[ "https://a.example/" ]', /^3: cors_origins: "https:\/\/a\.example\/": .*no path/],
    ['[ "https://a.example/x" ]', /^3: cors_origins: .*no path/],
    ['[ "https://a.example?x" ]', /^3: cors_origins: /],
    ['[ "a.example" ]', /^3: cors_origins: "a\.example": an origin is like https:/],
    ['[ "https://A.example" ]', /^3: cors_origins: "https:\/\/A\.example": .*small letters/],
    ['[ "https://a.example:443" ]', /^3: cors_origins: .*no port 80 or 443/],
    ['[ "https://" ]', /^3: cors_origins: /],
    ['[ "https://a.example b" ]', /^3: cors_origins: /],
    ['[ "*", "https://a.example" ]', /^3: cors_origins: "\*" stands alone/],
    ['[ "" ]', /^3: cors_origins: /],
    ['( 5 )', /^3: cors_origins: /],
    ['"https://a.example"', /^3: cors_origins: must be a list/],
    [JSON.stringify(Array.from({ length: 62 }, (_, i) => `https://o${i}.example`)), /^3: cors_origins: at most 61 origins/],
  ];
  for (const [value, message] of wrong) {
    const { code, lines } = await mistakes(t, `# a comment\n\ncors_origins = ${value};\n`);
    assert.equal(code, 1, value);
    assert.match(lines[0], message, value);
  }
  for (const content of ['cors_credentials = true;\ncors_origins = [ "*" ];', 'cors_origins = [ "*" ];\ncors_credentials = true;']) {
    const { code, lines } = await mistakes(t, content);
    assert.equal(code, 1);
    assert.match(lines[0], /^[12]: cors_origins: browsers ignore "\*" with cors_credentials/);
  }
  assert.equal((await mistakes(t, 'cors_origins = [ "https://a.example", "http://[::1]:8080", "null" ];')).code, 0);
});

test('a sticky_cookie that is no name of a cookie is a mistake', async (t) => {
  for (const name of ['a b', 'a;b', 'a=b', 'ä', 'a\\r\\nX: y', 'a,b', '"']) {
    const { code, lines } = await mistakes(t, `\nsticky_cookie = "${name === '"' ? '\\"' : name}";\n`);
    assert.equal(code, 1, name);
    assert.match(lines[0], /^2: sticky_cookie: /, name);
  }
});
