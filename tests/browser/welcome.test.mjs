// The welcome page in Chromium, as script/server's user sees it. Of playwright-core, 1.61 is the
// last that runs with Node 18, which Debian 12 has.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { request } from '../integration/lib/http.mjs';
import { withServer } from '../integration/lib/stentord.mjs';

const pages = fileURLToPath(new URL('../../share/pages', import.meta.url));
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
const config = { static_root: pages, journal: { messages: 5, bytes: 1048576, age: 0 } };

let profile;
let browser;

before(async () => {
  profile = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-browser-'));
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: flags,
  });
});

after(async () => {
  await browser.close();
  fs.rmSync(profile, { recursive: true, force: true });
});

async function open(server, search = '') {
  const page = await browser.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error));
  page.on('console', (line) => line.type() === 'error' && page.errors.push(line.text()));
  await page.goto(`http://127.0.0.1:${server.clients.port}/${search}`);
  await page.locator('[data-state=live]').waitFor();
  return page;
}

function publish(server, room, data) {
  const body = JSON.stringify(data);
  return request(server.admin, `/publish/${room}/hello`, { method: 'POST', body });
}

test(
  'a message that curl publishes appears on the open page',
  withServer(config, async (server) => {
    const page = await open(server);
    const answer = await publish(server, 'news', { text: 'grüße <b>' });
    assert.equal(answer.json().clients, 1);
    await page.getByText('"text":"grüße <b>"').waitFor();
    assert.equal(await page.locator('#messages strong').innerText(), 'hello');
    assert.deepEqual(page.errors, []);
    await page.close();
  }),
);

test(
  'another room can be chosen, and the address remembers it',
  withServer(config, async (server) => {
    const page = await open(server);
    await page.getByRole('textbox', { name: 'Room' }).fill('a room/ä');
    await page.getByRole('button', { name: 'Listen' }).click();
    await page.getByText('listening to a room/ä').waitFor();
    await publish(server, encodeURIComponent('a room/ä'), 'there');
    await page.getByText('"there"').waitFor();
    await page.reload();
    await page.getByText('listening to a room/ä').waitFor();
    await page.close();
  }),
);

// The page's connection ends with the server's; a new server on the same port is another journal,
// whose first seq is larger than anything that the page has seen.
test('a page goes on with a restarted server, and shows the gap', async (t) => {
  let port;
  let page;
  await t.test(
    'before',
    withServer(config, async (server) => {
      port = server.clients.port;
      page = await open(server);
      await publish(server, 'news', 'first');
      await page.getByText('"first"').waitFor();
    }),
  );
  const listeners = [
    { address: '127.0.0.1', port },
    { address: '127.0.0.1', port: 0, admin: true },
  ];
  await t.test(
    'after',
    withServer({ ...config, listeners }, async (server) => {
      await page.locator('[data-state=live]').waitFor();
      await page.getByText('came too long ago').waitFor();
      await publish(server, 'news', 'second');
      await page.getByText('"second"').waitFor();
      await page.close();
    }),
  );
});

test(
  'it fits a phone',
  withServer(config, async (server) => {
    const page = await open(server);
    await page.setViewportSize({ width: 360, height: 640 });
    await publish(server, 'news', { long: 'x'.repeat(300) });
    await page.locator('#messages li').waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `the page is ${width} pixels wide`);
    if (process.env.SCREENSHOTS) {
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/welcome-phone.png` });
      await page.setViewportSize({ width: 1200, height: 800 });
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/welcome-desktop.png` });
    }
    await page.close();
  }),
);
