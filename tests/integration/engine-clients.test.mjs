// The unmodified clients that people have, on each transport: versions 4, 3 and 2 of
// socket.io-client, MessagePack, and all of them in one room.
import assert from 'node:assert/strict';
import test from 'node:test';

import { EventSource } from 'eventsource';

import { AnyClient, clientKinds } from './lib/any-client.mjs';
import { request } from './lib/http.mjs';
import { Inbox, within } from './lib/wait.mjs';
import { origin } from './lib/tls.mjs';
import { Stentord } from './lib/stentord.mjs';
import { withServer } from './lib/steady-server.mjs';

const EVENTS = ['e', 'bytes', 'in a', 'in b', 'in x', 'all'];
const OCTETS = { 'Content-Type': 'application/octet-stream' };

const SERVER = { io_threads: 4, eio3: true, namespaces: ['/', '/x'], client_publish: true };

const publishBytes = (server, body) =>
  request(server.admin, '/publish/*/bytes', { method: 'POST', headers: OCTETS, body });

// Old clients of Node get a Buffer where others get an ArrayBuffer's view: only the bytes matter.
const bytes = (value) => Buffer.from(value);

for (const kind of clientKinds) {
  const connect = (server, options) => AnyClient.connect(server, kind, { events: EVENTS, ...options });

  test(`${kind.name}: rooms`, withServer(SERVER, async (server) => {
    const client = await connect(server, { rooms: ['a'] });
    assert.equal(client.transport, kind.way === 'polling' ? 'polling' : 'websocket');
    await server.untilMetric('upgrades_total', kind.way === 'upgrade' ? 1 : 0);
    assert.match(client.socket.id, /^[\w-]{16,}$/);

    assert.equal((await server.publish({ room: 'a', event: 'in a', data: { text: 'ü€😀' } })).clients, 1);
    assert.deepEqual(await client.next(), ['in a', { text: 'ü€😀' }]);
    assert.deepEqual(await client.ask('join', 'b'), { ok: true });
    assert.deepEqual(await client.ask('leave', 'a'), { ok: true });
    assert.equal((await client.ask('leave', 'a')).ok, false);
    assert.equal((await server.publish({ room: 'a', event: 'in a' })).clients, 0);
    await server.publish({ room: 'b', event: 'in b', args: [1, [2.5, null], true] });
    await server.publish({ event: 'all', args: [] });
    assert.deepEqual(await client.nextMany(2), [['in b', 1, [2.5, null], true], ['all']]);
  }));

  test(`${kind.name}: binary data both ways`, withServer(SERVER, async (server) => {
    const client = await connect(server);
    const data = Buffer.from([0, 1, 128, 255, 30, 98]);
    await publishBytes(server, data);
    const [event, received] = await client.next();
    assert.equal(event, 'bytes');
    assert.deepEqual(bytes(received), data);

    const native = await server.native();
    const nested = { name: 'x', list: [data, { deep: Buffer.from('zwei') }] };
    assert.deepEqual(await client.ask('publish', { event: 'e', data: nested }), { ok: true });
    const [, back] = await client.next();
    assert.deepEqual([back.name, bytes(back.list[0]), bytes(back.list[1].deep)], ['x', data, Buffer.from('zwei')]);
    assert.deepEqual((await native.next()).data, {
      name: 'x', list: [{ base64: data.toString('base64') }, { deep: { base64: 'endlaQ==' } }],
    });
    const large = Buffer.alloc(40_000, 'stentor');
    assert.deepEqual(await client.ask('publish', { event: 'bytes', data: large }), { ok: true });
    assert.deepEqual(bytes((await client.next())[1]), large);
  }));

  test(`${kind.name}: events in order, with acks between them`, withServer(SERVER, async (server) => {
    const client = await connect(server);
    const acks = [];
    for (let i = 0; i < 100; i++) {
      await server.publish({ event: 'e', data: i });
      if (i % 10 === 0) acks.push(client.ask('join', `room ${i % 40}`));
    }

    assert.deepEqual(await client.nextMany(100), Array.from({ length: 100 }, (_, i) => ['e', i]));
    assert.deepEqual(await Promise.all(acks), Array(10).fill({ ok: true }));
  }));

  test(`${kind.name}: namespaces`, withServer(SERVER, async (server) => {
    const root = await connect(server);
    const inX = root.namespace('/x', EVENTS);
    const nowhere = root.namespace('/none');
    await within(inX.connected, 'the connect to /x');
    const refusal = await within(nowhere.connected.catch((error) => error), 'the refusal');
    assert.equal(refusal.message ?? refusal, 'Invalid namespace');
    assert.deepEqual(await inX.ask('join', 'a'), { ok: true });
    await server.publish({ room: 'a', event: 'in a' });
    await server.publish({ namespace: '/x', room: 'a', event: 'in x' });
    await server.publish({ event: 'all' });

    assert.deepEqual(await root.next(), ['all', null]);
    assert.deepEqual(await inX.next(), ['in x', null]);
    root.socket.disconnect();
    await server.untilMetric('memberships', 2);
    await server.publish({ namespace: '/x', event: 'all' });
    assert.deepEqual(await inX.next(), ['all', null]);
  }));

  test(`${kind.name}: heartbeats keep it, and it leaves nothing behind`, withServer({
    ...SERVER, ping_interval: 100, ping_timeout: 4000,
  }, async (server) => {
    const client = await connect(server, { rooms: ['a', 'b'] });
    let ended = false;
    client.disconnected.then(() => (ended = true));
    const before = await server.metrics();
    if (kind.old) {
      await within(new Promise((resolve) => {
        let pongs = 0;
        client.socket.io.engine.on('pong', () => ++pongs === 3 && resolve());
      }), 'three pongs');
    } else {
      await server.untilMetric('pings_total', (count) => count >= before.get('pings_total') + 3);
    }
    assert.equal(ended, false);
    client.socket.disconnect();
    await server.untilMetric('clients_socketio', 0);
    await server.untilMetric('memberships', 0);
    assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 0);
  }));

  test(`${kind.name}: the stop of the server ends it`, async () => {
    const server = await Stentord.start(SERVER);
    const client = await connect(server);
    server.terminate();
    await within(client.disconnected, 'the disconnect');
    await server.ended();
    await server.closeClients();
  });
}

test('socket.io-client 2 without eio3 is told why it cannot connect', withServer({}, async (server) => {
  for (const kind of clientKinds.filter(({ old }) => old)) {
    await assert.rejects(AnyClient.connect(server, kind), (error) => {
      assert.match(error.message, /(xhr poll|websocket|xhr post) error/);
      return true;
    });
  }
  assert.equal(await server.metric('clients_socketio'), 0);
  const answer = await server.get('/socket.io/?EIO=3&transport=polling');
  assert.deepEqual(answer.json(), { code: 5, message: 'Unsupported protocol version' });
}));

test('clients that upgrade while messages are published miss none', withServer(SERVER, async (server) => {
  let over = false;
  let last = 0;
  const publishing = (async () => {
    while (!over) await server.publish({ event: 'e', data: ++last });
  })();
  const upgrading = clientKinds.filter(({ way }) => way === 'upgrade');
  const clients = await Promise.all([...upgrading, ...upgrading, ...upgrading, ...upgrading].map((kind) =>
    AnyClient.connect(server, kind, { events: ['e'] })));
  await server.untilMetric('upgrades_total', clients.length);
  over = true;
  await publishing;
  await server.publish({ event: 'e', data: ++last });

  for (const client of clients) {
    const [, first] = await client.next();
    assert.ok(first < last, 'messages came during the upgrade');
    const rest = await client.nextMany(last - first);
    assert.deepEqual(rest.map(([, number]) => number), Array.from({ length: last - first }, (_, i) => first + 1 + i));
  }
}));

function openEventSource(server, query, names) {
  const inbox = new Inbox();
  const source = new EventSource(`${origin(server.clients)}/events?${query}`);
  for (const name of names) source.addEventListener(name, ({ data }) => inbox.put([name, JSON.parse(data)]));
  server.closeLater(source, () => source.close());
  const opened = new Promise((resolve, reject) => Object.assign(source, { onopen: resolve, onerror: reject }));
  return within(opened, 'the open event').then(() => ({ nextMany: async (count) => {
    const received = [];
    while (received.length < count) received.push(await inbox.take('an event'));
    return received;
  } }));
}

test('all kinds of clients in one room get the same, in the same order', withServer(SERVER, async (server) => {
  const rooms = ['mixed'];
  const clients = await Promise.all(clientKinds.map((kind) => AnyClient.connect(server, kind, { rooms, events: EVENTS })));
  const native = await server.native({ room: 'mixed' });
  const sse = await openEventSource(server, 'room=mixed', EVENTS);
  assert.equal((await server.publish({ room: 'mixed', event: 'all' })).clients, clients.length + 2);
  const data = Buffer.from([1, 2, 254]);
  const publishing = clients.map(async (client, i) => {
    for (let n = 0; n < 5; n++) {
      const wanted = n % 2 ? { from: i, n, data } : { from: i, n, text: '€😀' };
      assert.deepEqual(await client.ask('publish', { room: 'mixed', event: 'e', data: wanted }), { ok: true });
    }
  });
  await Promise.all(publishing);
  const total = 1 + 5 * clients.length;
  const plain = (value) =>
    (value?.data === undefined ? value : { ...value, data: value.data.base64 ?? bytes(value.data).toString('base64') });
  const reference = (await native.nextMany(total)).map(({ event, data: value }) => [event, plain(value)]);

  for (let i = 0; i < clients.length; i++) {
    assert.deepEqual(reference.filter(([, value]) => value?.from === i).map(([, { n }]) => n), [0, 1, 2, 3, 4]);
  }
  for (const [i, client] of [...clients, sse].entries()) {
    const received = (await client.nextMany(total)).map(([event, value]) => [event, plain(value)]);
    assert.deepEqual(received, reference, clientKinds[i]?.name ?? 'Server-Sent Events');
  }
}));
