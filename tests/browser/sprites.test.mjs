// Sprites in Chromium: what is thrown over the edge of one page flies on in the neighbour's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { proxied } from '../integration/lib/proxy.mjs';
import { withServer } from '../integration/lib/stentord.mjs';
import { until } from '../integration/lib/wait.mjs';
import { Browser } from './lib/pages.mjs';

const root = fileURLToPath(new URL('../../share/pages', import.meta.url));
const config = { static_root: root, recovery_time: 60, rooms: [{ pattern: 'sprites', type: 'grid', columns: 3, send: 'anyone' }] };
const opposite = { north: 'south', south: 'north', east: 'west', west: 'east' };
const arrow = { north: 'ArrowUp', south: 'ArrowDown', east: 'ArrowRight', west: 'ArrowLeft' };

let browser;
before(async () => {
  browser = await Browser.launch();
});
after(() => browser.close());

async function openScreen(listener, transport = 'websocket') {
  const page = await browser.open(`http://${listener.host}:${listener.port}/sprites/?transport=${transport}`);
  await page.locator('#link[data-state=live]').waitFor();
  return page;
}

const idsOf = (page) => page.locator('.sprite').evaluateAll((all) => all.map(({ dataset }) => dataset.id));
const sprite = (page, id) => page.locator(`.sprite[data-id="${id}"]`);
const number = async (page, id) => Number(await page.locator(id).innerText());

// The first side at which the page has a neighbour.
async function openSide(page) {
  await page.locator('.door.open').first().waitFor({ state: 'attached' });
  return page.locator('.door.open').first().getAttribute('data-side');
}

async function centre(page, id) {
  const { x, y, width, height } = await sprite(page, id).boundingBox();
  return { x: x + width / 2, y: y + height / 2 };
}

// The way of a hand that throws: a few steps in that direction, not so fast that it would come back.
async function flick({ x, y }, side, { down, move, up }) {
  const step = { north: [0, -15], south: [0, 15], east: [15, 0], west: [-15, 0] }[side];
  await down({ x, y });
  for (let i = 1; i < 8; i++) {
    await sleep(10);
    await move({ x: x + step[0] * i, y: y + step[1] * i });
  }
  await up();
}

const hands = {
  async mouse(page, id, side) {
    const { mouse } = page;
    await flick(await centre(page, id), side, {
      down: ({ x, y }) => mouse.move(x, y).then(() => mouse.down()),
      move: ({ x, y }) => mouse.move(x, y),
      up: () => mouse.up(),
    });
  },
  async finger(page, id, side) {
    page.session ??= await page.context().newCDPSession(page);
    const touch = (type, ...touchPoints) => page.session.send('Input.dispatchTouchEvent', { type, touchPoints });
    await flick(await centre(page, id), side, {
      down: (point) => touch('touchStart', point),
      move: (point) => touch('touchMove', point),
      up: () => touch('touchEnd'),
    });
  },
  async keyboard(page, id, side) {
    await sprite(page, id).focus();
    await page.keyboard.press(arrow[side]);
  },
};

// On a busy machine a hand may be too slow to throw; then it tries again, but not before the sprite
// lies still: one that glides could leave just then, and once more.
async function throwBy(hand, page, id, side) {
  await page.bringToFront();
  for (let gone = false; !gone;) {
    await hands[hand](page, id, side);
    gone = await sprite(page, id).waitFor({ state: 'detached', timeout: 10_000 }).then(() => true, () => false);
  }
}

// Waits for a text of a page that need not be in front: such a page has no animation frames, in which
// waitForFunction would look.
function shows(page, selector, text) {
  const same = ([where, what]) => document.querySelector(where).textContent === what;
  return page.waitForFunction(same, [selector, text], { polling: 100 });
}

async function closeAll(...pages) {
  for (const page of pages) {
    assert.deepEqual(page.errors, []);
    await page.close();
  }
}

for (const [how, transport] of [['mouse', 'websocket'], ['mouse', 'polling'], ['finger', 'polling'], ['keyboard', 'websocket']]) {
  test(`a sprite thrown by ${how} flies on in the neighbour's window, over ${transport}`, withServer(config, async (server) => {
    const pages = [await openScreen(server.clients, transport), await openScreen(server.clients, transport)];
    const [from, to] = pages;
    const before = [...await idsOf(from), ...await idsOf(to)].sort();
    const side = await openSide(from);
    const [id] = await idsOf(from);
    const kind = await sprite(from, id).getAttribute('data-kind');
    await throwBy(how, from, id, side);
    await to.bringToFront();
    await sprite(to, id).waitFor();

    assert.equal(await sprite(to, id).getAttribute('data-kind'), kind);
    assert.match(await sprite(to, id).getAttribute('aria-label'), /has seen 1 other screen\./);
    assert.ok(!(await idsOf(from)).includes(id));
    assert.deepEqual([...await idsOf(from), ...await idsOf(to)].sort(), before, 'each exactly once');
    assert.match(await to.locator('#announcer').innerText(), new RegExp(`came from the ${opposite[side]}$`));
    // Each throw was caught once. (Where a busy machine made the hand too fast, the sprite may have come
    // back from the far wall, and have left once more.)
    let thrown, caught;
    await until(async () => {
      thrown = await number(from, '#thrown');
      caught = await number(to, '#caught');
      return thrown > 0 && thrown === caught;
    }, () => `as many catches as throws: ${thrown} thrown, ${caught} caught`);
    await shows(from, '#members', '2');

    // It came in at the other edge and flies on: into the page, further than its own size.
    await to.waitForFunction(([what, edge]) => {
      const box = document.querySelector(`.sprite[data-id="${what}"]`).getBoundingClientRect();
      const stage = document.querySelector('#stage').getBoundingClientRect();
      const from = { west: box.left - stage.left, east: stage.right - box.right, north: box.top - stage.top, south: stage.bottom - box.bottom };
      return from[edge] > box.width;
    }, [id, opposite[side]]);
    await closeAll(...pages);
  }));
}

test('screens of both transports are neighbours', withServer(config, async (server) => {
  const websocket = await openScreen(server.clients, 'websocket');
  const polling = await openScreen(server.clients, 'polling');
  for (const [from, to] of [[websocket, polling], [polling, websocket]]) {
    const side = await openSide(from);
    const [id] = await idsOf(from);
    await throwBy('keyboard', from, id, side);
    await to.bringToFront();
    await sprite(to, id).waitFor();
  }
  await closeAll(websocket, polling);
}));

test('the transport can be switched, and the sprites stay', withServer(config, async (server) => {
  const [page, other] = [await openScreen(server.clients), await openScreen(server.clients)];
  const ids = await idsOf(page);
  assert.equal(await page.locator('#link').innerText(), 'Live by WebSocket');
  await page.getByText('Polling', { exact: true }).click();
  await page.getByText('Live by long-polling').waitFor();
  assert.match(page.url(), /transport=polling/);
  assert.deepEqual(await idsOf(page), ids);
  const side = await openSide(page);
  await hands.keyboard(page, ids[0], side);
  await sprite(other, ids[0]).waitFor();
  await page.waitForFunction(() => Number(document.querySelector('#latency').textContent) > 0);
  await closeAll(page, other);
}));

test('who is alone has walls, and who is left gets them back', withServer(config, async (server) => {
  const page = await openScreen(server.clients);
  const [id] = await idsOf(page);
  await page.getByText('You are alone here').waitFor();
  for (const key of Object.values(arrow)) {
    await sprite(page, id).focus();
    await page.keyboard.press(key);
  }
  const other = await openScreen(server.clients);
  await page.bringToFront();
  await openSide(page);
  assert.ok(await page.locator('#alone').isHidden());
  await other.close();
  await page.getByText('You are alone here').waitFor();
  assert.equal(await page.locator('.door.open').count(), 0);
  assert.equal((await idsOf(page)).length, 3);
  assert.equal(await number(page, '#thrown'), 0);
  await closeAll(page);
}));

test('what does not get through comes back', withServer(config, async (server) => {
  const proxy = await proxied(server);
  const page = await openScreen(proxy.listener);
  const other = await openScreen(server.clients);
  await page.bringToFront();
  const side = await openSide(page);
  const [id] = await idsOf(page);
  proxy.down('freeze'); // which nobody has noticed yet
  await hands.keyboard(page, id, side);
  await page.locator('#stage[data-on-the-way="1"]').waitFor();
  await sprite(page, id).waitFor();

  assert.match(await page.locator('#announcer').innerText(), /came back/);
  assert.deepEqual([await number(page, '#thrown'), (await idsOf(other)).length], [0, 3]);
  proxy.all('cut');
  proxy.up();
  await page.locator('#link[data-state=live]').waitFor();
  await openSide(page);
  page.errors = page.errors.filter((text) => !/WebSocket|ERR_/.test(text));
  await closeAll(page, other);
}));

test('whatever a client sends to a screen, it goes on', withServer(config, async (server) => {
  const page = await openScreen(server.clients);
  const client = await server.socketio('/');
  const { neighbours } = await client.ask('join', 'sprites');
  const to = Object.keys(neighbours).find((side) => neighbours[side]);
  const good = { id: 'x', kind: 'fish', side: 'west', along: 0.5, vx: 900, vy: 0, angle: 0, spin: 0, hops: 1 };
  const bad = [null, 5, 'fish', [], {}, { ...good, kind: '__proto__' }, { ...good, side: 'constructor' }, { ...good, vx: 'fast' }, { ...good, along: null },
    { ...good, id: 5 }, { ...good, id: 'x'.repeat(65) }, { ...good, hops: {} }];
  for (const data of bad) await client.ask('send', { room: 'sprites', to, event: 'sprite', data });
  await client.ask('send', { room: 'sprites', to, event: 'neighbours', data: { room: 'sprites', cell: { x: 9, y: 9 }, north: 'x' } });
  await client.ask('send', { room: 'sprites', to, event: 'sprite', data: { ...good, along: 1e9, vx: -1e300 } });
  await sprite(page, 'x').waitFor();

  assert.equal((await idsOf(page)).length, 4);
  assert.equal(await page.locator('#cell').innerText(), '0, 0');
  await closeAll(page);
}));

for (const [width, height] of [[360, 740], [1280, 800]]) {
  test(`everything is on the screen at ${width} x ${height}, and nothing comes from elsewhere`, withServer(config, async (server) => {
    const page = await browser.open('about:blank');
    const hosts = new Set();
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    await page.setViewportSize({ width, height });
    await page.goto(`http://${server.clients.host}:${server.clients.port}/sprites/`);
    await page.locator('#link[data-state=live]').waitFor();
    for (const element of [...await page.locator('#shelf button, #cell, dd, #latency, fieldset').all()]) {
      const box = await element.boundingBox();
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, JSON.stringify(box));
    }
    await page.getByRole('button', { name: 'Make a kite' }).click();
    assert.equal(await number(page, '#here'), 4);
    assert.deepEqual([...hosts], [`${server.clients.host}:${server.clients.port}`]);
    await closeAll(page);
  }));
}

// One line of it is broken into several: packaging checks take lines of 512 characters for minified code.
test('the Socket.IO client of the page is the one from npm, but for line breaks', () => {
  const read = (...names) => fs.readFileSync(path.join(...names), 'utf8').replace(/\s+/g, '');
  const from = path.dirname(createRequire(import.meta.url).resolve('socket.io-client/package.json'));
  for (const [ours, theirs] of [['socket.io.js', 'dist/socket.io.js'], ['socket.io.LICENSE', 'LICENSE']]) {
    assert.ok(read(root, 'sprites', ours) === read(from, theirs), ours);
  }
});
