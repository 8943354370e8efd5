// The pages of stentor-swarm in Chromium: every plot has data, nothing goes wrong, and they fit a desk
// and a phone. With SCREENSHOTS=FOLDER it leaves pictures there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

import { run } from '../integration/lib/program.mjs';
import { withServer } from '../integration/lib/stentord.mjs';
import { startSwarm } from '../integration/lib/swarm.mjs';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
const plots = ['cpu', 'memory', 'delay', 'deliveries', 'percentiles', 'relative', 'connects', 'pings', 'transports', 'lag', 'switches'];
const compared = ['cpu', 'memory', 'percentiles', 'relative', 'clients', 'delay', 'connects', 'pings'];

let directory;
let browser;
let single;
let both;

// Two runs against a server that pings often, and their pages.
async function measure(server) {
  const files = ['polling', 'websocket'].map((name) => path.join(directory, `${name}.json`));
  single = path.join(directory, 'single.html');
  both = path.join(directory, 'both.html');
  const measured = (args) => startSwarm(server.admin, ['-c', '120', '--ramp', '1', '--idle', '2', '--rounds', '0.2s:2s,0.1s:2s,50ms:2s',
    '--pid', String(server.pid), ...args]).result;
  const first = await measured(['--transports', 'polling:2,upgrade:1,sse:1', '--label', 'by long-polling <b>', '--report', single, '--churn', '10:1s-2s']);
  assert.equal(first.code, 0, first.stdout);
  const second = await measured(['--transports', 'socketio', '--label', 'by WebSocket']);
  assert.equal(second.code, 0, second.stdout);
  [first, second].forEach(({ report }, i) => fs.writeFileSync(files[i], JSON.stringify(report)));
  const { code, stdout } = await run('stentor-swarm', ['compare', '--report', both, ...files]);
  assert.equal(code, 0, stdout);
}

before(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-report-'));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
});

after(async () => {
  await browser.close();
  fs.rmSync(directory, { recursive: true, force: true });
});

test('two runs', withServer({ ping_interval: 1500, ping_timeout: 5000 }, measure));

async function open(file, { width = 1280, colorScheme = 'light', name }) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (line) => line.type() === 'error' && page.errors.push(line.text()));
  page.on('request', (request) => /^https?:/.test(request.url()) && page.errors.push(`asks for ${request.url()}`));
  await page.goto(`file://${file}`);
  await page.locator('figure svg').first().waitFor({ state: 'attached' });
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `swarm-${name}.png`), fullPage: true });
  return page;
}

// What each plot shows: how many points, and how many shapes of a size that can be seen.
function drawn(page) {
  return page.evaluate(() => [...document.querySelectorAll('figure')].map((figure) => ({
    plot: figure.dataset.plot,
    points: Number(figure.dataset.points),
    shapes: [...figure.querySelectorAll('svg path, svg rect:not(.band)')].filter((shape) => {
      const box = shape.getBBox();
      return box.width > 0.5 || box.height > 0.5;
    }).length,
    broken: /NaN|Infinity|undefined/.test(figure.innerHTML),
    outside: [...figure.querySelectorAll('svg path, svg rect')].some((shape) => {
      const box = shape.getBBox(), frame = figure.querySelector('svg').viewBox.baseVal;
      return box.x < -1 || box.x + box.width > frame.width + 1 || box.y < -1 || box.y + box.height > frame.height + 1;
    }),
  })));
}

function assertDrawn(list, wanted) {
  assert.deepEqual(list.map(({ plot }) => plot), wanted);
  for (const { plot, points, shapes, broken, outside } of list) {
    assert.ok(points > 0 && shapes > 0, `${plot}: ${points} points, ${shapes} shapes`);
    assert.ok(!broken, `${plot} has a number that is none`);
    assert.ok(!outside, `${plot} is drawn over its edge`);
  }
}

for (const [name, width, colorScheme] of [['desktop', 1280, 'light'], ['phone', 375, 'dark']]) {
  test(`the page of one run, ${name}`, async () => {
    const page = await open(single, { width, colorScheme, name: `single-${name}` });

    assert.deepEqual(page.errors, []);
    assertDrawn(await drawn(page), plots);
    assert.equal(await page.locator('h1').innerText(), 'by long-polling <b>');
    assert.equal(await page.locator('.badge').first().innerText(), 'VALID');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    assert.equal(await page.locator('.missing').count(), 0);
    await page.close();
  });

  test(`the page of two runs, ${name}`, async () => {
    const page = await open(both, { width, colorScheme, name: `both-${name}` });

    assert.deepEqual(page.errors, []);
    assertDrawn(await drawn(page), compared);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    await page.locator('summary').first().click();
    await page.locator('details[data-drawn] figure svg').first().waitFor();
    assertDrawn((await drawn(page)).slice(compared.length), plots);
    assert.deepEqual(page.errors, []);
    await page.close();
  });
}

test('plots show the values under the pointer, and follow the width of the window', async () => {
  const page = await open(single, { name: 'pointer' });
  const plot = page.locator('figure[data-plot=cpu]');
  const before = await plot.locator('.legend').innerText();

  await plot.locator('svg').hover();
  assert.match(await plot.locator('.legend').innerText(), /server [\d.]+ %/);
  assert.equal(await plot.locator('.cursor').count(), 1);
  await page.mouse.move(0, 0);
  assert.equal(await plot.locator('.legend').innerText(), before);

  const width = () => plot.locator('svg').evaluate((svg) => svg.viewBox.baseVal.width);
  const wide = await width();
  await page.setViewportSize({ width: 500, height: 800 });
  await page.waitForFunction((was) => document.querySelector('figure[data-plot=cpu] svg').viewBox.baseVal.width !== was, wide);
  assert.ok((await width()) < 500);
  await page.close();
});

test('it can be printed', async () => {
  const page = await open(single, { name: 'print' });

  await page.emulateMedia({ media: 'print' });
  const pdf = await page.pdf({ format: 'A4', printBackground: true, margin: { top: '12mm', bottom: '12mm', left: '12mm', right: '12mm' } });
  assert.ok(pdf.length > 20_000);
  if (process.env.SCREENSHOTS) fs.writeFileSync(path.join(process.env.SCREENSHOTS, 'swarm-single.pdf'), pdf);
  await page.close();
});
