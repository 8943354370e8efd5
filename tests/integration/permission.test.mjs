// What clients may do, by the room and by the key that they present.
import assert from 'node:assert/strict';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { SseClient } from './lib/sse-client.mjs';
import { withServer } from './lib/stentord.mjs';
import { away, Recovering } from './lib/recovering.mjs';
import { event, within } from './lib/wait.mjs';

const config = {
  client_keys: ['desk', 'other'],
  publish_keys: ['boss'],
  client_join: 'key',
  rooms: [
    { pattern: 'open.*', join: 'anyone', publish: 'anyone' },
    { pattern: 'desk.*', join: 'anyone', publish: 'key' },
    { pattern: 'shut.*', join: 'nobody', publish: 'nobody' },
    { pattern: 'grid.open', type: 'grid', join: 'anyone', send: 'anyone' },
    { pattern: 'grid.key', type: 'grid', join: true, send: 'key' },
    { pattern: 'grid.*', type: 'grid', join: 'anyone' },
  ],
};
const KEY = /needs? a key|need a key/;
const NEVER = /may not/;

// What the client may: each is 'ok' or the error.
async function may(ask) {
  const result = {};
  for (const [name, ...args] of [
    ['join', 'open.a'], ['join', 'desk.a'], ['join', 'shut.a'], ['join', 'else'], ['join', 'grid.open'], ['join', 'grid.key'],
    ['publish', { room: 'open.a', event: 'e' }], ['publish', { room: 'desk.a', event: 'e' }], ['publish', { room: 'shut.a', event: 'e' }],
    ['publish', { rooms: ['open.a', 'desk.a'], event: 'e' }], ['publish', { room: 'else', event: 'e' }], ['publish', { event: 'e' }],
    ['send', { room: 'grid.open', to: 'east', event: 'e' }], ['send', { room: 'grid.key', to: 'east', event: 'e' }],
  ]) {
    const what = typeof args[0] === 'string' ? args[0] : args[0].rooms?.join() ?? args[0].room ?? '*';
    result[`${name} ${what}`] = await ask(name, args[0]);
  }
  return result;
}

const stranger = {
  'join open.a': null, 'join desk.a': null, 'join shut.a': NEVER, 'join else': KEY, 'join grid.open': null, 'join grid.key': null,
  'publish open.a': null, 'publish desk.a': KEY, 'publish shut.a': NEVER, 'publish open.a,desk.a': KEY, 'publish else': NEVER, 'publish *': NEVER,
  'send grid.open': /nobody is there/, 'send grid.key': KEY,
};
const trusted = {
  ...stranger, 'join else': null, 'publish desk.a': null, 'publish open.a,desk.a': null, 'send grid.key': /nobody is there/,
};

function assertMay(got, wanted) {
  for (const [what, error] of Object.entries(wanted)) {
    if (error === null) assert.equal(got[what], null, what);
    else assert.match(got[what] ?? 'ok', error, what);
  }
}

const asSocketio = (client) => async (name, argument) => (await client.ask(name, argument)).error ?? null;
const asNative = (client) => async (type, argument) =>
  (await client.command(typeof argument === 'string' ? { type, room: argument } : { type, ...argument })).message ?? null;

test('Socket.IO: auth.key', withServer(config, async (server) => {
  assertMay(await may(asSocketio(await server.socketio())), stranger);
  for (const key of ['desk', 'other', 'boss']) {
    assertMay(await may(asSocketio(await server.socketio('/', { auth: { key } }))), trusted);
  }
  assertMay(await may(asSocketio(await server.socketio('/', { auth: { key: null } }))), stranger);
  for (const key of ['', 'des', 'desk ', 'deskk', 5, ['desk'], {}, 'd\0esk', 'x'.repeat(1000)]) {
    const client = server.openSocketio('/', { auth: { key } });
    assert.match((await client.refused()).message, /client_keys/, JSON.stringify(key));
  }
}));

test('Socket.IO: the key opens the rooms in auth, and counts for one namespace', withServer({ ...config, namespaces: ['/', '/b'] }, async (server) => {
  const client = await server.socketio('/', { auth: { key: 'desk', rooms: ['else'] } });
  assert.equal((await client.ask('leave', 'else')).ok, true);
  const other = client.socket.io.socket('/b', {}); // without auth
  await event(other, 'connect');
  assert.match((await within(other.emitWithAck('join', 'else'), 'an ack')).error, KEY);
  const refused = server.openSocketio('/', { auth: { rooms: ['else'] } });
  assert.match((await refused.refused()).message, KEY);
}));

test('native: in the query, in a header, and with a command', withServer(config, async (server) => {
  const client = await server.native();
  assertMay(await may(asNative(client)), stranger);
  assert.match((await client.command({ type: 'auth', key: 'wrong' })).message, /client_keys/);
  assert.match((await client.command({ type: 'auth' })).message, /"key" must be a string/);
  assertMay(await may(asNative(await server.native())), stranger);
  const later = await server.native();
  assert.equal((await later.command({ type: 'auth', key: 'desk' })).type, 'ack');
  assertMay(await may(asNative(later)), trusted);
  assert.match((await later.command({ type: 'auth', key: 'no' })).message, /client_keys/);
  assert.match((await later.command({ type: 'publish', room: 'desk.a', event: 'e' })).message, KEY, 'a wrong key takes the right back');
  assertMay(await may(asNative(await server.native({ key: 'desk' }))), trusted);
  assertMay(await may(asNative(await server.native({}, { headers: { Authorization: 'Bearer other' } }))), trusted);
  assertMay(await may(asNative(await server.native({}, { headers: { Authorization: 'Bearer of.something.else' } }))), stranger);
  await server.native({ key: 'desk', room: 'else' });
  await assert.rejects(server.native({ key: 'wrong' }), /401/);
  await assert.rejects(server.native({ key: '' }), /401/);
  await assert.rejects(server.native({ room: 'else' }), /403/);
  await assert.rejects(server.native({ room: 'shut.a', key: 'desk' }), /403/);
}));

test('Server-Sent Events: in the query and in a header', withServer(config, async (server) => {
  for (const [query, headers] of [[{ room: 'else', key: 'desk' }, {}], [{ room: 'else' }, { Authorization: 'Bearer desk' }], [{ room: 'open.a' }, {}]]) {
    server.closeLater(await SseClient.connect(server.clients, query, headers));
  }
  assert.equal((await request(server.clients, '/events?room=else')).status, 403);
  assert.equal((await request(server.clients, '/events?room=else&key=no')).status, 401);
}));

test('client_keys do not publish over HTTP', withServer(config, async (server) => {
  const publish = (key) => request(server.clients, '/publish/open.a/e', { method: 'POST', headers: { Authorization: `Bearer ${key}` } });
  assert.equal((await publish('boss')).status, 200);
  assert.equal((await publish('desk')).status, 401);
}));

test('a published message arrives, whoever may', withServer(config, async (server) => {
  const viewer = await server.native({ room: 'desk.a' });
  const desk = await server.socketio('/', { auth: { key: 'desk' } });
  assert.deepEqual(await desk.ask('publish', { room: 'desk.a', event: 'call', data: 'ohio' }), { ok: true });
  assert.deepEqual((({ room, event, data }) => ({ room, event, data }))(await viewer.next()), { room: 'desk.a', event: 'call', data: 'ohio' });
}));

test('a recovered client presents its key again', withServer({ ...config, recovery_time: 30 }, async (server) => {
  const client = await Recovering.open(server, { auth: { key: 'desk' } });
  assert.equal((await away(server, client, 'reset', () => {})).recovered, true);
  assert.deepEqual(await client.socket.emitWithAck('publish', { room: 'desk.a', event: 'e' }), { ok: true });
}));

test('by default nobody publishes or sends, and everybody joins', withServer({}, async (server) => {
  const client = await server.socketio();
  assert.deepEqual(await client.ask('join', 'a'), { ok: true });
  assert.match((await client.ask('publish', { room: 'a', event: 'e' })).error, NEVER);
  assert.match((await client.ask('send', { to: client.socket.id, event: 'e' })).error, NEVER);
}));

for (const [word, wanted] of [[true, null], ['anyone', null], ['key', KEY], ['nobody', NEVER], [false, NEVER]]) {
  test(`client_join, client_publish and client_send: ${word}`, withServer({ client_join: word, client_publish: word, client_send: word }, async (server) => {
    const client = await server.socketio();
    const to = client.socket.id;
    assertMay({
      join: (await client.ask('join', 'a')).error ?? null,
      publish: (await client.ask('publish', { room: 'a', event: 'e' })).error ?? null,
      everyone: (await client.ask('publish', { event: 'e' })).error ?? null,
      send: (await client.ask('send', { to, event: 'e' })).error ?? null,
    }, { join: wanted, publish: wanted, everyone: wanted, send: wanted });
  }));
}
