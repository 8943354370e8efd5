// The page of doc/tutorial.md in Chromium, as it stands there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { request } from '../integration/lib/http.mjs';
import { withServer } from '../integration/lib/stentord.mjs';
import { Browser } from './lib/pages.mjs';

const tutorial = fs.readFileSync(new URL('../../doc/tutorial.md', import.meta.url), 'utf8');
const page = /index\.html <<'END'\n([^]*?)\nEND\n/.exec(tutorial)[1];

const publish = (server, candidate, votes) => {
  const body = JSON.stringify({ candidate, votes });
  return request(server.admin, `/publish/results/result?key=${candidate}`, { method: 'POST', body });
};

test('the page of the tutorial shows the newest votes, also to those who come late', async (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-tutorial-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  fs.writeFileSync(path.join(root, 'index.html'), page);
  const config = { static_root: root, rooms: [{ pattern: 'results', policy: 'conflate' }] };
  const browser = await Browser.launch();
  t.after(() => browser.close());

  await withServer(config, async (server) => {
    const url = `http://127.0.0.1:${server.clients.port}/`;
    const early = await browser.open(url);
    await publish(server, 'A', 120);
    await publish(server, 'B', 98);
    await early.getByText('B: 98').waitFor();
    await publish(server, 'A', 121);
    const late = await browser.open(url);

    for (const each of [early, late]) {
      await each.getByText('A: 121').waitFor();
      assert.deepEqual((await each.locator('li').allInnerTexts()).sort(), ['A: 121', 'B: 98']);
      const errors = each.errors.filter((error) => !error.includes('favicon') && !error.includes('404'));
      assert.deepEqual(errors, []);
      await each.close();
    }
  })(t);
});
