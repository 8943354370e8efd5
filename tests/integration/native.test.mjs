// /ws: Stentor's own protocol.
import assert from 'node:assert/strict';
import test from 'node:test';

import { KEY, Stentord, withServer } from './lib/stentord.mjs';
import { request } from './lib/http.mjs';

const seqs = (messages) => messages.map(({ seq }) => seq);

test('hello is the first message: session, namespace, the newest seq', withServer({}, async (server) => {
  const first = await server.native();
  const { seq } = await server.publish({ event: 'e' });
  const second = await server.native();

  assert.deepEqual(Object.keys(first.hello), ['type', 'session', 'namespace', 'seq']);
  assert.equal(first.hello.namespace, '/');
  assert.equal(second.hello.seq, seq);
  assert.match(first.hello.session, /^[\w-]{16,}$/);
  assert.notEqual(first.hello.session, second.hello.session);
}));

test('seq begins with the microseconds since 1970 and grows by one', withServer({}, async (server) => {
  const before = Date.now() * 1000;
  const a = await server.publish({ event: 'e' });
  const b = await server.publish({ event: 'e' });

  assert.equal(b.seq, a.seq + 1);
  assert.ok(Math.abs(a.seq - before) < 60_000_000, `${a.seq} is not near ${before}`);
}));

test('the subprotocol stentor.json is agreed on when it is offered', withServer({}, async (server) => {
  const offering = await server.native('', { protocols: ['other', 'stentor.json'] });
  const plain = await server.native();

  assert.equal(offering.socket.protocol, 'stentor.json');
  assert.equal(plain.socket.protocol, '');
}));

test('a message to everyone, to one room, to several rooms', withServer({}, async (server) => {
  const client = await server.native({ room: ['a', 'b'] });
  const { seq } = await server.publish({ event: 'e', data: { x: [1, null, 'ü'] } });

  assert.deepEqual(await client.next(), {
    type: 'message', seq, room: null, event: 'e', data: { x: [1, null, 'ü'] },
  });
  await server.publish({ room: 'a', event: 'e' });
  assert.deepEqual(await client.next(), {
    type: 'message', seq: seq + 1, room: 'a', event: 'e', data: null,
  });
  await server.publish({ rooms: ['a', 'b'], event: 'e', data: 1 });
  assert.deepEqual(await client.next(), {
    type: 'message', seq: seq + 2, room: ['a', 'b'], event: 'e', data: 1,
  });
  await server.publish({ event: 'last' });
  assert.equal((await client.next()).event, 'last', 'a member of both rooms gets it once');
}));

test('none or several arguments come as args', withServer({}, async (server) => {
  const client = await server.native();

  for (const args of [[], [1, { a: 2 }], ['x', null, []]]) {
    await server.publish({ event: 'e', args });
    const message = await client.next();
    assert.deepEqual(message.args, args);
    assert.ok(!('data' in message));
  }
  await server.publish({ event: 'e', args: ['one'] });
  assert.equal((await client.next()).data, 'one');
}));

test('binary data comes as base64', withServer({}, async (server) => {
  const client = await server.native();
  const body = Buffer.from([0, 255, 1, 254, 127]);
  const headers = { 'Content-Type': 'application/octet-stream' };
  await request(server.admin, '/publish/*/bytes', { method: 'POST', headers, body });

  assert.deepEqual((await client.next()).data, { base64: body.toString('base64') });
}));

test('numbers and texts arrive as they were published', withServer({}, async (server) => {
  const client = await server.native();
  const texts = ['123456789012345678901234567890', '1.50', '-0.0', '1e-7', '"\\u0041\\ud83d\\ude00"'];

  for (const text of texts) {
    const answer = await request(server.admin, '/publish/*/e', { method: 'POST', body: text });
    assert.equal(answer.status, 200, `${text}: ${answer.text}`);
    assert.deepEqual((await client.next()).data, JSON.parse(text));
  }
}));

test('only members of a room get its messages', withServer({}, async (server) => {
  const inside = await server.native({ room: 'a' });
  const outside = await server.native({ room: 'b' });
  await server.publish({ room: 'a', event: 'for a' });
  await server.publish({ event: 'for all' });

  assert.equal((await inside.next()).event, 'for a');
  assert.equal((await inside.next()).event, 'for all');
  assert.equal((await outside.next()).event, 'for all');
}));

test('rooms in the query may have any characters', withServer({}, async (server) => {
  const names = ['a b', 'ü/€', '&=+%', '😀', 'x'.repeat(256)];
  const client = await server.native({ room: names });

  for (const room of names) {
    assert.equal((await server.publish({ room, event: 'e' })).clients, 1);
    assert.equal((await client.next()).room, room);
  }
}));

test('join and leave take effect with their ack', withServer({}, async (server) => {
  const client = await server.native();

  assert.equal((await client.join('a')).type, 'ack');
  assert.equal((await server.publish({ room: 'a', event: 'in' })).clients, 1);
  assert.equal((await client.next()).event, 'in');
  assert.equal((await client.join('a')).type, 'ack', 'joining twice is no mistake');
  assert.equal((await client.leave('a')).type, 'ack');
  assert.equal((await server.publish({ room: 'a', event: 'out' })).clients, 0);
  await server.publish({ event: 'after' });
  assert.equal((await client.next()).event, 'after');
  assert.match((await client.leave('a')).message, /not in that room/);
}));

test('a joined room begins with the next message', withServer({}, async (server) => {
  const client = await server.native();
  await server.publish({ room: 'a', event: 'before' });
  await client.join('a');
  await server.publish({ room: 'a', event: 'after' });

  assert.equal((await client.next()).event, 'after');
}));

test('the id of a command is any JSON and comes back unchanged', withServer({}, async (server) => {
  const client = await server.native();

  for (const id of ['x', 1.5, null, { a: [1] }, 12345678901234567890n]) {
    const text = typeof id === 'bigint' ? String(id) : JSON.stringify(id);
    client.send(`{"type":"ping","id":${text}}`);
    assert.deepEqual(await client.inbox.take(), JSON.parse(`{"type":"pong","id":${text}}`));
  }
  client.send({ type: 'ping' });
  assert.deepEqual(await client.inbox.take(), { type: 'pong' });
}));

test('a wrong command is answered with an error, and the client stays', withServer({}, async (server) => {
  const client = await server.native();
  const wrong = [
    'no json', '[]', '1', '{}', '{"type":1}', '{"type":"nothing"}', '{"type":"join"}',
    '{"type":"join","room":5}', '{"type":"join","room":""}', '{"type":"join","room":"*"}',
    '{"type":"join","room":"a\\u0000b"}', `{"type":"join","room":"${'x'.repeat(257)}"}`,
    '{"type":"leave"}', '{"type":"leave","room":"never joined"}', '{"type":"leave","room":""}',
    '{"type":"join","room":"a"',
  ];

  for (const text of wrong) {
    client.send(text);
    const answer = await client.inbox.take();
    assert.equal(answer.type, 'error', text);
    assert.ok(answer.message.length > 5, text);
  }
  assert.equal((await client.join('a')).type, 'ack');
  assert.equal(await server.metric('client_events_refused_total'), wrong.length);
}));

test('binary data on /ws is closed with 1003', withServer({}, async (server) => {
  const client = await server.native();
  client.socket.send(Buffer.from([1]));

  assert.equal((await client.closed).code, 1003);
}));

test('max_rooms holds for joins and for the query', withServer({ max_rooms: 2 }, async (server) => {
  const client = await server.native({ room: ['a', 'b'] });

  assert.match((await client.join('c')).message, /max_rooms/);
  assert.equal((await client.join('a')).type, 'ack', 'it is in that one already');
  await client.leave('a');
  assert.equal((await client.join('c')).type, 'ack');
  const answer = await server.get('/ws?room=a&room=b&room=c', { headers: upgrade });
  assert.equal(answer.status, 400);
  assert.match(answer.json().message, /max_rooms/);
}));

const upgrade = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

test('a wrong query is a 400 that says why', withServer({}, async (server) => {
  const queries = {
    'room=': /1 to 256 bytes/,
    'room=%ff': /UTF-8/,
    'room=%4': /percent-encoded/,
    'room=%00': /name/,
    'room=*': /not "\*"/,
    [`room=${'x'.repeat(257)}`]: /256/,
    'namespace=/nowhere': /no such namespace/,
    'since=': /digits/,
    'since=-1': /digits/,
    'since=12345678901234567': /digits/,
  };

  for (const [query, message] of Object.entries(queries)) {
    const answer = await server.get(`/ws?${query}`, { headers: upgrade });
    assert.equal(answer.status, 400, query);
    assert.match(answer.json().message, message);
  }
}));

test('unknown parameters of the query are ignored', withServer({}, async (server) => {
  const client = await server.native('utm=1&room=a&&x');

  assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 1);
  await client.next();
}));

test('without client_join nobody chooses rooms', withServer({ client_join: false }, async (server) => {
  const client = await server.native();

  assert.match((await client.join('a')).message, /client_join/);
  const answer = await server.get('/ws?room=a', { headers: upgrade });
  assert.equal(answer.status, 403);
  assert.match(answer.json().message, /client_join/);
}));

test('without client_publish nobody publishes', withServer({}, async (server) => {
  const client = await server.native();
  const answer = await client.command({ type: 'publish', event: 'e', data: 1 });

  assert.equal(answer.type, 'error');
  assert.match(answer.message, /client_publish/);
  assert.equal(await server.metric('published_total'), 0);
}));

test('with client_publish clients publish to rooms and to everyone', withServer({ client_publish: true }, async (server) => {
  const sender = await server.native();
  const member = await server.native({ room: 'a' });

  assert.equal((await sender.command({ type: 'publish', room: 'a', event: 'x', data: [1] })).type, 'ack');
  const { room, event, data } = await member.next();
  assert.deepEqual({ room, event, data }, { room: 'a', event: 'x', data: [1] });
  await sender.command({ type: 'publish', event: 'y', args: [1, 2] });
  assert.deepEqual((await member.next()).args, [1, 2]);
  assert.equal((await sender.next()).event, 'y', 'the sender is one of everyone');
}));

test('a wrong publish command changes nothing', withServer({ client_publish: true }, async (server) => {
  const client = await server.native();
  const wrong = [
    { room: 'a' }, { event: 'connect' }, { event: '' }, { event: 'e', room: 5 },
    { event: 'e', namespace: '/other' }, { event: 'e', args: 1 }, { event: 'e', data: 1, args: [] },
    { event: 'e', typo: 1 }, { event: 'e', room: '*' },
  ];

  for (const command of wrong) {
    const answer = await client.command({ type: 'publish', ...command });
    assert.equal(answer.type, 'error', JSON.stringify(command));
  }
  assert.equal(await server.metric('published_total'), 0);
}));

test('a namespace is separate from others', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const inRoot = await server.native({ room: 'a' });
  const inX = await server.native({ namespace: '/x', room: 'a' });
  await server.publish({ namespace: '/x', room: 'a', event: 'to a in /x' });
  await server.publish({ namespace: '/x', event: 'to /x' });
  await server.publish({ event: 'to /' });

  assert.equal(inX.hello.namespace, '/x');
  assert.equal((await inX.next()).event, 'to a in /x');
  assert.equal((await inX.next()).event, 'to /x');
  assert.equal((await inRoot.next()).event, 'to /');
  assert.equal(inX.inbox.length, 0);
}));

test('since: what came after it, in order, then what comes next', withServer({}, async (server) => {
  const first = await server.publish({ event: 'e', data: 0 });
  for (let i = 1; i <= 5; i++) await server.publish({ event: 'e', data: i });
  const client = await server.native({ since: first.seq + 2 });
  await server.publish({ event: 'e', data: 6 });

  assert.equal(client.hello.seq, first.seq + 2);
  assert.deepEqual((await client.nextMany(4)).map(({ data }) => data), [3, 4, 5, 6]);
}));

test('since: only for the rooms that are named', withServer({}, async (server) => {
  const { seq } = await server.publish({ event: 'start' });
  await server.publish({ room: 'a', event: 'for a' });
  await server.publish({ room: 'b', event: 'for b' });
  await server.publish({ rooms: ['a', 'b'], event: 'for both' });
  await server.publish({ event: 'for all' });
  const client = await server.native({ room: 'a', since: seq });
  const messages = await client.nextMany(3);

  assert.deepEqual(messages.map(({ event }) => event), ['for a', 'for both', 'for all']);
  assert.deepEqual(seqs(messages), [seq + 1, seq + 3, seq + 4]);
}));

test('since=0: all that there still is, and no gap', withServer({ journal: { messages: 3 } }, async (server) => {
  for (let i = 0; i < 8; i++) await server.publish({ event: 'e', data: i });
  const client = await server.native({ since: 0 });
  await server.publish({ event: 'last' });

  assert.deepEqual((await client.nextMany(3)).map(({ data }) => data), [5, 6, 7]);
  assert.equal((await client.next()).event, 'last');
}));

test('since: a gap names exactly what a small journal has lost', withServer({ journal: { messages: 3 } }, async (server) => {
  const { seq } = await server.publish({ room: 'a', event: 'e', data: 0 });
  for (let i = 1; i <= 7; i++) await server.publish({ room: 'a', event: 'e', data: i });
  const client = await server.native({ room: 'a', since: seq + 1 });

  assert.deepEqual(await client.next('gap'), { type: 'gap', room: 'a', from: seq + 2, to: seq + 4 });
  assert.deepEqual(seqs(await client.nextMany(3)), [seq + 5, seq + 6, seq + 7]);
}));

test('since: gaps come first, and cover what each room has lost but nothing that comes', withServer({ journal: { messages: 2 } }, async (server) => {
  const { seq } = await server.publish({ event: 'all' });
  await server.publish({ room: 'a', event: 'a' });
  await server.publish({ room: 'b', event: 'b' });
  await server.publish({ room: 'a', event: 'a' });
  await server.publish({ room: 'a', event: 'a' });
  const client = await server.native({ room: ['a', 'b'], since: seq - 1 });
  const gaps = await client.nextMany(3, 'gap');

  for (const [room, lost] of [[null, seq], ['a', seq + 1], ['b', seq + 2]]) {
    const gap = gaps.find((candidate) => candidate.room === room);
    assert.ok(gap.from === seq && gap.to >= lost && gap.to <= seq + 2, JSON.stringify(gap));
  }
  assert.deepEqual(seqs(await client.nextMany(2)), [seq + 3, seq + 4]);
}));

test('since: a journal that is small in bytes holds the newest message', withServer({ journal: { bytes: 4096 } }, async (server) => {
  const data = 'x'.repeat(3000);
  const { seq } = await server.publish({ event: 'e', data });
  await server.publish({ event: 'e', data });
  await server.publish({ event: 'e', data: 'y'.repeat(20_000) });
  const client = await server.native({ since: seq - 1 });

  assert.deepEqual(await client.next('gap'), { type: 'gap', room: null, from: seq, to: seq + 1 });
  assert.equal((await client.next()).seq, seq + 2);
}));

test('since: messages older than journal.age are gone', withServer({ io_threads: 1, journal: { age: 1 } }, async (server) => {
  const { seq } = await server.publish({ event: 'e' });
  await server.untilMetric('journal_messages', 0);
  const client = await server.native({ since: seq - 1 });

  assert.deepEqual(await client.next('gap'), { type: 'gap', room: null, from: seq, to: seq });
  await server.publish({ event: 'new' });
  assert.equal((await client.next()).event, 'new');
}));

test('since from the future: a gap over everything, then what comes next', withServer({}, async (server) => {
  const { seq } = await server.publish({ event: 'e' });
  const client = await server.native({ room: 'a', since: seq + 1_000_000 });
  const gaps = await client.nextMany(2, 'gap');
  await server.publish({ room: 'a', event: 'new' });

  assert.equal(client.hello.seq, seq);
  assert.deepEqual(gaps.map(({ room }) => room), [null, 'a']);
  assert.ok(gaps.every(({ to }) => to === seq));
  assert.equal((await client.next()).event, 'new');
}));

test('since across a restart: a gap up to the start, and seq is never used again', async () => {
  const first = await Stentord.start();
  const { seq } = await first.publish({ room: 'a', event: 'e' });
  await first.stop();
  await withServer({}, async (server) => {
    const client = await server.native({ room: 'a', since: seq });
    const { to } = await client.next('gap');
    assert.ok(to > seq, 'what came while it was down is named');
    const next = await server.publish({ room: 'a', event: 'new' });
    assert.ok(next.seq > to);
    const message = await client.inbox.take();
    assert.equal((message.type === 'gap' ? await client.next() : message).seq, next.seq);
  })({ diagnostic: console.log });
});

test('when the server stops, clients get 1001', async () => {
  const server = await Stentord.start();
  const client = await server.native();
  server.terminate('SIGINT');
  const { code, reason } = await client.closed;
  await server.ended();

  assert.equal(code, 1001);
  assert.notEqual(reason, '');
});

test('where "/" is not declared, the first namespace is the default', withServer({ namespaces: ['/x', '/y'] }, async (server) => {
  const client = await server.native();
  await server.publish({ event: 'e' });

  assert.equal(client.hello.namespace, '/x');
  assert.equal((await client.next()).event, 'e');
  assert.equal((await server.openSocketio('/').refused()).message, 'Invalid namespace');
}));

test('publishing with a key through the client listener reaches native clients', withServer({}, async (server) => {
  const client = await server.native({ room: 'ohio' });
  const headers = { Authorization: `Bearer ${KEY}` };
  const answer = await server.get('/publish/ohio/result', { method: 'POST', headers, body: '{"leader":"A"}' });

  assert.equal(answer.json().clients, 1);
  assert.deepEqual((await client.next()).data, { leader: 'A' });
}));

test('a client that answers no ping is closed after ping_timeout', withServer({ ping_interval: 200, ping_timeout: 1000 }, async (server) => {
  const silent = await server.websocket('/ws');
  const answering = await server.native();

  await server.untilClosed('ping_timeout');
  await silent.raw.readToEnd();
  await server.untilMetric('pings_total', (count) => count >= 5);
  assert.equal(answering.socket.readyState, answering.socket.OPEN);
}));
