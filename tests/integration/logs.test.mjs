// Where lines go, and what becomes of them when the disk is full or the file is gone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { until } from './lib/wait.mjs';

function withDirectory(fn) {
  return async (t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-log-'));
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    await fn(directory, t);
  };
}

const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
const untilIn = (file, pattern) => until(() => pattern.test(read(file)), () => `${pattern} in ${read(file)}`);

// A client that breaks the protocol: a line of the log.
async function provoke(server) {
  const ws = await server.websocket('/ws');
  ws.send(3, 'a reserved opcode');
  await ws.closed();
}

test('log_target: a file, opened anew with SIGUSR1, and kept when that fails', withDirectory(async (directory, t) => {
  const file = path.join(directory, 'sub', 'stentord.log');
  fs.mkdirSync(path.dirname(file));
  await withServer({}, async (server) => {
    await server.reload({ log_target: file });
    await provoke(server);
    await untilIn(file, /^\S+Z info conn: #\d+ 127\.0\.0\.1:\d+ closed: the client broke its protocol$/m);
    fs.renameSync(file, `${file}.1`);
    process.kill(server.pid, 'SIGUSR1');
    await untilIn(file, /info log: files have been opened anew/);
    await provoke(server);
    await untilIn(file, /closed: the client broke/);
    assert.equal(read(`${file}.1`).match(/closed: the client broke/g).length, 1, 'the old file is left alone');

    fs.renameSync(path.dirname(file), `${path.dirname(file)}.gone`);
    process.kill(server.pid, 'SIGUSR1');
    const moved = path.join(`${path.dirname(file)}.gone`, 'stentord.log');
    await untilIn(moved, /error log: .* cannot be opened anew: No such file/);
    await provoke(server);
    assert.equal((await request(server.admin, '/healthz')).status, 200);
    const refused = await server.reload({ log_target: file });
    assert.equal(refused.status, 422);
    assert.match(refused.text, /cannot be opened: No such file/);
  })(t);
}));

test('a full disk costs lines, which are counted, and nothing else', withDirectory(async (directory, t) => {
  await withServer({}, async (server) => {
    await server.reload({ log_target: '/dev/full', access_log: '/dev/full' });
    for (let i = 0; i < 3; i++) await provoke(server);
    await server.publish({ event: 'e' });
    const client = await server.native();
    await server.publish({ event: 'f' });
    assert.equal((await client.next()).event, 'f');
    const file = path.join(directory, 'log');
    await server.reload({ log_target: file });
    await untilIn(file, /info reload: done/);
  })(t);
}));

test('when the disk has room again, the log says how much is missing', withDirectory(async (directory, t) => {
  // A pipe that nobody reads is full until somebody does.
  const fifo = path.join(directory, 'log');
  const { execFileSync } = await import('node:child_process');
  execFileSync('mkfifo', [fifo]);
  const hold = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  t.after(() => fs.closeSync(hold));
  await withServer({}, async (server) => {
    await server.reload({ log_target: fifo });
    await provoke(server);
    const buffer = Buffer.alloc(65536);
    await until(() => {
      try { return buffer.toString('utf8', 0, fs.readSync(hold, buffer)).includes('info conn: '); } catch { return false; }
    }, 'a line from the pipe');
  })(t);
}));

test('log_json: every line is an object', withDirectory(async (directory, t) => {
  const file = path.join(directory, 'log');
  await withServer({}, async (server) => {
    await server.reload({ log_json: true, log_target: file });
    await server.reload({ log_json: true, log_target: file, max_rooms: 3 });
  })(t);
  const lines = read(file).trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.length > 3);
  for (const line of lines) assert.deepEqual(Object.keys(line), ['time', 'level', 'module', 'message']);
  assert.ok(lines.some(({ module, message }) => module === 'reload' && message === 'max_rooms: 3, was 64'));
}));

test('access_log: a line for each publish request, without anything secret', withDirectory(async (directory, t) => {
  const file = path.join(directory, 'access');
  await withServer({ access_log: file, io_threads: 1 }, async (server) => {
    await server.native({ room: 'a' });
    const { seq } = await server.publish({ room: ['a', 'b'], event: 'result', data: 'private' });
    await server.publish([{ event: 'x' }, { event: 'y' }]);
    await server.get('/publish/a/e', { method: 'POST', body: '1', headers: { Authorization: 'Bearer wrong secret' } });
    await server.get('/publish/a/e', { method: 'POST', body: '1', headers: { Authorization: `Bearer ${KEY}` } });
    await until(() => read(file).split('\n').length > 4, 'four lines');
    const lines = read(file).trimEnd().split('\n');
    assert.match(lines[0], new RegExp(`info access: #\\d+ 127\\.0\\.0\\.1:\\d+ 200 1 messages, \\d+ bytes, seq ${seq}, 1 clients: / a,\\.\\.\\. result$`));
    assert.match(lines[1], / 200 2 messages, .*: \/ \* x$/);
    assert.match(lines[2], / 401 unauthorized$/);
    assert.match(lines[3], /: \/ a e$/);
    assert.doesNotMatch(read(file) + server.log, /private|secret|correct horse/);
  })(t);
}));

test('what comes too often is told together', withServer({}, async (server) => {
  const count = 150;
  for (let i = 0; i < count; i += 10) await Promise.all(Array.from({ length: 10 }, () => provoke(server)));
  await server.untilClosed('protocol_error', count);
  const told = () => {
    const lines = [...server.log.matchAll(/conn: (?:(\d+) more like this: )?#\d+ \S+ closed: the client broke/g)];
    return lines.reduce((sum, [, more]) => sum + Number(more ?? 1), 0);
  };
  await until(() => told() === count, () => `all to be told: ${told()}`);
}));

test('a log that cannot be opened: the server does not start, and says why', async () => {
  const { formatConfig } = await import('./lib/config.mjs');
  const { run } = await import('./lib/program.mjs');
  const { defaults } = await import('./lib/stentord.mjs');
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-log-'));
  const file = path.join(directory, 'conf');
  fs.writeFileSync(file, formatConfig({ ...defaults, log_target: '/nonexistent/log' }));
  const { code, stderr } = await run('stentord', ['-f', '-c', file]);
  assert.equal(code, 1);
  assert.match(stderr, /error log: \/nonexistent\/log cannot be opened: No such file/);
  for (const [option, value] of [['log_target', 'loud'], ['access_log', 'here']]) {
    fs.writeFileSync(file, `${option} = "${value}";\n`);
    assert.match((await run('stentord', ['-t', '-c', file])).stderr, new RegExp(`:1: ${option}: `));
  }
  fs.rmSync(directory, { recursive: true });
});
