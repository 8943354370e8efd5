// What stentord(8) promises under "When something fails", where no other file has it: the clock, the
// disk of the log, a directory that is gone. (After kill -9 and without memory: refusals.test.mjs;
// without descriptors: limits.test.mjs.)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { shiftedClock } from './lib/shifted-clock.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { Stentord, withServer } from './lib/stentord.mjs';
import { timeFactor, until } from './lib/wait.mjs';

const HOUR = 3600;

// A client that breaks the protocol: a line of the log.
async function provoke(server) {
  const ws = await server.websocket('/ws');
  ws.send(3, 'a reserved opcode');
  await ws.closed();
}

// The time of day of the last line of the log, in seconds from now.
function lastStamp(server) {
  const [line] = server.log.trimEnd().split('\n').slice(-1);
  return (Date.parse(line.split(' ', 1)[0]) - Date.now()) / 1000;
}

async function stampAfterLine(server) {
  const before = server.log.length;
  await provoke(server);
  await until(() => server.log.indexOf('\n', before) > 0, 'a line');
  return lastStamp(server);
}

const shifts = [['back', -HOUR], ['forth', HOUR]];

for (const [where, seconds] of shifts) {
  test(`the clock is set ${where} an hour: only the log notices`, async (t) => {
    const clock = shiftedClock(t);
    // Enough heartbeats within the test that one which went by the clock would be missed.
    const config = {
      ping_interval: 200 * timeFactor, ping_timeout: 2000 * timeFactor, recovery_time: 60, journal: { age: 600 },
      header_timeout: 60, idle_timeout: 60, accept_rate: 100, publish_rate: 1000, publish_burst: 1000,
    };
    await withServer(config, async (server) => {
      const native = await server.native({ room: 'a' });
      const socketio = await server.socketio('/', { auth: { rooms: ['a'] } });
      const polling = await server.socketio('/', { transports: ['polling'], auth: { rooms: ['a'] } });
      const half = await server.raw();
      half.write('GET /nothing HTTP/1.1\r\nHost: x\r\n');
      const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
      assert.ok(Math.abs(await stampAfterLine(server)) < 100);
      const { uptime_seconds: uptime } = await server.status();

      clock.set(seconds);

      const pongs = await server.metric('pong_delay_seconds_count');
      await server.untilMetric('pong_delay_seconds_count', (count) => count > pongs + 10);
      const next = await server.publish({ room: 'a', event: 'e', data: 1 });
      assert.equal(next.seq, seq + 1, 'numbers go on');
      assert.equal(next.clients, 3, 'nobody was disconnected');
      for (const data of [0, 1]) {
        assert.equal((await native.next()).data, data);
        for (const client of [socketio, polling]) assert.deepEqual((await client.next()).slice(0, 2), ['e', data]);
      }
      half.write('\r\n');
      assert.equal((await half.readResponse()).status, 404, 'its time is not over');
      const late = await SseClient.connect(server.clients, { room: 'a', since: seq - 1 });
      server.closeLater(late);
      assert.equal((await late.next()).data, 0, 'the journal has not aged');
      const age = await server.status();
      assert.ok(age.uptime_seconds >= uptime && age.uptime_seconds < uptime + 600, `${age.uptime_seconds} s`);
      const stamp = await stampAfterLine(server);
      assert.ok(Math.abs(stamp - seconds) < 100, `the log goes by the clock: ${stamp}`);
    }, { wrap: clock.wrap })(t);
  });
}

test('a restart with a clock that was set back: who comes back is told that everything may be missing', async (t) => {
  const clock = shiftedClock(t);
  const first = await Stentord.start({}, { wrap: clock.wrap });
  const { seq } = await first.publish({ event: 'e' });
  await first.stop();
  clock.set(-HOUR);
  await withServer({}, async (server) => {
    const client = await server.native({ since: seq });
    const fresh = await server.publish({ event: 'f' });
    assert.ok(fresh.seq < seq, 'numbers are given out again');
    const gap = await client.next('gap');
    assert.deepEqual([gap.from, gap.to < fresh.seq], [0, true]);
    assert.equal((await client.next()).seq, fresh.seq);
  }, { wrap: clock.wrap })(t);
});

const mayMount = (() => {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test('a disk that is full costs lines, and the log says how many once there is room', { skip: !mayMount && 'needs to mount' }, async (t) => {
  const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-disk-'));
  t.after(() => fs.rmdirSync(disk));
  const wrap = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o size=64k tmpfs ${disk} && exec "$@"`, 'sh'];
  await withServer({}, async (server) => {
    const inside = (name) => `/proc/${server.pid}/root${disk}/${name}`;
    await server.reload({ log_target: `${disk}/log`, access_log: `${disk}/access` });
    const client = await server.native();
    assert.throws(() => {
      for (;;) fs.appendFileSync(inside('filler'), 'x'.repeat(4096));
    }, /ENOSPC/);
    const size = () => fs.statSync(inside('access')).size;
    const publish = async () => {
      await server.publish({ event: 'e' });
      assert.equal((await client.next()).event, 'e', 'messages flow');
    };
    let before;
    do { // until what the file's last page has left is taken
      before = size();
      await publish();
    } while (size() > before);
    for (let i = 0; i < 5; i++) await publish();
    await provoke(server);
    fs.rmSync(inside('filler'));
    await publish();
    const [lost, ...rest] = fs.readFileSync(inside('access'), 'utf8').trimEnd().split('\n').slice(-2);
    const [, count] = /^\((\d+) lines could not be written here: No space left on device\)$/.exec(lost) ?? assert.fail(lost);
    assert.ok(count >= 5 && count <= 7, lost);
    assert.match(rest[0], /^\S+Z info access: #\d+ \S+ 200 1 messages, /);
    assert.equal((await request(server.admin, '/healthz')).status, 200);
  }, { wrap })(t);
});

test('the directory of the log is removed: the server goes on, and takes the next one', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-log-'));
  const logs = path.join(directory, 'logs');
  t.after(() => fs.rmSync(directory, { recursive: true }));
  fs.mkdirSync(logs);
  const config = { log_target: path.join(logs, 'log'), access_log: path.join(logs, 'access') };
  await withServer({}, async (server) => {
    const client = await server.native();
    await server.reload(config);
    fs.rmSync(logs, { recursive: true });
    await provoke(server);
    process.kill(server.pid, 'SIGUSR1');
    await server.publish({ event: 'e' });
    assert.equal((await client.next()).event, 'e');
    const refused = await server.reload(config);
    assert.equal(refused.status, 422);
    assert.match(refused.json().mistakes[0], /log_target or access_log: \S+ cannot be opened: No such file or directory/);

    fs.mkdirSync(logs);
    process.kill(server.pid, 'SIGUSR1');
    const read = (name) => fs.existsSync(path.join(logs, name)) ? fs.readFileSync(path.join(logs, name), 'utf8') : '';
    await until(() => /files have been opened anew/.test(read('log')), () => read('log'));
    await provoke(server);
    await server.publish({ event: 'e' });
    await until(() => /closed: the client broke its protocol/.test(read('log')) && / 200 1 messages/.test(read('access')), 'lines');
    await server.reload({});
  })(t);
});
