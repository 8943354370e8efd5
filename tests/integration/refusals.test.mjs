// Limits that refuse: by address, by rate, by memory; and a server that was killed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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

const needsLimit = { skip: sanitized && 'a sanitizer needs terabytes' };

// The server's addresses in bytes, and what ulimit -v would have allowed it.
const addresses = (server) => Number(/^VmSize:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) * 1024;
const limitAddresses = (server, limit) => execFileSync('prlimit', [`--pid=${server.pid}`, `--as=${limit}:`]);
const publishLarge = (server, length = 500_000) =>
  request(server.admin, '/publish/*/e', { method: 'POST', body: JSON.stringify('x'.repeat(length)) });

test('with little address space (ulimit -v) clients are refused before memory ends', needsLimit, withServer({ io_threads: 1 }, async (server) => {
  const client = await server.native();
  limitAddresses(server, Math.ceil((addresses(server) + 20e6) / 0.9));
  await (await server.native()).close();
  await until(async () => {
    assert.equal((await publishLarge(server)).status, 200);
    await client.next();
    return / limits: memory: /.test(server.log);
  }, 'a refusal');
  assert.match(server.log, /warning limits: memory: \d+ MiB of addresses are in use, more than nine tenths of the limit \(ulimit -v\): new clients are refused/);
  assert.equal((await request(server.clients, '/events')).status, 503);
  assert.equal((await request(server.admin, '/healthz')).status, 200);
  assert.equal((await publishLarge(server)).status, 200);
  assert.equal((await client.next()).data.length, 500_000, 'who is in is served');
  limitAddresses(server, 'unlimited');
  await server.untilLog(/ info limits: memory: \d+ MiB are in use: new clients are let in again/);
  await server.native();
}));

test('with no memory at all requests fail one by one, and what is there goes on', needsLimit, withServer({
  io_threads: 1, journal: { bytes: 1 << 30 }, max_publish_size: 4 << 20,
}, async (server) => {
  const large = 3_000_000;
  const client = await server.native();
  const waiting = await Promise.all(Array.from({ length: 20 }, () => server.raw(server.admin)));
  limitAddresses(server, addresses(server));
  const statuses = new Map();
  const note = (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1);
  await until(async () => {
    note((await publishLarge(server, large).catch(({ code }) => ({ status: code ?? 'cut off' }))).status);
    return [...statuses].some(([status, count]) => status !== 200 && count >= 5);
  }, () => `requests that fail: ${JSON.stringify([...statuses])}`);
  for (const status of statuses.keys()) assert.ok([200, 503, 'ECONNRESET', 'cut off'].includes(status), `${status}`);
  for (const raw of waiting) raw.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal((await request(server.admin, '/healthz')).status, 200, 'small requests succeed');
  await server.untilLog(/ warning limits: memory: /); // it looks from time to time
  limitAddresses(server, 'unlimited');
  for (let i = 0; i < (statuses.get(200) ?? 0); i++) assert.equal((await client.next()).data.length, large);
  await server.untilLog(/ info limits: memory: \d+ MiB are in use: new clients are let in again/);
  const late = await server.native();
  assert.equal((await publishLarge(server, large)).status, 200);
  for (const each of [client, late]) assert.equal((await each.next()).data.length, large);
}, { wrap: ['env', 'MALLOC_ARENA_MAX=1'] })); // others have addresses in store
