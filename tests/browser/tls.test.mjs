// Chromium through TLS: a page that came by https and everything that it opens, with a certificate that
// the browser trusts, and one that it does not. (All of transports.test.mjs runs through TLS, too.)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { Authority } from '../integration/lib/certificates.mjs';
import { defaults, KEY, withServer } from '../integration/lib/stentord.mjs';
import { certificateHash } from '../integration/lib/tls.mjs';
import { Browser } from './lib/pages.mjs';

const root = Authority.temporary();
const trusted = root.issue(['localhost', '127.0.0.1']);
const strange = root.issue(['localhost', '127.0.0.1']);

let browser;
before(async () => {
  browser = await Browser.launch({ trusted: [certificateHash(trusted.chain)] });
});
after(async () => {
  await browser.close();
  fs.rmSync(root.directory, { recursive: true });
});

const listener = (certificate, more = {}) => ({ address: '127.0.0.1', port: 0, tls: { certificates: [certificate], ...more } });

function withPages(listeners, fn, more = {}) {
  return (t) => withServer({ listeners: [...listeners, defaults.listeners[1]], static_root: browser.root, ...more }, fn)(t);
}

const urlOf = ({ host, port }) => `https://${host}:${port}`;

// Everything that a page may use, at once, until each has got `count` messages.
async function listen(page, count) {
  await page.evaluate(() => {
    window.got = { sse: [], polling: [], websocket: [], upgraded: [], native: [] };
    const { origin } = location;
    const source = new EventSource(`${origin}/events?room=a`);
    source.addEventListener('e', ({ data }) => got.sse.push(JSON.parse(data)));
    const socketio = (name, transports) => new Promise((resolve, reject) => {
      const socket = io(origin, { transports, forceNew: true, auth: { rooms: ['a'] } });
      socket.on('e', (data) => got[name].push(data));
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    const native = new WebSocket(`${origin.replace('https', 'wss')}/ws?room=a`);
    native.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'message') got.native.push(message.data);
    };
    const opened = (thing) => new Promise((resolve) => { thing.onopen = resolve; });
    const all = [socketio('polling', ['polling']), socketio('websocket', ['websocket']), socketio('upgraded', ['polling', 'websocket'])];
    return Promise.all([opened(source), opened(native), ...all]);
  });
  return async () => {
    await page.waitForFunction((wanted) => Object.values(got).every((list) => list.length >= wanted), count);
    return page.evaluate(() => got);
  };
}

for (const min_version of ['1.2', '1.3']) {
  test(`a page by https, its wss, polling, upgrade and event stream (from TLS ${min_version} on)`,
    withPages([listener(trusted, { min_version })], async (server) => {
      const page = await browser.open(`${urlOf(server.clients)}/default.html`);
      const values = Array.from({ length: 30 }, (_, i) => ({ i, text: `grüße 😀\n${i}` }));
      const all = await listen(page, values.length);
      await server.untilMetric('upgrades_total', 1);
      for (const data of values) assert.equal((await server.publish({ room: 'a', event: 'e', data })).clients, 5);

      for (const [name, list] of Object.entries(await all())) assert.deepEqual(list, values, name);
      assert.equal(await page.evaluate(() => isSecureContext), true);
      assert.deepEqual(page.errors, []);
      assert.ok(await server.metric('tls_connections') >= 4);
      await page.close();
      for (const name of ['clients_sse', 'clients_socketio', 'clients_native']) await server.untilMetric(name, 0);
    }));
}

test('a page publishes through TLS with a key', withPages([listener(trusted)], async (server) => {
  const client = await browser.open(`${urlOf(server.clients)}/default.html`);
  const all = await listen(client, 1);
  const status = await client.evaluate(async (key) => {
    const answer = await fetch('/publish/a/e', { method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: '"by https"' });
    return answer.status;
  }, KEY);

  assert.equal(status, 200);
  for (const [name, list] of Object.entries(await all())) assert.deepEqual(list, ['by https'], name);
  await client.close();
}));

test('a certificate that the browser does not trust: no page, and it is counted', withPages([listener(strange)], async (server) => {
  await assert.rejects(browser.open(`${urlOf(server.clients)}/default.html`), /ERR_CERT_AUTHORITY_INVALID/);
  await server.untilClosed('tls_refused');
  for (const other of browser.context.pages().slice(1)) await other.close();
}));

test('who comes by http is led to https', withPages([listener(trusted)], async (server) => {
  const { port } = server.clients;
  const plain = { address: '127.0.0.1', port: 0, http: 'redirect', https_port: port };
  const answer = await server.reload({ listeners: [listener(trusted), plain, defaults.listeners[1]], static_root: browser.root });
  assert.equal(answer.status, 200, answer.text);
  const redirecting = server.listeners.clients.find((one) => !one.tls);
  const page = await browser.open(`http://127.0.0.1:${redirecting.port}/default.html`);

  assert.equal(page.url(), `https://127.0.0.1:${port}/default.html`);
  assert.deepEqual(page.errors, []);
  await page.close();
}));
