// Limits that refuse: by address, by rate, by memory; and a server that was killed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { NativeClient } from './lib/native-client.mjs';
import { RawSocket } from './lib/raw.mjs';
import { defaults, Stentord, withServer } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

const tls = process.env.STENTOR_TEST_TLS !== undefined;

test('max_clients_per_address: one more is answered 429; others and admins get in', { skip: tls }, withServer({ max_clients_per_address: 3 }, async (server) => {
  const clients = [await server.native(), await server.native(), await server.native()];
  const refused = await request(server.clients, '/ws');
  assert.equal(refused.status, 429);
  assert.equal(refused.json().error, 'too_many_connections');
  assert.match(refused.json().message, /max_clients_per_address/);
  await server.untilLog(/ warning accept: 127\.0\.0\.1:\d+ refused: max_clients_per_address \(3\) reached/);
  assert.equal(await server.metric('refused_address_total'), 1);
  assert.equal((await request({ ...server.clients, localAddress: '127.0.0.2' }, '/nothing')).status, 404, 'another address');
  await clients.pop().close();
  const again = await until(() => NativeClient.connect(server.clients).catch(() => null), 'a place');
  again.destroy();
  await server.reload({ max_clients_per_address: 0 });
  for (let i = 0; i < 5; i++) await server.native();
}));

test('accept_rate: who comes too fast waits, and nobody is refused', withServer({ accept_rate: 20 }, async (server) => {
  const begun = Date.now();
  await Promise.all(Array.from({ length: 30 }, () => server.native()));
  const seconds = (Date.now() - begun) / 1000;

  assert.ok(seconds > 0.9, `30 clients at 20 per second, of which 3 at once, took ${seconds} s`);
  assert.ok((await server.metric('accept_paced_total')) > 0);
  await server.untilLog(/ info accept: accept_rate \(20 per second\) reached/);
}));

test('max_memory: new clients are refused with 503, those that are in go on, and it ends', withServer({}, async (server) => {
  const client = await server.native();
  await server.reload({ max_memory: 1 });
  await server.untilLog(/ warning limits: memory: \d+ MiB are in use, more than the 1 MiB of max_memory: new clients are refused/);
  for (const target of ['/events', '/socket.io/?EIO=4&transport=polling']) {
    const { status, text } = await server.get(target);
    assert.deepEqual([status, JSON.parse(text).error], [503, 'no_memory'], target);
  }
  await assert.rejects(NativeClient.connect(server.clients), /503/);
  assert.ok((await server.metric('refused_memory_total')) >= 3);
  await server.publish({ event: 'e' });
  assert.equal((await client.next()).event, 'e');
  await server.reload({ max_memory: 0 });
  await server.untilLog(/ info limits: memory: \d+ MiB are in use: new clients are let in again/);
  await server.native();
}));

test('after kill -9 it starts again at once, and clients are told what they missed', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-kill-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const config = {
    listeners: [...defaults.listeners, { address: `unix:${directory}/admin.sock`, admin: true }],
    pidfile: `${directory}/pid`,
  };
  const first = await Stentord.start(config);
  const client = await first.native();
  const { seq } = await first.publish({ event: 'e' });
  await client.next();
  first.stopping = true;
  process.kill(first.pid, 'SIGKILL');
  await within(first.program.exit, 'the end');
  client.destroy();
  assert.ok(fs.existsSync(`${directory}/admin.sock`), 'it could not tidy up');

  const second = await Stentord.start(config);
  t.after(() => second.stop());
  assert.equal((await request({ socketPath: `${directory}/admin.sock` }, '/healthz')).status, 200);
  const back = await second.native({ since: seq });
  const gap = await back.next('gap');
  assert.ok(gap.from === seq + 1 && gap.to > seq, JSON.stringify(gap));
  const next = await second.publish({ event: 'f' });
  assert.ok(next.seq > gap.to);
  assert.equal((await back.next()).seq, next.seq);
  fs.rmSync(first.directory, { recursive: true, force: true });
});

const sanitized = fs.readFileSync(process.env.STENTORD ?? '/dev/null').includes('__asan_init');

test('with little address space (ulimit -v) clients are refused before memory ends', { skip: sanitized && 'a sanitizer needs terabytes' },
  withServer({ io_threads: 1 }, async (server) => {
    const clients = [];
    await until(async () => {
      for (let i = 0; i < 20; i++) {
        const raw = await RawSocket.connect(server.clients).catch(() => null);
        if (raw === null) continue;
        server.closeLater(raw);
        raw.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
        clients.push(raw);
      }
      await server.publish({ event: 'e', data: 'x'.repeat(500_000) });
      return / limits: memory: /.test(server.log) || (await server.metric('refused_memory_total')) > 0;
    }, 'a refusal', 120_000);
    assert.equal((await request(server.admin, '/healthz')).status, 200);
  }, { wrap: ['prlimit', '--as=400000000'] }));
