// The status page in Chromium while stentor-swarm is at work: what it shows is what the swarm counts
// at the other end. With SCREENSHOTS=FOLDER it leaves pictures there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

import { withServer } from '../integration/lib/stentord.mjs';
import { startSwarm } from '../integration/lib/swarm.mjs';
import { deadlineMs, timeFactor, until } from '../integration/lib/wait.mjs';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
const CLIENTS = 1000;
const MIX = { websocket: 500, polling: 300, sse: 200 };
const RATE = 10;
const SECONDS = 12 * timeFactor;

let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
});

after(() => browser.close());

async function open(server, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, ...options });
  page.setDefaultTimeout(deadlineMs);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (line) => line.type() === 'error' && page.errors.push(line.text()));
  await page.goto(`http://127.0.0.1:${server.admin.port}/status`);
  await page.waitForFunction(() => document.getElementById('state').textContent === 'serving');
  return page;
}

const units = { '': 1, k: 1e3, M: 1e6, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

// The number that a person reads there.
function value(text) {
  const [, number, unit] = /^([\d,.]+) ?(KiB|MiB|GiB|B|k|M|)/.exec(text) ?? assert.fail(`no number: ${text}`);
  return Number(number.replaceAll(',', '')) * units[unit];
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function assertNear(shown, counted, tolerance, what) {
  assert.ok(Math.abs(shown - counted) <= tolerance * counted, `${what}: ${shown} on the page, ${counted} counted`);
}

const table = (page, id) => page.locator(`#${id} tr`).evaluateAll((lines) =>
  lines.map((line) => [...line.querySelectorAll('td')].map((cell) => cell.textContent)).filter((cells) => cells.length > 0));

// What the page shows now, as numbers.
function read(page) {
  return page.evaluate(() => {
    const text = (id) => document.getElementById(id).textContent;
    const busy = [...document.querySelectorAll('#threads tr td:nth-child(2)')].map((cell) => parseFloat(cell.textContent));
    return {
      at: samples.at(-1)?.at, clients: text('clients'), published: text('published'), deliveries: text('deliveries'),
      bytes: text('bytes'), memory: text('memory'), busy: busy.reduce((sum, percent) => sum + percent, 0) / 100,
    };
  });
}

// One reading for each time that the page is drawn, for as long as `going` says.
async function watch(page, going) {
  const readings = [];
  await until(async () => {
    const now = await read(page);
    if (now.at !== readings.at(-1)?.at) readings.push(now);
    return !going();
  }, 'the end of the run', 4 * SECONDS * 1000);
  return readings;
}

async function screenshots(page, name) {
  for (const [scheme, width] of [['light', 1280], ['dark', 1280], ['light', 390]]) {
    await page.setViewportSize({ width, height: 1000 });
    await page.emulateMedia({ colorScheme: scheme });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${scheme}, ${width} pixels wide`);
    const cut = await page.locator('table').evaluateAll((tables) =>
      tables.filter((each) => each.scrollWidth > each.parentElement.clientWidth || each.querySelector('td')?.offsetWidth < 40).map(({ id }) => id));
    assert.deepEqual(cut, [], `${scheme}, ${width} pixels wide: tables that are cut`);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `status-${name}-${scheme}-${width}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 1000 });
}

test('under load the page shows what the swarm counts', withServer({}, async (server) => {
  const page = await open(server);
  assert.equal(await page.locator('#clients').innerText(), '0');
  let going = true;
  const run = startSwarm(server.admin, [
    '-c', String(CLIENTS), '--ramp', '1', '--idle', '2', '--rounds', `${1 / RATE}s:${SECONDS}s`, '--pid', String(server.pid),
    '--transports', Object.entries(MIX).map(([name, count]) => `${name}:${count}`).join(),
  ]);
  run.result.finally(() => { going = false; });
  await page.waitForFunction((count) => document.getElementById('clients').textContent === count.toLocaleString('en'), CLIENTS);
  await page.waitForFunction(() => parseFloat(document.getElementById('published').textContent) > 1);

  const sessions = Object.fromEntries((await table(page, 'sessions')).map(([form, , count]) => [form, Number(count)]));
  assert.deepEqual(sessions, { native: MIX.websocket, polling: MIX.polling, sse: MIX.sse });
  await until(async () => (await table(page, 'rooms'))[0]?.[1] === '1,000', 'the largest room');
  const threads = (await table(page, 'threads')).map(([name]) => name);
  assert.deepEqual(threads, ['acceptor', 'io-0', 'io-1', 'broadcast']);
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) * 1024;
  assertNear(value((await read(page)).memory), rss, 0.1, 'memory');
  await page.waitForFunction(() => samples.length >= 8);
  await screenshots(page, 'load');

  const readings = await watch(page, () => going);
  const { code, stderr, report } = await run.result;
  assert.equal(code, 0, stderr);
  const [round] = report.rounds;
  const busy = readings.filter(({ published }) => value(published) > RATE / 2);
  const shown = (name) => median(busy.map((reading) => value(reading[name])));
  assert.ok(busy.length >= 5, `${busy.length} readings`);
  // The last second of the run may be shown when all have left already.
  for (const { clients } of busy.slice(0, -1)) assert.equal(clients, '1,000');
  assertNear(shown('published'), RATE, 0.1, 'published');
  assertNear(shown('deliveries'), round.deliveries_per_second, 0.1, 'deliveries');
  assertNear(shown('bytes'), round.wire_bytes / round.seconds, 0.3, 'bytes');
  const share = median(busy.map((reading) => reading.busy));
  assert.ok(Math.abs(share - round.server_cpu_share) < 0.05 + 0.35 * round.server_cpu_share, `CPU: ${share} on the page, ${round.server_cpu_share} counted`);
  assert.match(await page.locator('#delays').innerText(), /fan-out of a room, first to last client\s+[\d.]+ (µs|ms)/);

  await page.waitForFunction(() => document.getElementById('clients').textContent === '0');
  const closes = Object.fromEntries((await table(page, 'closes')).map(([reason, recent]) => [reason, value(recent)]));
  assert.ok(Object.values(closes).reduce((sum, count) => sum + count, 0) >= CLIENTS, JSON.stringify(closes));
  assert.equal(await server.metric('deliveries_total'), (await server.metric('published_total')) * CLIENTS);
  assert.deepEqual(page.errors, []);
  await page.close();
}));

test('it says when the server drains, and when there is none', async (t) => {
  let page;
  await withServer({ drain_time: 60 }, async (server) => {
    page = await open(server);
    const client = await server.native();
    server.terminate();
    await page.waitForFunction(() => document.getElementById('state').textContent === 'draining');
    await client.close();
  })(t);
  await page.waitForFunction(() => document.getElementById('state').textContent === 'no answer');
  await screenshots(page, 'gone');
  await page.close();
});
