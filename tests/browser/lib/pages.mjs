// Chromium, and empty pages with the browser builds of socket.io-client: from an origin of their
// own, and as files for a server's static_root.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

import { certificateHash, overTls, serverOf } from '../../integration/lib/tls.mjs';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
const dist = path.join(path.dirname(createRequire(import.meta.url).resolve('socket.io-client/package.json')), 'dist');

// The page: `take` collects what comes, for `seen`.
const html = (script) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script src="${script}"></script>
<script>
  const seen = [];
  const take = (...what) => seen.push(what);
</script>
`;

const files = {
  '/default.html': ['text/html', html('socket.io.js')],
  '/msgpack.html': ['text/html', html('socket.io.msgpack.min.js')],
  '/socket.io.js': ['text/javascript', fs.readFileSync(path.join(dist, 'socket.io.js'))],
  '/socket.io.msgpack.min.js': ['text/javascript', fs.readFileSync(path.join(dist, 'socket.io.msgpack.min.js'))],
};

export class Browser {
  // With `trusted`, certificates whose keys have these hashes are good; it has no other authorities
  // than the system's.
  static async launch({ trusted = [certificateHash()].filter(Boolean) } = {}) {
    const browser = new Browser();
    browser.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-browser-'));
    browser.root = path.join(browser.directory, 'root');
    fs.mkdirSync(browser.root);
    for (const [name, [, content]] of Object.entries(files)) fs.writeFileSync(path.join(browser.root, name), content);
    browser.context = await chromium.launchPersistentContext(path.join(browser.directory, 'profile'), {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: trusted.length === 0 ? flags : [...flags, `--ignore-certificate-errors-spki-list=${trusted.join(',')}`],
    });
    await browser.serve();
    return browser;
  }

  async serve() {
    this.pages = serverOf((request, response) => {
      const [type, content] = files[request.url] ?? ['text/plain', 'not found'];
      response.writeHead(request.url in files ? 200 : 404, { 'Content-Type': type }).end(content);
    });
    await new Promise((resolve) => this.pages.listen(0, '127.0.0.1', resolve));
    this.origin = `http${overTls ? 's' : ''}://127.0.0.1:${this.pages.address().port}`;
  }

  // Opens a page; what goes wrong there is in `page.errors`.
  async open(url) {
    const page = await this.context.newPage();
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(error.message));
    page.on('console', (line) => line.type() === 'error' && page.errors.push(line.text()));
    await page.goto(url);
    return page;
  }

  async close() {
    await this.context.close();
    this.pages.closeAllConnections();
    this.pages.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

// Waits until the page has seen that many things; returns them all.
export async function seen(page, count) {
  await page.waitForFunction((wanted) => seen.length >= wanted, count, { timeout: 10_000 });
  return page.evaluate(() => seen);
}
