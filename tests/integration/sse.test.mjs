// /events: Server-Sent Events, field by field, with the npm package eventsource, and with curl.
import assert from 'node:assert/strict';
import test from 'node:test';
import { EventSource } from 'eventsource';

import { KEY, Stentord, withServer } from './lib/stentord.mjs';
import { Program } from './lib/program.mjs';
import { proxied } from './lib/proxy.mjs';
import { sse, SseClient } from './lib/sse-client.mjs';
import { origin } from './lib/tls.mjs';
import { Inbox, until } from './lib/wait.mjs';

const ids = (events) => events.map(({ id }) => Number(id));

test('the stream begins with retry, the newest seq and a hello', withServer({ sse_retry: 1234 }, async (server) => {
  const { seq } = await server.publish({ event: 'before' });
  const client = await sse(server);
  const { session, ...hello } = JSON.parse(client.start.data);

  assert.match(session, /^[\w-]{22}$/);
  assert.deepEqual(hello, { namespace: '/', seq });
  assert.deepEqual({ ...client.start, data: '' }, { retry: '1234', id: String(seq), event: 'hello', data: '' });
  assert.equal(client.headers['content-type'], 'text/event-stream');
  assert.equal(client.headers['cache-control'], 'no-store');
  assert.equal(await server.metric('clients_sse'), 1);
}));

test('an event has the id, the event and the data of the message', withServer({}, async (server) => {
  const client = await sse(server);
  const { seq, clients } = await server.publish({ event: 'news', data: { a: [1, 'ü€😀'] } });

  assert.equal(clients, 1);
  assert.deepEqual(await client.inbox.take(), {
    id: String(seq), event: 'news', data: '{"a":[1,"ü€😀"]}',
  });
}));

test('several arguments are an array, and no data is null', withServer({}, async (server) => {
  const client = await sse(server);
  const bodies = [{ args: [] }, { args: [7] }, { args: [1, 'two', { three: [3] }] }, {}, { data: [5] }];
  for (const body of bodies) await server.publish({ event: 'e', ...body });

  const events = await client.nextMany(bodies.length);
  assert.deepEqual(events.map(({ data }) => data), [[], 7, [1, 'two', { three: [3] }], null, [5]]);
}));

test('binary data is an object with base64', withServer({}, async (server) => {
  const client = await sse(server);
  const headers = { 'Content-Type': 'application/octet-stream', Authorization: `Bearer ${KEY}` };
  await server.get('/publish/*/bytes', { method: 'POST', headers, body: Buffer.of(0, 255, 10, 13) });

  assert.deepEqual((await client.next('bytes')).data, { base64: 'AP8KDQ==' });
}));

test('data with line breaks arrives as it was, line by line', withServer({}, async (server) => {
  const client = await sse(server);
  const value = { a: [1, 2], text: 'no\nreal\r\nbreak' };
  const pretty = JSON.stringify(value, null, 2);
  for (const body of [pretty, pretty.replaceAll('\n', '\r\n'), pretty.replaceAll('\n', '\r')]) {
    await server.get('/publish/*/e', { method: 'POST', headers: { Authorization: `Bearer ${KEY}` }, body });
    const { data } = await client.inbox.take();

    assert.equal(data, pretty);
    assert.deepEqual(JSON.parse(data), value);
  }
}));

test('an event name cannot end its field', withServer({}, async (server) => {
  const client = await sse(server);
  const names = {
    'a\nb': 'a b', 'a\r\nb': 'a  b', '\rdata: 1': ' data: 1', ' x': ' x', 'id: 5': 'id: 5', '\n': ' ', 'ü:': 'ü:',
  };
  for (const name of Object.keys(names)) await server.publish({ event: name });

  for (const name of Object.values(names)) assert.equal((await client.next()).event, name);
}));

test('rooms and the namespace are chosen in the query', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const client = await sse(server, { room: ['a', 'ü /€'] });
  const inX = await sse(server, { namespace: '/x', room: 'a' });
  await server.publish({ room: 'a', event: 'to a' });
  await server.publish({ room: 'b', event: 'to b' });
  await server.publish({ rooms: ['a', 'ü /€'], event: 'to both' });
  await server.publish({ room: 'ü /€', except: ['a'], event: 'not to a' });
  await server.publish({ event: 'to all' });
  await server.publish({ namespace: '/x', room: 'a', event: 'to a in /x' });

  assert.deepEqual((await client.nextMany(3)).map(({ event }) => event), ['to a', 'to both', 'to all']);
  assert.equal((await inX.next()).event, 'to a in /x');
  assert.equal(client.inbox.length, 0);
}));

test('as many rooms as max_rooms allows', withServer({}, async (server) => {
  const rooms = Array.from({ length: 64 }, (_, i) => `room ${i}`);
  const client = await sse(server, { room: rooms });
  for (const room of rooms) await server.publish({ room, event: room });
  await server.publish({ rooms, event: 'all of them' });

  assert.deepEqual((await client.nextMany(64)).map(({ event }) => event), rooms);
  assert.equal((await client.next()).event, 'all of them', 'once');
  const query = [...rooms, 'one more'].map((room) => `room=${encodeURIComponent(room)}`).join('&');
  const answer = await server.get(`/events?${query}`);
  assert.equal(answer.status, 400);
  assert.match(answer.json().message, /max_rooms/);
}));

test('a wrong query is a 400 that says why', withServer({}, async (server) => {
  const queries = {
    'room=': /1 to 256 bytes/,
    'room=%ff': /UTF-8/,
    'room=%00': /name/,
    'namespace=/nowhere': /no such namespace/,
    'since=': /digits/,
    'since=1x': /digits/,
    'since=12345678901234567': /digits/,
  };
  for (const [query, message] of Object.entries(queries)) {
    const answer = await server.get(`/events?${query}`);
    assert.equal(answer.status, 400, query);
    assert.match(answer.json().message, message);
  }
  for (const id of ['x', '-1', '1.5', '12345678901234567']) {
    const answer = await server.get('/events', { headers: { 'Last-Event-ID': id } });
    assert.equal(answer.status, 400, id);
    assert.match(answer.json().message, /Last-Event-ID/);
  }
  await server.untilMetric('clients_sse', 0);
  await server.untilMetric('memberships', 0);
}));

test('the room "*" cannot be joined', withServer({}, async (server) => {
  const answer = await server.get('/events?room=*').catch((error) => error);

  assert.equal(answer.status, 400, 'it is told, as for other bad names');
}));

test('without client_join nobody chooses rooms', withServer({ client_join: false }, async (server) => {
  const answer = await server.get('/events?room=a');
  const client = await sse(server);
  await server.publish({ event: 'e' });

  assert.equal(answer.status, 403);
  assert.match(answer.json().message, /client_join/);
  await client.next('e');
}));

test('other methods are refused', withServer({}, async (server) => {
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
    const answer = await server.get('/events', { method });
    assert.equal(answer.status, 405, method);
    assert.match(answer.headers.allow, /GET/);
  }
  await server.untilMetric('clients_sse', 0);
}));

test('comments are the heartbeat, also while nothing is published', withServer({
  ping_interval: 100,
}, async (server) => {
  const client = await sse(server);
  await client.untilComments(3);
  await server.publish({ event: 'e' });

  assert.equal((await client.next()).event, 'e');
}));

test('since: what came after it, then what comes next', withServer({}, async (server) => {
  const { seq } = await server.publish({ room: 'a', event: 'e' });
  for (let i = 1; i <= 4; i++) await server.publish({ room: i % 2 ? 'a' : 'b', event: 'e', data: i });
  const client = await sse(server, { room: 'a', since: seq });
  await server.publish({ event: 'e', data: 5 });

  assert.equal(client.start.id, String(seq));
  assert.deepEqual((await client.nextMany(3)).map(({ data }) => data), [1, 3, 5]);
}));

test('since=0: all that there still is, and no gap', withServer({ journal: { messages: 3 } }, async (server) => {
  for (let i = 0; i < 8; i++) await server.publish({ event: 'e', data: i });
  const client = await sse(server, { since: 0 });

  assert.deepEqual((await client.nextMany(3)).map(({ event, data }) => [event, data]), [['e', 5], ['e', 6], ['e', 7]]);
}));

test('Last-Event-ID counts for more than since', withServer({}, async (server) => {
  const { seq } = await server.publish({ event: 'e' });
  for (let i = 1; i <= 3; i++) await server.publish({ event: 'e', data: i });
  const client = await sse(server, { since: seq }, { 'Last-Event-ID': String(seq + 2) });

  assert.equal((await client.next()).data, 3);
}));

test('an empty Last-Event-ID is none', withServer({}, async (server) => {
  const { seq } = await server.publish({ event: 'e' });
  const client = await sse(server, {}, { 'Last-Event-ID': '' });

  assert.equal(client.start.id, String(seq));
}));

test('a gap names what the journal has lost, and has no id of its own', withServer({
  journal: { messages: 3 },
}, async (server) => {
  const { seq } = await server.publish({ room: 'a', event: 'e' });
  for (let i = 1; i <= 7; i++) await server.publish({ room: 'a', event: 'e', data: i });
  const client = await sse(server, { room: 'a', since: seq + 1 });
  const gap = await client.next('gap');

  assert.deepEqual(gap, { event: 'gap', data: { room: 'a', from: seq + 2, to: seq + 4 } });
  assert.deepEqual(ids(await client.nextMany(3)), [seq + 5, seq + 6, seq + 7]);
}));

test('since from the future: gaps over everything, then what comes next', withServer({}, async (server) => {
  const { seq } = await server.publish({ event: 'e' });
  const client = await sse(server, { room: 'a' }, { 'Last-Event-ID': String(seq + 1_000_000) });
  const gaps = [await client.next('gap'), await client.next('gap')];
  await server.publish({ room: 'a', event: 'new' });

  assert.equal(client.start.id, String(seq), 'what it presents from now on is of this server');
  assert.deepEqual(gaps.map(({ data }) => data), [{ room: null, from: 0, to: seq }, { room: 'a', from: 0, to: seq }]);
  await client.next('new');
}));

test('since across a restart: a gap up to the start', async () => {
  const first = await Stentord.start();
  const { seq } = await first.publish({ room: 'a', event: 'e' });
  await first.stop();
  await withServer({}, async (server) => {
    const client = await sse(server, { room: 'a' }, { 'Last-Event-ID': String(seq) });
    const gap = await client.next('gap');
    const next = await server.publish({ event: 'new' });

    assert.ok(gap.data.to > seq && gap.data.to < next.seq, JSON.stringify(gap));
  })({ diagnostic: console.log });
});

test('HTTP/1.0 clients get the stream, too', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write('GET /events?room=a HTTP/1.0\r\n\r\n');
  const head = await raw.readHead();
  await raw.readUntil('\n\n');
  await server.publish({ room: 'a', event: 'e', data: 1 });

  assert.equal(head.status, 200);
  assert.equal(head.headers['transfer-encoding'], undefined);
  assert.equal(head.headers['content-length'], undefined);
  assert.match(await raw.readUntil('\n\n'), /^id: \d+\nevent: e\ndata: 1\n\n$/);
}));

test('requests behind the one for the stream have no effect', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\nGET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await raw.readHead();
  raw.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
  await raw.readUntil('\n\n');
  await server.publish({ event: 'e' });

  assert.match(await raw.readUntil('\n\n'), /^id: \d+\nevent: e\ndata: null\n\n$/);
  assert.equal(await server.metric('clients_sse'), 1);
}));

test('a stream may follow other requests on its connection', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal((await raw.readResponse()).status, 404);
  assert.equal((await raw.readHead()).status, 200);
  await raw.readUntil('\n\n');
  await server.publish({ event: 'e' });

  assert.match(await raw.readUntil('\n\n'), /^id: \d+\nevent: e\ndata: null\n\n$/);
}));

test('curl -N shows events as they come', withServer({}, async (server) => {
  const curl = new Program('curl', ['-sN', `${origin(server.clients)}/events?room=a`]);
  server.closeLater(curl, () => curl.kill());
  await until(() => curl.stdout.endsWith('\n\n'), 'the start');
  for (const event of ['first', 'second']) {
    await server.publish({ room: 'a', event });
    await until(() => curl.stdout.endsWith(`event: ${event}\ndata: null\n\n`), event);
  }
}));

test('when the server stops, the stream ends', async () => {
  const server = await Stentord.start();
  const client = await SseClient.connect(server.clients);
  server.terminate();

  assert.equal(await client.ended, true, 'with all that was sent before');
  await server.ended();
});

test('who disappears is forgotten', withServer({}, async (server) => {
  const clients = await Promise.all(Array.from({ length: 6 }, (_, i) => sse(server, { room: `r${i}` })));
  await server.untilMetric('clients_sse', 6);
  assert.equal(await server.metric('memberships'), 12);
  clients.forEach((client, i) => (i % 2 ? client.reset() : client.destroy()));

  await server.untilMetric('clients_sse', 0);
  await server.untilMetric('memberships', 0);
  await server.untilMetric('rooms', 0);
  await server.untilMetric('connections', 1); // who asks
}));

test('who shuts down the sending side is gone', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await raw.readHead();
  raw.end();

  await raw.readToEnd();
  await server.untilMetric('clients_sse', 0);
}));

test('other origins that are allowed may read it', withServer({
  cors_origins: ['http://a.example', 'http://b.example'],
}, async (server) => {
  const allowed = await sse(server, {}, { Origin: 'http://b.example' });
  const other = await sse(server, {}, { Origin: 'http://c.example' });

  assert.equal(allowed.headers['access-control-allow-origin'], 'http://b.example');
  assert.equal(other.headers['access-control-allow-origin'], undefined);
  for (const { headers } of [allowed, other]) assert.equal(headers.vary, 'Origin');
}));

test('all origins, credentials, and the preflight', withServer({ cors_origins: ['*'] }, async (server) => {
  const client = await sse(server, {}, { Origin: 'http://c.example' });
  const preflight = await server.get('/events', {
    method: 'OPTIONS',
    headers: {
      Origin: 'http://c.example',
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'last-event-id',
    },
  });

  assert.equal(client.headers['access-control-allow-origin'], '*');
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], '*');
  assert.match(preflight.headers['access-control-allow-headers'], /last-event-id/i);
}));

test('without cors_origins no other origin may read it', withServer({}, async (server) => {
  const { headers } = await sse(server, {}, { Origin: 'http://c.example' });

  assert.equal(headers['access-control-allow-origin'], undefined);
}));

test('with cors_credentials cookies are allowed', withServer({
  cors_origins: ['http://a.example'], cors_credentials: true,
}, async (server) => {
  const { headers } = await sse(server, {}, { Origin: 'http://a.example' });

  assert.equal(headers['access-control-allow-credentials'], 'true');
}));

// Publishes messages of 60 kB to the room until the server has found a socket full, and then some.
async function flood(server, room, { more = 60, others = [] } = {}) {
  const data = 'x'.repeat(60_000);
  const seqs = [];
  for (let left = more; left > 0; ) {
    const answers = await server.publish(Array(4).fill({ room, event: 'e', data }));
    const fresh = answers.map(({ seq }) => seq);
    seqs.push(...fresh);
    for (const other of others) assert.deepEqual(ids(await other.nextMany(4)), fresh, 'others get everything');
    if ((await server.metric('blocked_total')) > 0) left -= 4;
  }
  return seqs;
}

// What comes until the event with the id `last`: ids, and the ranges of gaps.
async function drain(client, last) {
  const got = [];
  const gaps = [];
  client.resume();
  while (got.at(-1) !== last && gaps.at(-1)?.to !== last) {
    const { id, event, data } = await client.next();
    if (event === 'gap') gaps.push(data);
    else got.push(Number(id));
  }
  return { got, gaps };
}

test('a client that stops reading gets the rest, and gaps for what is gone', withServer({
  journal: { bytes: 2 << 20 },
}, async (server) => {
  const client = await sse(server, { room: 'a' });
  const others = [await sse(server, { room: 'a' })];
  client.pause();
  const seqs = await flood(server, 'a', { others });
  const { got, gaps } = await drain(client, seqs.at(-1));

  assert.ok(gaps.length > 0, 'it did miss something');
  const lost = (seq) => gaps.some(({ from, to }) => from <= seq && seq <= to);
  assert.deepEqual(got, seqs.filter((seq) => !lost(seq)));
  assert.ok(got.length > 0 && got.length < seqs.length);
}));

test('a client that stops reading misses nothing while the journal has it', withServer({}, async (server) => {
  const client = await sse(server, { room: 'a' });
  client.pause();
  const seqs = await flood(server, 'a');

  assert.deepEqual(await drain(client, seqs.at(-1)), { got: seqs, gaps: [] });
}));

test('policy disconnect: the stream ends, and who comes back is told the gap', withServer({
  journal: { bytes: 2 << 20 },
  rooms: [{ pattern: 'strict', policy: 'disconnect' }],
}, async (server) => {
  const client = await sse(server, { room: 'strict' });
  client.pause();
  const seqs = await flood(server, 'strict');
  await server.untilMetric('clients_sse', 0);
  client.resume();
  await client.ended;
  const got = ids(client.inbox.takeAll().filter(({ event }) => event === 'e'));
  const back = await sse(server, { room: 'strict' }, { 'Last-Event-ID': String(got.at(-1)) });
  const { data: gap } = await back.next('gap');

  assert.equal(gap.from, got.at(-1) + 1);
  assert.deepEqual(got, seqs.slice(0, got.length));
  const rest = seqs.filter((seq) => seq > gap.to);
  assert.deepEqual(ids(await back.nextMany(rest.length)), rest);
  await server.untilClosed('too_slow', 1);
}));

// An EventSource of the npm package with the data of its events in an inbox.
function eventSource(server, listener, query = '') {
  const source = new EventSource(`${origin(listener)}/events?${query}`);
  source.inbox = new Inbox();
  for (const name of ['e', 'gap']) {
    source.addEventListener(name, ({ data }) => source.inbox.put({ name, data: JSON.parse(data) }));
  }
  return server.closeLater(source, () => source.close());
}

for (const how of ['cut', 'reset', 'finish']) {
  test(`an EventSource whose connection is cut (${how}) comes back by itself and misses nothing`, withServer({
    sse_retry: 20, io_threads: 4,
  }, async (server) => {
    const proxy = await proxied(server);
    const sources = Array.from({ length: 8 }, () => eventSource(server, proxy.listener, 'room=a'));
    await server.untilMetric('clients_sse', sources.length);
    const total = 60;
    await server.publish({ event: 'e', data: 0 });
    for (const source of sources) assert.equal((await source.inbox.take()).data, 0);
    for (let i = 1; i < total; i++) {
      await server.publish({ room: i % 3 ? 'a' : undefined, event: 'e', data: i });
      if (i % 10 === 5) proxy.all(how);
    }
    for (const source of sources) {
      const got = [0];
      while (got.length < total) got.push((await source.inbox.take()).data);
      assert.deepEqual(got, Array.from({ length: total }, (_, i) => i));
    }
    assert.ok((await server.metric('accepted_total')) > sources.length * 4, 'they did come back');
  }));
}

test('an EventSource that was away for too long is told so', withServer({
  sse_retry: 20, journal: { messages: 5 },
}, async (server) => {
  const proxy = await proxied(server);
  const source = eventSource(server, proxy.listener, 'room=a');
  await server.untilMetric('clients_sse', 1);
  const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
  assert.equal((await source.inbox.take()).data, 0);
  proxy.down();
  await server.untilMetric('clients_sse', 0);
  for (let i = 1; i <= 8; i++) await server.publish({ room: 'a', event: 'e', data: i });
  proxy.up();

  assert.deepEqual((await source.inbox.take()).data, { room: 'a', from: seq + 1, to: seq + 3 });
  for (let i = 4; i <= 8; i++) assert.equal((await source.inbox.take()).data, i);
}));

test('an EventSource that is cut before its first event misses nothing either', withServer({
  sse_retry: 20,
}, async (server) => {
  const proxy = await proxied(server);
  const source = eventSource(server, proxy.listener, 'room=a');
  await server.untilMetric('clients_sse', 1);
  proxy.down();
  await server.untilMetric('clients_sse', 0);
  await server.publish({ room: 'a', event: 'e', data: 'while it was away' });
  proxy.up();
  await server.untilMetric('clients_sse', 1);
  await server.publish({ room: 'a', event: 'e', data: 'after' });

  assert.equal((await source.inbox.take()).data, 'while it was away');
}));

test('a client of /events counts as a client of its rooms beside others', withServer({}, async (server) => {
  await sse(server, { room: 'a' });
  await server.native({ room: 'a' });
  await server.socketio('/', { auth: { rooms: ['a'] } });

  assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 3);
  assert.equal((await server.publish({ event: 'e' })).clients, 3);
}));

test('nothing is left of streams that are reset as they begin', withServer({}, async (server) => {
  for (let i = 0; i < 50; i++) {
    const raw = await server.raw();
    raw.write('GET /events?room=a HTTP/1.1\r\nHost: x\r\n\r\n');
    if (i % 3 === 0) await raw.readHead();
    raw.reset();
  }

  await server.untilMetric('clients_sse', 0);
  await server.untilMetric('connections', 1);
  await server.untilMetric('rooms', 0);
}));
