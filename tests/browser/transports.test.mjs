// The transports in Chromium: socket.io-client's browser builds, EventSource and WebSocket, from
// another origin (so that CORS matters) and from the server's own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { proxied } from '../integration/lib/proxy.mjs';
import { withServer } from '../integration/lib/stentord.mjs';
import { origin as urlOf } from '../integration/lib/tls.mjs';
import { Browser, seen } from './lib/pages.mjs';

const ways = {
  'polling only': ['polling'],
  'WebSocket only': ['websocket'],
  'polling, then WebSocket': ['polling', 'websocket'],
};

let browser;
before(async () => {
  browser = await Browser.launch();
});
after(() => browser.close());

const upTo = (count) => Array.from({ length: count }, (_, i) => i);

// A test with a server that knows the origin of the pages, unless it is told otherwise.
function withPages(config, fn) {
  return (t) => withServer({ cors_origins: [browser.origin], static_root: browser.root, client_publish: true, ...config }, fn)(t);
}

// Opens a page on which a socket.io-client is connected and in the room `a`.
async function openSocketio(server, { build = 'default', origin = browser.origin, to = server.clients, ...options }) {
  const page = await browser.open(`${origin}/${build}.html`);
  await page.evaluate(([url, more]) => new Promise((resolve, reject) => {
    window.socket = io(url, { auth: { rooms: ['a'] }, reconnectionDelay: 20, randomizationFactor: 0, ...more });
    const binary = (data) => data instanceof ArrayBuffer || ArrayBuffer.isView(data); // as the parser gives it
    socket.on('e', (data) => take(binary(data) ? [...new Uint8Array(data)] : data));
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  }), [urlOf(to), options]);
  return page;
}

for (const [name, transports] of Object.entries(ways)) {
  for (const [build, where] of [['default', 'another origin'], ['default', 'the same origin'], ['msgpack', 'another origin']]) {
    test(`Socket.IO, ${name}, ${build} parser, from ${where}`, withPages(where === 'another origin' ? {} : { cors_origins: [] }, async (server) => {
      const page = await openSocketio(server, { build, transports, origin: where === 'another origin' ? browser.origin : urlOf(server.clients) });
      if (transports.length > 1) await server.untilMetric('upgrades_total', 1);
      assert.equal((await server.publish({ room: 'a', event: 'e', data: { text: 'grüße 😀' } })).clients, 1);
      await seen(page, 1);
      const answer = await page.evaluate(() => socket.emitWithAck('publish', { room: 'a', event: 'e', data: new Uint8Array([0, 1, 255]).buffer }));
      const refused = await page.evaluate(() => socket.emitWithAck('join', ''));

      assert.deepEqual(answer, { ok: true });
      assert.equal(refused.ok, false);
      assert.deepEqual(await seen(page, 2), [[{ text: 'grüße 😀' }], [[0, 1, 255]]]);
      assert.equal(await page.evaluate(() => socket.io.engine.transport.name), transports.at(-1));
      assert.deepEqual(page.errors, []);
      await page.close();
      await server.untilMetric('clients_socketio', 0);
    }));
  }
}

test('with credentials and a sticky cookie', withPages({ cors_credentials: true, sticky_cookie: 'stentor' }, async (server) => {
  const page = await openSocketio(server, { transports: ['polling'], withCredentials: true });
  await server.publish({ room: 'a', event: 'e', data: 1 });
  await seen(page, 1);
  const cookies = await browser.context.cookies(urlOf(server.clients));

  assert.equal(cookies.find(({ name }) => name === 'stentor').value, await page.evaluate(() => socket.io.engine.id));
  assert.deepEqual(page.errors, []);
  await page.close();
}));

test('an origin that is not allowed can neither poll nor read events', withPages({ cors_origins: ['http://elsewhere.example'] }, async (server) => {
  await assert.rejects(openSocketio(server, { transports: ['polling'], reconnection: false }), /xhr poll error/);
  const page = await browser.open(`${browser.origin}/default.html`);
  const state = await page.evaluate((url) => new Promise((resolve) => {
    const source = new EventSource(`${url}/events`);
    source.onopen = () => resolve('open');
    source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? 'closed' : 'again');
  }), urlOf(server.clients));

  assert.equal(state, 'closed');
  for (const other of browser.context.pages().slice(1)) await other.close();
  await server.untilMetric('clients_sse', 0);
}));

// A client whose WebSocket is cut while its polling transport pauses for it does neither, until it
// has missed a heartbeat: these are close together here.
for (const transports of Object.values(ways)) {
  test(`Socket.IO is recovered after its connections were cut: ${transports}`, withPages({ recovery_time: 30, ping_interval: 2000, ping_timeout: 8000 }, async (server) => {
    const proxy = await proxied(server);
    const page = await openSocketio(server, { transports, to: proxy.listener });
    const id = await page.evaluate(() => socket.id);
    await server.publish({ room: 'a', event: 'e', data: 0 });
    await seen(page, 1);
    for (const [round, how] of ['reset', 'strand', 'cut'].entries()) {
      const back = page.evaluate(() => new Promise((resolve) => {
        socket.once('disconnect', () => socket.once('connect', () => resolve([socket.id, socket.recovered])));
      }));
      await page.evaluate(() => {}); // the listener is there
      proxy.down(how);
      await page.waitForFunction(() => !socket.connected);
      await server.publish({ room: 'a', event: 'e', data: 2 * round + 1 });
      proxy.up();
      assert.deepEqual(await back, [id, true]);
      await server.publish({ room: 'a', event: 'e', data: 2 * round + 2 });
    }

    assert.deepEqual(await seen(page, 7), upTo(7).map((i) => [i]));
    await page.close();
  }));
}

// Opens a page with an EventSource in the room `a`.
async function openSource(listener, origin = browser.origin) {
  const page = await browser.open(`${origin}/default.html`);
  await page.evaluate((url) => new Promise((resolve) => {
    window.source = new EventSource(`${url}/events?room=a`);
    for (const name of ['e', 'gap']) source.addEventListener(name, ({ data, lastEventId }) => take(name, data, Number(lastEventId)));
    source.onopen = resolve;
  }), urlOf(listener));
  return page;
}

for (const where of ['another origin', 'the same origin']) {
  test(`EventSource from ${where}`, withPages({}, async (server) => {
    const page = await openSource(server.clients, where === 'another origin' ? browser.origin : urlOf(server.clients));
    const { seq } = await server.publish({ room: 'a', event: 'e', args: [1, 'ü\n'] });

    assert.deepEqual(await seen(page, 1), [['e', '[1,"ü\\n"]', seq]]);
    assert.deepEqual(page.errors, []);
    await page.close();
    await server.untilMetric('clients_sse', 0);
  }));
}

for (const how of ['reset', 'cut', 'finish']) {
  test(`EventSource comes back by itself and misses nothing (${how})`, withPages({ sse_retry: 20 }, async (server) => {
    const proxy = await proxied(server);
    const page = await openSource(proxy.listener);
    for (const data of upTo(20)) {
      if (data % 5 === 0) {
        proxy.down(how); // the first time before anything has come
        await server.untilMetric('clients_sse', 0);
      }
      await server.publish({ room: 'a', event: 'e', data });
      proxy.up();
    }

    const events = await seen(page, 20);
    assert.deepEqual(events.map(([name, data]) => [name, Number(data)]), upTo(20).map((i) => ['e', i]));
    await page.close();
  }));
}

test('EventSource is told what is gone', withPages({ sse_retry: 20, journal: { messages: 3 } }, async (server) => {
  const proxy = await proxied(server);
  const page = await openSource(proxy.listener);
  const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
  await seen(page, 1);
  proxy.down();
  await server.untilMetric('clients_sse', 0);
  for (const data of upTo(5)) await server.publish({ room: 'a', event: 'e', data });
  proxy.up();
  const [, gap, ...rest] = await seen(page, 5);

  assert.deepEqual(gap, ['gap', JSON.stringify({ room: 'a', from: seq + 1, to: seq + 2 }), seq]);
  assert.deepEqual(rest.map(([, data]) => Number(data)), [2, 3, 4]);
  await page.close();
}));

test('Server-Sent Events, Socket.IO and WebSocket on one page show the same', withPages({ recovery_time: 30 }, async (server) => {
  const page = await browser.open(`${browser.origin}/default.html`);
  await page.evaluate((url) => {
    window.got = { sse: [], polling: [], websocket: [], native: [] };
    const source = new EventSource(`${url}/events?room=a`);
    source.addEventListener('e', ({ data }) => got.sse.push(JSON.parse(data)));
    const socketio = (transport) => new Promise((resolve) => {
      const socket = io(url, { transports: [transport], forceNew: true, auth: { rooms: ['a'] } });
      socket.on('e', (data) => got[transport].push(data));
      socket.on('connect', resolve);
    });
    const native = new WebSocket(`${url.replace('http', 'ws')}/ws?room=a`);
    native.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'message') got.native.push(message.data);
    };
    const opened = (thing) => new Promise((resolve) => { thing.onopen = resolve; });
    return Promise.all([opened(source), opened(native), socketio('polling'), socketio('websocket')]);
  }, urlOf(server.clients));
  const values = upTo(30).map((i) => ({ i, text: `ü\n${i}`, list: [i / 4, null] }));
  for (const data of values) assert.equal((await server.publish({ room: 'a', event: 'e', data })).clients, 4);
  await page.waitForFunction((count) => Object.values(got).every((list) => list.length >= count), values.length);
  const got = await page.evaluate(() => window.got);

  for (const [name, list] of Object.entries(got)) assert.deepEqual(list, values, name);
  assert.deepEqual(page.errors, []);
  await page.close();
  for (const name of ['clients_sse', 'clients_socketio', 'clients_native', 'memberships']) await server.untilMetric(name, 0);
}));
