// The Map Center in Chromium: a desk and viewers, whatever the network and the server do to them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { proxied } from '../integration/lib/proxy.mjs';
import { KEY, withServer } from '../integration/lib/stentord.mjs';
import { Browser } from './lib/pages.mjs';

const config = {
  static_root: fileURLToPath(new URL('../../share/pages', import.meta.url)),
  rooms: [{ pattern: 'map-center', policy: 'conflate' }],
  journal: { messages: 3 }, // so that nearly everything that latecomers get is what conflation keeps
};

let browser;
before(async () => {
  browser = await Browser.launch();
});
after(() => browser.close());

const urlOf = ({ host, port }) => `http://${host}:${port}/map-center/`;
const live = (page) => page.locator('#link[data-state=live]').waitFor();
const tile = (page, state) => page.locator(`.tile[data-state=${state}]`);
const mapOf = (page) => page.locator('.tile').evaluateAll((tiles) =>
  Object.fromEntries(tiles.filter(({ dataset }) => dataset.call).map(({ dataset }) => [dataset.state, dataset.call])));
const linesOf = (page) => page.locator('.entry strong').allInnerTexts();
const votesOf = (page) => page.locator('.side .votes').allInnerTexts();

async function untilMap(page, wanted) {
  await page.waitForFunction((map) => {
    const calls = [...document.querySelectorAll('.tile')].filter(({ dataset }) => dataset.call);
    return calls.length === Object.keys(map).length && calls.every(({ dataset }) => map[dataset.state] === dataset.call);
  }, wanted);
}

async function openViewer(listener) {
  const page = await browser.open(urlOf(listener));
  await live(page);
  return page;
}

async function openDesk(server, { key = KEY, title = 'A test' } = {}) {
  const page = await browser.open(`${urlOf(server.clients)}desk.html#${encodeURIComponent(key)}`);
  await live(page);
  await page.locator('#begin').click();
  await page.getByLabel('Title').fill(title);
  await page.getByRole('button', { name: 'Begin', exact: true }).click();
  return page;
}

async function call(desk, state, to) {
  await desk.bringToFront(); // pages behind others are drawn, and so clicked, slowly
  await tile(desk, state).click();
  await desk.locator(`[data-to="${to}"]`).click();
}

// Waits until everything that the desk did is on air.
const onAir = (desk) => desk.waitForFunction(() => document.querySelector('#air').textContent.startsWith('On air'));

async function closeAll(...pages) {
  for (const page of pages) {
    assert.deepEqual(page.errors, []);
    await page.close({ runBeforeUnload: false });
  }
}

test('the desk calls three states, and the maps of two viewers change', withServer(config, async (server) => {
  const viewers = [await openViewer(server.clients), await openViewer(server.clients)];
  const desk = await openDesk(server, { title: 'Election night in <i>Ohio</i>' });
  for (const [state, to] of [['OH', 'a'], ['CA', 'b'], ['ME', 'a']]) await call(desk, state, to);

  for (const page of [...viewers, desk]) {
    await untilMap(page, { OH: 'a', CA: 'b', ME: 'a' });
    assert.deepEqual(await votesOf(page), ['21', '54']);
    assert.deepEqual(await linesOf(page), ['Maine for Ada Quill', 'California for Bram Tolliver', 'Ohio for Ada Quill', 'The night begins']);
    assert.equal(await page.locator('#title').innerText(), 'Election night in <i>Ohio</i>');
  }
  assert.equal(await viewers[0].locator('.tile[data-state=CA]').getAttribute('aria-label'), 'California, 54 votes, called for Bram Tolliver, Harbor');
  await viewers[0].waitForFunction(() => /Maine for Ada Quill.*Quill 21, Tolliver 54/.test(document.querySelector('#announcer').textContent));
  await desk.getByText(/On air: 1 change sent to 2 viewers in \d+ ms/).waitFor();
  assert.ok(!desk.url().includes('#'), 'the key does not stay in the address');
  await closeAll(...viewers, desk);
}));

test('the desk is usable by keyboard alone', withServer(config, async (server) => {
  const desk = await openDesk(server);
  await tile(desk, 'AK').focus();
  await desk.keyboard.type('oh');
  await desk.keyboard.press('1');
  await desk.keyboard.press('ArrowRight'); // Pennsylvania
  await desk.keyboard.press('2');
  await desk.keyboard.press('ArrowUp'); // Michigan
  await desk.keyboard.press('1');
  await desk.keyboard.press('0');
  await untilMap(desk, { OH: 'a', PA: 'b' });
  assert.equal(await desk.evaluate(() => document.activeElement.dataset.state), 'MI');
  await desk.getByLabel('Note to the viewers').focus();
  await desk.keyboard.type('102 votes'); // no calls
  await desk.keyboard.press('Tab');
  await desk.keyboard.press('Enter');
  await desk.locator('.entry[data-kind=note]').waitFor();

  assert.deepEqual((await linesOf(desk)).slice(0, 3), ['102 votes', 'Michigan is open again', 'Michigan for Ada Quill']);
  assert.deepEqual(await mapOf(desk), { OH: 'a', PA: 'b' });
  await closeAll(desk);
}));

test('corrections, notes and rewinding', withServer(config, async (server) => {
  const viewer = await openViewer(server.clients);
  const desk = await openDesk(server);
  await call(desk, 'OH', 'a');
  await call(desk, 'IA', 'a');
  await desk.getByLabel('Note to the viewers').fill('Iowa counts again.');
  await desk.getByRole('button', { name: 'Post' }).click();
  await call(desk, 'IA', 'b');
  await call(desk, 'TX', 'b');
  await call(desk, 'OH', '');
  await untilMap(viewer, { IA: 'b', TX: 'b' });
  assert.deepEqual(await linesOf(viewer), [
    'Ohio is open again', 'Texas for Bram Tolliver', 'Iowa corrected: Bram Tolliver', 'Iowa counts again.', 'Iowa for Ada Quill', 'Ohio for Ada Quill', 'The night begins',
  ]);

  await desk.getByRole('button', { name: /^Back to .*: Iowa counts again/ }).click();
  await desk.getByText(/^3 calls made after .* will be withdrawn: (Ohio|Iowa|Texas), /).waitFor();
  await desk.getByRole('button', { name: 'Go back' }).click();
  await untilMap(viewer, { OH: 'a', IA: 'a' });
  await untilMap(desk, { OH: 'a', IA: 'a' });
  assert.match((await linesOf(viewer))[0], /^Back to \d\d:\d\d$/);
  assert.equal(await viewer.locator('.entry.gone').count(), 3);

  await desk.getByRole('button', { name: 'Remove the note' }).click();
  await viewer.locator('.entry.gone[data-kind=note]').waitFor();
  await desk.getByRole('button', { name: 'Undo the last call' }).click();
  await desk.getByRole('button', { name: 'Go back' }).click();
  await untilMap(viewer, { OH: 'a' });

  const late = await openViewer(server.clients);
  await untilMap(late, { OH: 'a' });
  assert.deepEqual(await linesOf(late), await linesOf(viewer));
  await closeAll(viewer, desk, late);
}));

test('a new night empties the maps', withServer(config, async (server) => {
  const viewer = await openViewer(server.clients);
  const desk = await openDesk(server);
  await call(desk, 'OH', 'a');
  await untilMap(viewer, { OH: 'a' });
  await desk.getByRole('button', { name: 'New night' }).click();
  await desk.getByRole('button', { name: 'Begin', exact: true }).click();
  await untilMap(viewer, {});
  await call(desk, 'IA', 'b');
  await untilMap(viewer, { IA: 'b' });
  const late = await openViewer(server.clients); // to whom the server sends Ohio's old call, too
  await untilMap(late, { IA: 'b' });
  await closeAll(viewer, desk, late);
}));

// What the browser knows of the network, for one page alone.
async function setOffline(page, offline) {
  page.session ??= await page.context().newCDPSession(page);
  await page.session.send('Network.enable');
  await page.session.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
}

test('reloading, coming late and losing the network end in the same map', withServer(config, async (server) => {
  const proxy = await proxied(server);
  const lost = await openViewer(proxy.listener);
  const reloaded = await openViewer(server.clients);
  const desk = await openDesk(server);
  await call(desk, 'OH', 'a');
  await call(desk, 'NY', 'b');
  await untilMap(lost, { OH: 'a', NY: 'b' });

  // The network is gone in the way that nobody is told of: nothing comes any more.
  proxy.down('freeze');
  await setOffline(lost, true);
  await lost.locator('#link[data-state=lost]').waitFor();
  assert.match(await lost.locator('#link').innerText(), /^No network since \d\d:\d\d:\d\d$/);
  assert.match(await lost.locator('#notice').innerText(), /^This is what was known at /);
  for (const [state, to] of [['OH', 'b'], ['CA', 'b'], ['NY', ''], ['TX', 'a'], ['FL', 'a'], ['GA', 'b'], ['GA', 'a']]) await call(desk, state, to);
  const end = { OH: 'b', CA: 'b', TX: 'a', FL: 'a', GA: 'a' };
  await untilMap(reloaded, end);
  assert.deepEqual(await mapOf(lost), { OH: 'a', NY: 'b' });

  await reloaded.reload();
  await live(reloaded);
  const late = await openViewer(server.clients);
  proxy.all('cut');
  proxy.up();
  await setOffline(lost, false);
  await live(lost);
  for (const page of [lost, reloaded, late, desk]) {
    await untilMap(page, end);
    assert.deepEqual(await votesOf(page), ['86', '71']);
  }
  for (const page of [lost, reloaded, late]) assert.deepEqual(await linesOf(page), await linesOf(desk));
  assert.ok(await lost.locator('#notice').isHidden());
  lost.errors = lost.errors.filter((text) => !/WebSocket connection|ERR_|Failed to load/.test(text));
  await closeAll(lost, reloaded, late, desk);
}));

test('where no WebSocket gets through, it is Server-Sent Events', withServer(config, async (server) => {
  const desk = await openDesk(server);
  await call(desk, 'OH', 'a');
  const proxy = await proxied(server);
  const page = await browser.open('about:blank');
  await page.addInitScript(() => {
    window.WebSocket = class {
      constructor() {
        setTimeout(() => this.onclose?.());
      }
      close() {}
    };
  });
  await page.goto(urlOf(proxy.listener));
  await live(page);
  assert.equal(await page.locator('#link').innerText(), 'Live by event stream');
  await untilMap(page, { OH: 'a' });
  await call(desk, 'IA', 'b');
  await untilMap(page, { OH: 'a', IA: 'b' });

  proxy.down();
  await page.locator('#link[data-state=lost]').waitFor();
  for (const [state, to] of [['TX', 'a'], ['IA', ''], ['CA', 'b'], ['CA', 'a']]) await call(desk, state, to);
  proxy.up();
  await untilMap(page, { OH: 'a', TX: 'a', CA: 'a' });
  await live(page);
  page.errors = page.errors.filter((text) => !/ERR_/.test(text));
  await closeAll(page, desk);
}));

test('where nothing gets through, the page says so', withServer(config, async (server) => {
  const page = await browser.open('about:blank');
  await page.addInitScript(() => {
    window.WebSocket = class {
      constructor() {
        setTimeout(() => this.onclose?.());
      }
      close() {}
    };
    window.EventSource = class extends EventTarget {
      constructor() {
        super();
        setTimeout(() => this.onerror?.());
      }
      close() {}
    };
  });
  await page.goto(urlOf(server.clients));
  await page.getByText('The server cannot be reached').waitFor();
  assert.match(await page.locator('#link').innerText(), /^No connection since/);
  await closeAll(page);
}));

test('a restarted server gets the night back from the desk', async (t) => {
  let port;
  let desk;
  let viewer;
  await t.test('before', withServer(config, async (server) => {
    ({ port } = server.clients);
    viewer = await openViewer(server.clients);
    desk = await openDesk(server);
    await call(desk, 'OH', 'a');
    await call(desk, 'IA', 'b');
    await desk.getByLabel('Note to the viewers').fill('So far, so good.');
    await desk.getByRole('button', { name: 'Post' }).click();
    await untilMap(viewer, { OH: 'a', IA: 'b' });
    await onAir(desk);
  }));
  await call(desk, 'TX', 'b'); // while there is no server
  await desk.getByText(/Not on air: .* 1 change waiting; trying again/).waitFor();
  assert.deepEqual(await mapOf(viewer), { OH: 'a', IA: 'b' });

  const listeners = [{ address: '127.0.0.1', port }, { address: '127.0.0.1', port: 0, admin: true }];
  await t.test('after', withServer({ ...config, listeners }, async (server) => {
    const end = { OH: 'a', IA: 'b', TX: 'b' };
    await live(desk);
    await untilMap(viewer, end);
    const late = await openViewer(server.clients);
    await untilMap(late, end);
    assert.deepEqual(await linesOf(late), ['Texas for Bram Tolliver', 'So far, so good.', 'Iowa for Bram Tolliver', 'Ohio for Ada Quill', 'The night begins']);
    assert.deepEqual(await linesOf(viewer), await linesOf(late));
    await viewer.locator('#notice').waitFor({ state: 'hidden' });
    await desk.close();
    await closeAll(late);
  }));

  // Restarted once more, with nobody at the desk: the viewer keeps what it has, and says so.
  await t.test('without the desk', withServer({ ...config, listeners }, async (server) => {
    await viewer.getByText('The server was restarted.').waitFor();
    assert.deepEqual(await mapOf(viewer), { OH: 'a', IA: 'b', TX: 'b' });

    // A desk that opens now asks before it puts the old night on air.
    const page = await browser.open(`${urlOf(server.clients)}desk.html#${encodeURIComponent(KEY)}`);
    await page.getByText(/This browser has one: A test, begun .* with 3 states called/).waitFor();
    assert.deepEqual(await mapOf(page), {});
    await page.getByRole('button', { name: 'Put it on air' }).click();
    await untilMap(page, { OH: 'a', IA: 'b', TX: 'b' });
    await viewer.locator('#notice').waitFor({ state: 'hidden' });
    await call(page, 'TX', 'a');
    await untilMap(viewer, { OH: 'a', IA: 'b', TX: 'a' });
    await closeAll(page);
    await viewer.close();
  }));
});

test('with a wrong key nothing goes on air, and everything does with the right one', withServer(config, async (server) => {
  const viewer = await openViewer(server.clients);
  const desk = await openDesk(server, { key: 'wrong' });
  await desk.getByText('To publish, the desk needs').waitFor();
  await desk.keyboard.press('Escape'); // one may go on without
  await desk.getByText('To publish, the desk needs').waitFor({ state: 'hidden' });
  await tile(desk, 'AK').click();
  await desk.locator('[data-to=b]').click();
  await desk.getByText('To publish, the desk needs').waitFor();
  assert.match(await desk.locator('#air').innerText(), /^Not on air: a key is needed\. 2 changes waiting/);
  await desk.getByRole('textbox', { name: 'Key' }).fill(KEY);
  await desk.getByRole('button', { name: 'Go on air' }).click();
  await onAir(desk);
  await call(desk, 'OH', 'a');
  await untilMap(viewer, { AK: 'b', OH: 'a' });
  desk.errors = desk.errors.filter((text) => !/401/.test(text));
  await closeAll(viewer, desk);
}));

test('two desks work on one night', withServer(config, async (server) => {
  const first = await openDesk(server);
  await call(first, 'OH', 'a');
  await onAir(first);
  const second = await browser.open(`${urlOf(server.clients)}desk.html#${encodeURIComponent(KEY)}`);
  await untilMap(second, { OH: 'a' });
  await call(second, 'OH', 'b');
  await call(second, 'IA', 'b');
  await untilMap(first, { OH: 'b', IA: 'b' });
  await call(first, 'IA', 'a');
  await untilMap(second, { OH: 'b', IA: 'a' });
  await closeAll(first, second);
}));

test('a viewer can look back at the night, and return to now', withServer(config, async (server) => {
  const viewer = await openViewer(server.clients);
  const desk = await openDesk(server);
  for (const [state, to] of [['OH', 'a'], ['IA', 'b'], ['OH', 'b']]) await call(desk, state, to);
  await untilMap(viewer, { OH: 'b', IA: 'b' });
  await viewer.getByLabel('Look back').focus();
  await viewer.keyboard.press('ArrowLeft');
  await untilMap(viewer, { OH: 'a', IA: 'b' });
  await viewer.keyboard.press('ArrowLeft');
  await untilMap(viewer, { OH: 'a' });
  assert.match(await viewer.locator('#moment').innerText(), /^As it was at/);
  await call(desk, 'TX', 'a');
  await viewer.getByRole('button', { name: 'Back to now (3 newer)' }).waitFor();
  assert.deepEqual(await mapOf(viewer), { OH: 'a' });
  await viewer.getByRole('button', { name: 'Back to now' }).click();
  await untilMap(viewer, { OH: 'b', IA: 'b', TX: 'a' });
  await closeAll(viewer, desk);
}));

test('whatever is published into the room, pages go on', withServer(config, async (server) => {
  const viewer = await openViewer(server.clients);
  const desk = await openDesk(server);
  await onAir(desk);
  const nonsense = [null, 5, 'x', [], {}, { night: 1 }, { night: 1e15, rev: 1, state: 'ZZ', log: [] }, { night: 1e15, rev: 1, state: 'OH', log: 5 },
    { night: 1e15, rev: 1, state: 'OH', log: [null] }, { night: 1e15, rev: 1, state: 'OH', log: [{ at: 1, call: '__proto__' }] },
    { night: 1e15, rev: 1, id: 'n', at: 1 }, { night: 1e15, rev: 1, id: 'n', at: 1, rewind: {} }, { night: 1e15, rev: 1 }];
  for (const event of ['state', 'note', 'night', 'other']) {
    for (const data of nonsense) await server.publish({ room: 'map-center', event, data, key: `${event}${JSON.stringify(data)}` });
  }
  await call(desk, 'OH', 'a');
  for (const page of [viewer, desk, await openViewer(server.clients)]) {
    await untilMap(page, { OH: 'a' });
    await closeAll(page);
  }
}));

test('from any newest documents follows the same night, in any order', withServer(config, async (server) => {
  const page = await browser.open(urlOf(server.clients));
  const problem = await page.evaluate(async () => {
    const { Night } = await import('./night.js');
    const { STATES, ALL_VOTES } = await import('./states.js');
    const cells = new Set([...STATES.values()].map(({ x, y }) => `${x},${y}`));
    if (ALL_VOTES !== 538 || STATES.size !== 51 || cells.size !== 51) return 'the states are not those of the country';
    const pick = (list) => list[Math.floor(Math.random() * list.length)];
    const shown = (night) => JSON.stringify([night.title, [...night.calls()].sort(), night.timeline()]);
    for (let round = 0; round < 100; round++) {
      const desk = new Night();
      const viewer = new Night();
      const newest = new Map();
      const publish = (documents) => documents.forEach(([kind, document]) => {
        newest.set(desk.accept(kind, document), [kind, document]);
        viewer.accept(kind, document);
      });
      publish(desk.begin('A night'));
      for (let step = 0; step < 40; step++) {
        const times = desk.timeline();
        const make = pick([
          () => desk.call(pick([...STATES.keys()].slice(0, 6)), pick(['a', 'b', null])),
          () => desk.call(pick([...STATES.keys()].slice(0, 6)), pick(['a', 'b', null])),
          () => desk.note(`note ${step}`),
          () => desk.rewind(pick(times).at),
        ]);
        publish(make());
      }
      const late = new Night();
      for (const [kind, document] of [...newest.values()].sort(() => Math.random() - 0.5)) late.accept(kind, document);
      if (shown(late) !== shown(desk)) return `late: ${shown(late)} and not ${shown(desk)}`;
      if (shown(viewer) !== shown(desk)) return `viewer: ${shown(viewer)} and not ${shown(desk)}`;
      // Every moment of the past is as it was: a rewind to it brings back its map.
      const { at } = pick(desk.timeline());
      const then = JSON.stringify([...desk.calls(at)]);
      publish(desk.rewind(desk.timeline().findLast((entry) => entry.at <= at).at));
      if (JSON.stringify([...desk.calls(at)]) !== then) return `the past changed: ${then}`;
    }
    return null;
  });
  assert.equal(problem, null);
  await closeAll(page);
}));

for (const name of ['', 'desk.html']) {
  test(`nothing of map-center/${name} is wider than a phone, and nothing comes from elsewhere`, withServer(config, async (server) => {
    const page = await browser.open('about:blank');
    const hosts = new Set();
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(urlOf(server.clients) + name);
    await live(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.deepEqual([...hosts], [`127.0.0.1:${server.clients.port}`]);
    await closeAll(page);
  }));
}

test('a night with very many notes', withServer(config, async (server) => {
  const desk = await openDesk(server);
  await onAir(desk);
  const night = await desk.evaluate(() => JSON.parse(localStorage.getItem('map-center.night'))[0][1].night);
  const notes = Array.from({ length: 900 }, (_, i) => ({
    room: 'map-center', event: 'note', key: `note:${i}`, data: { night, rev: 1, id: String(i), at: night + 1 + i, text: `note ${i} ${'x'.repeat(200)}` },
  }));
  for (let i = 0; i < notes.length; i += 300) await server.publish(notes.slice(i, i + 300));
  await call(desk, 'OH', 'a');
  const late = await openViewer(server.clients);
  for (const page of [desk, late]) {
    await untilMap(page, { OH: 'a' });
    await page.waitForFunction(() => document.querySelectorAll('.entry').length === 902);
  }
  await closeAll(desk, late);
}));
