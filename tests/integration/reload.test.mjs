// Another configuration while the server runs: all of it or nothing, and nobody is disconnected.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from './lib/http.mjs';
import { NativeClient } from './lib/native-client.mjs';
import { PollingSession, waitingPoll } from './lib/polling-session.mjs';
import { run } from './lib/program.mjs';
import { defaults, KEY, withServer } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

const url = (listener) => `http://${listener.host}:${listener.port}`;
const ctl = (server, ...args) => run('stentorctl', ['-s', url(server.admin), ...args]);
const descriptors = (server) => fs.readdirSync(`/proc/${server.pid}/fd`).length;

const logged = (server, text) => until(() => server.log.includes(text), () => `${text} in the log:\n${server.log}`);

// What the reload did, by its answer.
async function reloaded(server, config) {
  const answer = await server.reload(config);
  assert.equal(answer.status, 200, answer.text);
  const { changed, kept } = answer.json();
  return { changed, kept };
}

async function refused(server, config) {
  const answer = await server.reload(config);
  assert.equal(answer.status, 422, answer.text);
  assert.equal(answer.json().error, 'bad_configuration');
  return answer.json().mistakes;
}

const portIsFree = () => new Promise((resolve) => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

test('SIGHUP: the new values are in force, and clients notice nothing', withServer({ max_publish_size: 1000 }, async (server) => {
  const native = await server.native({ room: 'a' });
  const socketio = await server.socketio('/', { auth: { rooms: ['a'] } });
  const big = JSON.stringify({ room: 'a', event: 'e', data: 'x'.repeat(2000) });
  const publish = () => request(server.admin, '/publish', { method: 'POST', body: big });
  assert.equal((await publish()).status, 413);

  server.configure({ max_publish_size: 5000 });

  process.kill(server.pid, 'SIGHUP');
  await server.untilLog(/ info reload: done$/m);

  assert.match(server.log, / info reload: max_publish_size: 5000, was 1000$/m);
  assert.equal((await publish()).status, 200);
  assert.equal((await native.next()).data.length, 2000);
  await native.close();
  socketio.destroy();
}));

test('a file with mistakes: the old one stays, and log and stentorctl say where and why', withServer({ max_rooms: 2 }, async (server) => {
  fs.writeFileSync(server.file, 'max_rooms = 3;\nping_interval = 1;\nnosuch = true;\n');
  const { code, stdout, stderr } = await ctl(server, 'reload');

  assert.deepEqual([code, stdout], [1, '']);
  const mistakes = [`${server.file}:2: ping_interval: 1 is outside 100 to 3600000`, `${server.file}:3: nosuch: there is no such option`];
  for (const mistake of mistakes) {
    assert.ok(stderr.includes(mistake), stderr);
    await logged(server, ` error reload: ${mistake}`);
  }
  await logged(server, ' error reload: refused: the old configuration stays\n');
  const client = await server.native({ room: ['a', 'b'] });
  assert.match(JSON.stringify(await client.join('c')), /max_rooms|rooms/, 'the old limit');

  fs.writeFileSync(server.file, 'max_rooms = ;\n');
  assert.match((await ctl(server, 'reload')).stderr, /:1: syntax/);
  fs.rmSync(server.file);
  assert.match((await ctl(server, 'reload')).stderr, /cannot be read: No such file/);
  await reloaded(server, { max_rooms: 3 });
  assert.equal((await client.join('c')).type, 'ack');
}));

test('what cannot change stays and is named; the rest changes', withServer({ recovery_time: 0 }, async (server) => {
  const { changed, kept } = await reloaded(server, {
    io_threads: 3, ping_interval: 5000, recovery_time: 60, max_rooms: 7, namespaces: ['/x', '/'], publish_keys: ['new'],
  });

  assert.deepEqual(kept, [
    'io_threads: 2 stays until a restart, which will make it 3',
    'ping_interval: 25000 stays until a restart, which will make it 5000',
    'recovery_time: 0 stays until a restart, which will make it 60',
  ]);
  assert.deepEqual(changed, ['max_rooms: 7, was 64', 'namespaces: "/x" is new', 'publish_keys: changed, 1 now']);
  assert.ok(!server.log.includes('new"') && !/publish_keys:.*new$/m.test(server.log), 'keys are secret');
  for (const line of kept) await logged(server, ` warning reload: ${line}`);
  assert.deepEqual(await reloaded(server, { max_rooms: 7, namespaces: ['/'], publish_keys: ['new'] }), {
    changed: [], kept: ['namespaces: "/x" stays until a restart: clients may be in it'],
  });
  const { code, stdout } = await ctl(server, 'reload');
  assert.equal(code, 0);
  assert.equal(stdout, 'namespaces: "/x" stays until a restart: clients may be in it\n');
}));

test('recovery_time may change from one value to another', withServer({ recovery_time: 60 }, async (server) => {
  assert.deepEqual(await reloaded(server, { recovery_time: 120 }), { changed: ['recovery_time: 120, was 60'], kept: [] });
}));

test('a new namespace can be used at once, and messages go on in the old ones', withServer({}, async (server) => {
  const old = await server.native();
  await reloaded(server, { namespaces: ['/vote', '/'] });
  const fresh = await server.native({ namespace: '/vote' });
  const vote = await server.publish({ namespace: '/vote', event: 'e', data: 1 });
  const all = await server.publish({ event: 'e', data: 2 });

  assert.equal((await fresh.next()).seq, vote.seq);
  assert.equal((await old.next()).seq, all.seq);
}));

test('listeners come and go; those that stay keep their port, and clients their connections', withServer({}, async (server) => {
  const [kept, gone] = [defaults.listeners[0], { address: '127.0.0.1', port: await portIsFree() }];
  const [before] = server.listeners.clients;
  await reloaded(server, { listeners: [...defaults.listeners, gone] });
  await server.untilLog(new RegExp(`listen: clients on 127\\.0\\.0\\.1:${gone.port}$`, 'm'));
  const there = { host: gone.address, port: gone.port };
  const early = await server.native();
  const client = server.closeLater(await NativeClient.connect(there, { room: 'a' }));

  const socketPath = path.join(server.directory, 'admin.sock');
  await reloaded(server, { listeners: [defaults.listeners[1], { address: `unix:${socketPath}`, admin: true }, kept] });
  await server.untilLog(new RegExp(`listen: clients no longer on 127\\.0\\.0\\.1:${gone.port}$`, 'm'));
  server.readListeners();
  assert.deepEqual(server.listeners.clients, [before], 'its port has not changed');
  assert.equal((await request({ socketPath }, '/healthz')).status, 200);
  await server.publish({ room: 'a', event: 'e' });
  assert.equal((await client.next()).event, 'e', 'who came by it stays');
  client.destroy();
  await early.close();

  await reloaded(server, {});
  assert.ok(!fs.existsSync(socketPath), 'the socket is removed');
  await server.untilLog(/listen: admin no longer on unix:/);
}));

test('a listener may become an admin listener and back', withServer({}, async (server) => {
  const port = await portIsFree();
  const there = { host: '127.0.0.1', port };
  const configure = (admin) => reloaded(server, { listeners: [...defaults.listeners, { address: '127.0.0.1', port, admin }] });
  for (const admin of [false, true, false]) {
    await configure(admin);
    assert.equal((await request(there, '/healthz')).status, admin ? 200 : 404);
  }
}));

test('when a listener cannot be opened, nothing changes', withServer({ max_rooms: 2 }, async (server) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await within(new Promise((resolve) => taken.once('listening', resolve)), 'a taken port');
  const free = await portIsFree();
  const before = descriptors(server);
  const listeners = [...defaults.listeners, { address: '127.0.0.1', port: free }, { address: '127.0.0.1', port: taken.address().port }];
  const mistakes = await refused(server, { listeners, max_rooms: 3 });
  taken.close();

  assert.equal(mistakes.length, 1);
  assert.match(mistakes[0], /listeners: 127\.0\.0\.1 port \d+: Address already in use; another program listens there/);
  await until(() => descriptors(server) <= before, () => `${before} descriptors: ${descriptors(server)}`);
  assert.deepEqual((await reloaded(server, { max_rooms: 2 })).changed, []);
}));

test('keys: a new one is taken at once, an old one no more', withServer({}, async (server) => {
  const publish = (key) => request(server.clients, '/publish/a/e', {
    method: 'POST', body: '1', headers: { Authorization: `Bearer ${key}` },
  }).then(({ status }) => status);
  assert.equal(await publish(KEY), 200);
  await reloaded(server, { publish_keys: ['another'] });
  assert.deepEqual([await publish(KEY), await publish('another')], [401, 200]);
}));

test('polls that wait are answered for the page that asked, whatever its number is now', withServer({ cors_origins: ['https://a.example', 'https://b.example'], ping_spread: false }, async (server) => {
  const open = (origin) => PollingSession.connect(server.clients, { headers: { Origin: origin } });
  const [a, b] = [await open('https://a.example'), await open('https://b.example')];
  const [inA, inB] = [await waitingPoll(server, a), await waitingPoll(server, b)];
  await reloaded(server, { cors_origins: ['https://c.example', 'https://b.example'], ping_spread: false });
  await server.publish({ event: 'e' });

  assert.equal((await inB.answer).headers['access-control-allow-origin'], 'https://b.example');
  assert.equal((await inA.answer).headers['access-control-allow-origin'], undefined, 'it is no longer allowed');
  const c = await open('https://c.example');
  const inC = await waitingPoll(server, c);
  await server.publish({ event: 'e' });
  assert.equal((await inC.answer).headers['access-control-allow-origin'], 'https://c.example');
}));

test('polls that waited when all pages might read them are answered for all', withServer({ cors_origins: ['*'], ping_spread: false }, async (server) => {
  const open = () => PollingSession.connect(server.clients, { headers: { Origin: 'https://a.example' } });
  const before = await waitingPoll(server, await open());
  await reloaded(server, { cors_origins: ['https://b.example', 'https://a.example'], ping_spread: false });
  const after = await waitingPoll(server, await open());
  await server.publish({ event: 'e' });
  assert.equal((await before.answer).headers['access-control-allow-origin'], '*');
  const { headers } = await after.answer;
  assert.deepEqual([headers['access-control-allow-origin'], headers.vary], ['https://a.example', 'Origin']);

  const again = await waitingPoll(server, await open());
  await reloaded(server, { cors_origins: ['*'], ping_spread: false });
  await server.publish({ event: 'e' });
  assert.equal((await again.answer).headers['access-control-allow-origin'], '*');
}));

test('a message that polls were answered with before is answered anew after', withServer({ cors_origins: ['https://a.example'], recovery_time: 60, ping_spread: false }, async (server) => {
  const open = () => PollingSession.connect(server.clients, { headers: { Origin: 'https://b.example' } });
  const early = await waitingPoll(server, await open());
  const late = await open();
  await server.publish({ event: 'e' });
  assert.equal((await early.answer).headers['access-control-allow-origin'], undefined);
  await reloaded(server, { cors_origins: ['https://b.example'], recovery_time: 60 });
  assert.equal((await late.poll()).headers['access-control-allow-origin'], 'https://b.example');
}));

test('a room\'s policy changes for those who are in it', withServer({ journal: { messages: 4 } }, async (server) => {
  const journal = { messages: 4 };
  const rooms = [{ pattern: 'scores', policy: 'conflate' }];
  const publish = (key, data) => server.publish({ room: 'scores', event: 'e', key, data });
  const { seq } = await publish('a', 1);
  const last = await publish('a', 2);
  const since = async () => {
    const client = await server.native({ room: 'scores', since: seq - 1 });
    let message = await client.inbox.take();
    while (message.type === 'gap' && message.room === null) message = await client.inbox.take();
    await client.close();
    return message.data ?? message;
  };
  assert.equal(await since(), 1);
  await reloaded(server, { journal, rooms });
  assert.equal(await since(), 2, 'of the messages that were there already, the newest counts');
  for (let i = 0; i < 5; i++) await server.publish({ event: 'other' });
  assert.equal(await since(), 2, 'it is kept beyond the window');
  await reloaded(server, { journal });
  assert.deepEqual(await since(), { type: 'gap', room: 'scores', from: seq, to: last.seq }, 'and given up with the policy');
}));

test('a smaller journal holds less with the next message', withServer({}, async (server) => {
  for (let i = 0; i < 20; i++) await server.publish({ event: 'e' });
  assert.equal(await server.metric('journal_messages'), 20);
  await reloaded(server, { journal: { messages: 5 } });
  await server.publish({ event: 'e' });
  await server.untilMetric('journal_messages', 5);
}));

test('max_clients, publish_rate, log_level, echo', withServer({}, async (server) => {
  await reloaded(server, { max_clients: 1, publish_rate: 1, publish_burst: 1, log_level: 'debug', echo: true });
  await logged(server, ' reload: echo: true, was false\n');
  const echo = await server.websocket('/echo');
  await server.untilLog(/ warning accept: max_clients \(1\) reached/);
  const publish = () => request(server.admin, '/publish/a/e', { method: 'POST', body: '1' });
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await publish()).status);
  assert.ok(statuses.includes(429), statuses.join());
  await echo.raw.destroy();
  await server.untilLog(/ debug conn: /);
  await reloaded(server, { log_level: 'error' });
  const before = server.log.length;
  await reloaded(server, { log_level: 'error', max_rooms: 3 });
  assert.equal(server.log.slice(before), '');
}));

test('static files are read again, relative to the configuration file', withServer({}, async (server) => {
  fs.mkdirSync(path.join(server.directory, 'pages'));
  const write = (text) => fs.writeFileSync(path.join(server.directory, 'pages', 'index.html'), text);
  write('one');
  await reloaded(server, { static_root: 'pages' });
  assert.equal((await server.get('/')).text, 'one');
  write('two');
  assert.equal((await server.get('/')).text, 'one');
  assert.deepEqual((await reloaded(server, { static_root: 'pages' })).changed, []);
  assert.equal((await server.get('/')).text, 'two');
  assert.match((await refused(server, { static_root: 'nowhere' }))[0], /static_root: ".*nowhere" is not a directory/);
  assert.equal((await server.get('/')).text, 'two');
}));

test('/reload is for operators: a POST on an admin listener, and not from a web page', withServer({}, async (server) => {
  assert.equal((await server.get('/reload', { method: 'POST' })).status, 405);
  assert.equal((await server.get('/reload')).status, 404);
  assert.equal((await request(server.admin, '/reload')).status, 405);
  const page = await request(server.admin, '/reload', { method: 'POST', headers: { Origin: 'https://evil.example' } });
  assert.equal(page.status, 403);
  const { code, stderr } = await run('stentorctl', ['-s', url(server.clients), 'reload']);
  assert.equal(code, 1);
  assert.match(stderr, /admin listener/);
}));

test('many who ask at once all get their answers, also those who have gone', withServer({}, async (server) => {
  for (let i = 0; i < 5; i++) {
    const raw = await server.raw(server.admin);
    raw.write('POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await raw.destroy();
  }
  const answers = await Promise.all(Array.from({ length: 20 }, () => request(server.admin, '/reload', { method: 'POST' })));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
}));

// The promise of it all, in small; bench/reload.sh does it with 10,000 clients.
test('a hundred reloads, a third of them with mistakes, amid messages: nobody loses anything', withServer({ recovery_time: 60, ping_spread: false }, async (server) => {
  const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => server.native({ room: [`r${i % 4}`] })));
  const polling = await Promise.all(Array.from({ length: 10 }, () => PollingSession.connect(server.clients, { auth: { rooms: ['r0'] } })));
  const port = await portIsFree();
  const extra = { address: '127.0.0.1', port };
  const variants = [
    { max_rooms: 3, recovery_time: 60, journal: { messages: 9000 } },
    { recovery_time: 60, rooms: [{ pattern: 'r1', policy: 'conflate' }], listeners: [...defaults.listeners, extra], cors_origins: ['https://a.example'] },
    { recovery_time: 60, max_rooms: 'x', listeners: [{ address: '127.0.0.1', port }] },
  ];
  await reloaded(server, variants[0]);
  const before = descriptors(server);
  const seqs = [];
  let publishing = true;
  const publisher = (async () => {
    for (; publishing; await sleep(5)) seqs.push((await server.publish({ event: 'e', data: seqs.length })).seq);
  })();
  for (let i = 1; i <= 100; i++) {
    const { status } = await server.reload({ ping_spread: false, ...variants[i % 3] });
    assert.equal(status, i % 3 === 2 ? 422 : 200);
  }
  publishing = false;
  await publisher;
  await reloaded(server, variants[0]);

  for (const client of clients) {
    assert.deepEqual((await client.nextMany(seqs.length)).map(({ seq }) => seq), seqs);
  }
  for (const session of polling) {
    const received = await session.receiveMany(seqs.length);
    assert.deepEqual(received.map((packet) => JSON.parse(packet.slice(2))[1]), seqs.map((_, i) => i));
  }
  assert.equal(await server.metric('closes_total{reason="reset"}'), 0);
  await until(() => descriptors(server) <= before, () => `${before} descriptors: ${descriptors(server)}`);
}));
