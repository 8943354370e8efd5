// POST /publish, in both forms and in every way that HTTP has.
import assert from 'node:assert/strict';
import test from 'node:test';

import { KEY, withServer } from './lib/stentord.mjs';
import { request } from './lib/http.mjs';

const authorised = { Authorization: `Bearer ${KEY}` };

// Publishes through the admin listener.
function post(server, target, body = '', headers = {}) {
  return request(server.admin, target, { method: 'POST', body, headers });
}

async function assertRefused(answer, status, message) {
  const { status: got, text, headers } = await answer;
  assert.equal(got, status, text);
  assert.match(headers['content-type'], /^application\/json/);
  const body = JSON.parse(text);
  assert.match(body.error, /^[a-z_]+$/);
  assert.match(body.message, message);
}

// The request's bytes, with a body.
function rawPost(target, body, extra = '', version = '1.1') {
  return `POST ${target} HTTP/${version}\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra}\r\n${body}`;
}

test('ROOM/EVENT: the raw body is the data, whatever its type', withServer({}, async (server) => {
  const client = await server.native({ room: 'ohio' });
  const bodies = { '{"leader":"A"}': { leader: 'A' }, '"text"': 'text', '17': 17, null: null, ' [1]\n': [1], '': null };

  for (const [body, data] of Object.entries(bodies)) {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain']) {
      const answer = await post(server, '/publish/ohio/result', body, { 'Content-Type': type });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.headers['content-type'], /^application\/json/);
      const message = await client.next();
      assert.deepEqual(Object.keys(answer.json()).sort(), ['clients', 'seq']);
      assert.equal(message.seq, answer.json().seq);
      assert.deepEqual([message.room, message.event, message.data], ['ohio', 'result', data]);
    }
  }
}));

test('ROOM "*" is everyone, and EVENT may have any name', withServer({}, async (server) => {
  const client = await server.native();
  for (const name of ['e', 'a b', 'ü/€?', '😀', '+', '"quoted"\\', 'x'.repeat(256), 'message', '%']) {
    const answer = await post(server, `/publish/*/${encodeURIComponent(name)}`);
    assert.equal(answer.json().clients, 1, answer.text);
    const message = await client.next();
    assert.deepEqual([message.room, message.event], [null, name]);
  }
  const escaped = await post(server, '/publish/%2a/e');
  assert.equal(escaped.json().clients, 1, 'a percent-encoded * is the same');
}));

test('rooms may have any name, percent-encoded; + is a plus', withServer({ max_header_size: 65536 }, async (server) => {
  for (const room of ['a b', 'a+b', 'ü/€?', '..', '.', '%2F', 'x'.repeat(256)]) {
    const client = await server.native({ room });
    const answer = await post(server, `/publish/${encodeURIComponent(room)}/e`);
    assert.equal(answer.json().clients, 1, room);
    assert.equal((await client.next()).room, room);
  }
}));

test('the query may have namespace and key; others are ignored', withServer({ namespaces: ['/', '/x y'] }, async (server) => {
  const client = await server.native({ namespace: '/x y' });
  const answer = await post(server, '/publish/*/e?namespace=%2Fx+y&key=k&utm=1', '1');

  assert.equal(answer.json().clients, 1);
  assert.equal((await client.next()).data, 1);
}));

test('wrong targets are 400 and say why', withServer({}, async (server) => {
  const targets = {
    '/publish/a': /ROOM\/EVENT/,
    '/publish/a/b/c': /%2F/,
    '/publish/': /ROOM\/EVENT/,
    '/publish/a/': /event/,
    '/publish//e': /room/,
    '/publish/%ff/e': /percent-encoded UTF-8/,
    '/publish/a/%e2%82': /percent-encoded UTF-8/,
    '/publish/a/%zz': /percent-encoded/,
    '/publish/a/%': /percent-encoded/,
    '/publish/a%00b/e': /room/,
    '/publish/a/e%00': /event/,
    [`/publish/${'x'.repeat(257)}/e`]: /256 bytes/,
    [`/publish/a/${'x'.repeat(257)}`]: /256 bytes/,
    '/publish/a/e?namespace=/nowhere': /no such namespace/,
    [`/publish/a/e?key=${'x'.repeat(257)}`]: /key/,
  };

  for (const [target, message] of Object.entries(targets)) {
    await assertRefused(post(server, target), 400, message);
  }
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
    await assertRefused(post(server, `/publish/a/${name}`), 400, /reserve/);
    await assertRefused(post(server, '/publish', JSON.stringify({ event: name })), 400, /reserve/);
  }
  assert.equal(await server.metric('published_total'), 0);
}));

test('a body that is no JSON is a 400 that says where', withServer({}, async (server) => {
  for (const body of ['{', 'text', "{'a':1}", '{"a":1}x', '1 2', '\u0000', '{"a":01}', '[1,]', '"\\ud800"', '[' .repeat(100_000)]) {
    await assertRefused(post(server, '/publish/a/e', body), 400, /not JSON.*(column|byte)/s);
  }
  await assertRefused(post(server, '/publish/a/e', Buffer.from('"\xff"', 'latin1')), 400, /not JSON/);
}));

test('octet-stream is binary, and may be anything', withServer({}, async (server) => {
  const client = await server.socketio();
  for (const body of [Buffer.from([0xff, 0, 1]), Buffer.from('{'), Buffer.alloc(0), Buffer.alloc(100_000, 1)]) {
    const answer = await post(server, '/publish/*/e', body, { 'Content-Type': 'application/octet-stream' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await client.next(), ['e', body]);
  }
}));

test('an envelope: room, rooms, data, args, namespace', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const client = await server.native({ namespace: '/x', room: ['a', 'b'] });
  const { seq, clients } = await server.publish({ namespace: '/x', room: 'a', event: 'e', data: { deep: [1] } });
  assert.equal(clients, 1);
  assert.deepEqual(await client.next(), { type: 'message', seq, room: 'a', event: 'e', data: { deep: [1] } });
  await server.publish({ namespace: '/x', rooms: ['a', 'b'], event: 'e', args: [1, 2] });
  assert.deepEqual(await client.next(), { type: 'message', seq: seq + 1, room: ['a', 'b'], event: 'e', args: [1, 2] });
  await server.publish({ namespace: '/x', rooms: null, room: null, except: null, event: 'e' });
  assert.deepEqual(await client.next(), { type: 'message', seq: seq + 2, room: null, event: 'e', data: null });
}));

test('clients is the sum of the rooms\' members, before except', withServer({ io_threads: 3 }, async (server) => {
  for (const room of ['a', 'a', 'a', 'b', ['a', 'b'], ['a', 'c']]) await server.native({ room });

  assert.equal((await server.publish({ event: 'e' })).clients, 6);
  assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 5);
  assert.equal((await server.publish({ rooms: ['a', 'b'], event: 'e' })).clients, 7);
  assert.equal((await server.publish({ rooms: ['a', 'a'], event: 'e' })).clients, 5);
  assert.equal((await server.publish({ room: 'a', except: ['b'], event: 'e' })).clients, 5);
  assert.equal((await server.publish({ room: 'nobody', event: 'e' })).clients, 0);
}));

test('except: members of these rooms do not get it', withServer({}, async (server) => {
  const a = await server.native({ room: 'a' });
  const ab = await server.native({ room: ['a', 'b'] });
  const c = await server.native({ room: 'c' });
  const io = await server.socketio('/', { auth: { rooms: ['a', 'c'] } });
  await server.publish({ event: 'all but b', except: ['b'] });
  await server.publish({ room: 'a', event: 'a but c', except: ['c', 'nobody'] });
  await server.publish({ event: 'all but a', except: 'a' });
  await server.publish({ event: 'end' });
  const events = async (client, count) => (await client.nextMany(count)).map((message) => message.event);

  assert.deepEqual(await events(a, 3), ['all but b', 'a but c', 'end']);
  assert.deepEqual(await events(ab, 2), ['a but c', 'end']);
  assert.deepEqual(await events(c, 3), ['all but b', 'all but a', 'end']);
  assert.deepEqual([(await io.next())[0], (await io.next())[0]], ['all but b', 'end']);
}));

test('an array: one answer each, with consecutive seqs', withServer({}, async (server) => {
  const client = await server.native({ room: 'a' });
  const answers = await server.publish([
    { event: 'x' }, { room: 'a', event: 'y' }, { room: 'b', event: 'z' },
  ]);

  const [{ seq }] = answers;
  assert.deepEqual(answers, [{ seq, clients: 1 }, { seq: seq + 1, clients: 1 }, { seq: seq + 2, clients: 0 }]);
  assert.deepEqual((await client.nextMany(2)).map((message) => message.event), ['x', 'y']);
  assert.equal((await server.publish([{ event: 'alone' }])).length, 1);
}));

test('an array with one mistake publishes nothing, and names the element', withServer({}, async (server) => {
  const body = JSON.stringify([{ event: 'x' }, { event: 'y' }, { event: 'z', typo: 1 }]);

  await assertRefused(post(server, '/publish', body), 400, /element 2: "typo"/);
  assert.equal(await server.metric('published_total'), 0);
}));

test('arrays hold 1 to 10000 envelopes', withServer({}, async (server) => {
  const many = (count) => JSON.stringify(Array(count).fill({ event: 'e' }));

  await assertRefused(post(server, '/publish', '[]'), 400, /1 to 10000/);
  await assertRefused(post(server, '/publish', many(10_001)), 400, /1 to 10000/);
  const answer = await post(server, '/publish', many(10_000));
  assert.equal(answer.json().length, 10_000);
}));

test('wrong envelopes are 400 and say why', withServer({}, async (server) => {
  const wrong = [
    ['', /empty/], ['   ', /empty/], ['{', /not JSON/], ['5', /object/], ['"x"', /object/], ['null', /object/],
    ['[5]', /element 0.*object/], ['[[{"event":"e"}]]', /object/],
    ['{}', /"event" is missing/], ['{"event":5}', /"event"/], ['{"event":""}', /event/], ['{"event":null}', /"event"/],
    ['{"event":"a\\u0000"}', /event/],
    ['{"event":"e","room":5}', /room/], ['{"event":"e","room":""}', /room/], ['{"event":"e","room":"*"}', /everyone/],
    ['{"event":"e","rooms":["a",5]}', /room/], ['{"event":"e","rooms":["*"]}', /everyone/],
    ['{"event":"e","rooms":{}}', /room/], ['{"event":"e","except":[""]}', /room/], ['{"event":"e","except":7}', /room/],
    ['{"event":"e","data":1,"args":[]}', /either/], ['{"event":"e","args":1}', /array/],
    ['{"event":"e","namespace":"/nowhere"}', /no such namespace/], ['{"event":"e","namespace":5}', /namespace/],
    ['{"event":"e","key":5}', /key/], ['{"event":"e","room":"a","typo":1}', /"typo"/],
    ['{"event":"e","type":"publish"}', /"type"/],
  ];

  for (const [body, message] of wrong) await assertRefused(post(server, '/publish', body), 400, message);
  const rooms = JSON.stringify({ event: 'e', rooms: Array.from({ length: 257 }, (_, i) => `r${i}`) });
  await assertRefused(post(server, '/publish', rooms), 400, /256 rooms/);
  assert.equal(await server.metric('published_total'), 0);
  assert.equal(await server.metric('publish_refused_total'), wrong.length + 1);
}));

test('room and rooms exclude each other', withServer({}, async (server) => {
  const many = Array.from({ length: 256 }, (_, i) => `r${i}`);

  assert.equal((await post(server, '/publish', JSON.stringify({ event: 'e', rooms: many }))).status, 200);
  for (const envelope of [{ rooms: many, room: 'x' }, { room: many, rooms: many }, { room: 'a', rooms: ['b'] }]) {
    const body = JSON.stringify({ event: 'e', except: ['x'], ...envelope });
    await assertRefused(post(server, '/publish', body), 400, /room/);
  }
}));

test('an empty list of rooms is not everyone', withServer({}, async (server) => {
  const client = await server.native();
  const answer = await post(server, '/publish', '{"event":"to no room","rooms":[]}');
  await server.publish({ event: 'after' });

  assert.ok(answer.status === 400 || answer.json().clients === 0, answer.text);
  assert.equal((await client.next()).event, 'after');
}));

test('JSON goes out as the publisher wrote it', withServer({}, async (server) => {
  const ws = await server.websocket('/ws');
  await ws.receive();
  await post(server, '/publish', '{"data" : {"b":1.0, "a":[ 1e2,"\\u00fc" ]}, "event":"e"}');

  assert.ok((await ws.receive()).text.endsWith('"data":{"b":1.0, "a":[ 1e2,"\\u00fc" ]}}'));
}));

test('names in an envelope are the same in whatever way they are escaped', withServer({}, async (server) => {
  const client = await server.native();
  for (const body of ['{"event":"e","d\\u0061ta":7}', '{"\\u0065vent":"e","data":7}', '{"event":"e","data":1,"data":7}']) {
    const answer = await post(server, '/publish', body);
    if (answer.status === 200) assert.equal((await client.next()).data, 7, body);
    else assert.equal(answer.status, 400);
  }
}));

test('client listeners need a key, admin listeners none', withServer({ publish_keys: [KEY, 'second'] }, async (server) => {
  const publish = (headers, target = '/publish/a/e') => server.get(target, { method: 'POST', headers });

  for (const key of [KEY, 'second']) {
    assert.equal((await publish({ Authorization: `Bearer ${key}` })).status, 200);
    assert.equal((await publish({ Authorization: `bearer  ${key}` })).status, 200, 'schemes have no case');
  }
  for (const headers of [
    {}, { Authorization: 'Bearer wrong' }, { Authorization: 'Bearer ' }, { Authorization: `Basic ${KEY}` },
    { Authorization: KEY }, { Authorization: `Bearer ${KEY}x` }, { Authorization: `Bearer ${KEY.slice(0, -1)}` },
    { Authorization: 'Bearer' }, { Authorization: '' },
  ]) {
    for (const target of ['/publish/a/e', '/publish']) {
      const answer = await publish(headers, target);
      await assertRefused(answer, 401, /publish_keys/);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
  }
  assert.equal((await post(server, '/publish/a/e')).status, 200);
}));

test('without publish_keys no client listener publishes', withServer({ publish_keys: [] }, async (server) => {
  for (const headers of [{}, { Authorization: 'Bearer ' }, authorised]) {
    const answer = await server.get('/publish/a/e', { method: 'POST', headers });
    await assertRefused(answer, 401, /admin listener/);
  }
}));

test('other methods are 405 and Allow says POST', withServer({}, async (server) => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
    const answer = await request(server.admin, '/publish/a/e', { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.allow, 'POST');
  }
}));

test('max_publish_size: a larger body is 413, by its length or as it comes', withServer({ max_publish_size: 1000, max_header_size: 512 }, async (server) => {
  const exact = JSON.stringify('x'.repeat(998));
  assert.equal((await post(server, '/publish/a/e', exact)).status, 200);
  await assertRefused(post(server, '/publish/a/e', `${exact} `), 413, /body/);
  const announced = await server.raw(server.admin);
  announced.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n');
  await assertRefused(announced.readResponse(), 413, /body/);
  const chunked = await server.raw(server.admin);
  chunked.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 0; i < 11; i++) chunked.write(`64\r\n${'x'.repeat(100)}\r\n`);
  await assertRefused(chunked.readResponse(), 413, /body/);
}));

test('publish_rate: more than the burst is 429 with Retry-After', withServer({ publish_rate: 1, publish_burst: 3, client_publish: true }, async (server) => {
  await server.publish([{ event: 'e' }, { event: 'e' }, { event: 'e' }]);
  const answer = await post(server, '/publish/a/e');
  const client = await server.native();
  const command = await client.command({ type: 'publish', event: 'e' });

  await assertRefused(answer, 429, /publish_rate/);
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  assert.match(command.message, /publish_rate/);
  assert.equal(await server.metric('published_total'), 3);
}));

test('publish_rate: a batch above the burst passes when nothing is owed, and then holds others back', withServer({ publish_rate: 1, publish_burst: 3 }, async (server) => {
  const batch = JSON.stringify(Array(100).fill({ event: 'e' }));

  assert.equal((await post(server, '/publish', batch)).status, 200);
  const answer = await post(server, '/publish', batch);
  await assertRefused(answer, 429, /publish_rate/);
  assert.ok(Number(answer.headers['retry-after']) > 90);
  assert.equal(await server.metric('published_total'), 100);
}));

test('chunked bodies, in odd pieces, with extensions and trailers', withServer({}, async (server) => {
  const client = await server.native();
  const raw = await server.raw(server.admin);
  raw.write('POST /publish/*/e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  await raw.writeSlowly('5;ext=1\r\n{"a":\r\n4\r\n"ü"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n');

  assert.equal((await raw.readResponse()).status, 200);
  assert.deepEqual((await client.next()).data, { a: 'ü' });
  raw.write(rawPost('/publish/*/e', '2'));
  assert.equal((await raw.readResponse()).status, 200, 'the connection goes on');
}));

test('Expect: 100-continue is asked for the body; a refusal comes without it', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write(`POST /publish/a/e HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n`);
  assert.equal((await raw.readHead()).status, 100);
  raw.write('7');
  assert.equal((await raw.readResponse()).status, 200);

  const refused = await server.raw();
  refused.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await refused.readHead()).status, 401);
  const unknown = await server.raw(server.admin);
  unknown.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: miracle\r\n\r\n');
  assert.equal((await unknown.readResponse()).status, 417);
}));

test('a connection is kept for many requests', withServer({}, async (server) => {
  const raw = await server.raw(server.admin);
  for (let i = 0; i < 50; i++) {
    raw.write(rawPost('/publish/a/e', String(i)));
    const answer = await raw.readResponse();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.connection, 'keep-alive');
  }
  raw.write(rawPost('/publish/a/e', '1', 'Connection: close\r\n'));
  assert.equal((await raw.readResponse()).headers.connection, 'close');
  await raw.readToEnd();
}));

test('pipelined requests are answered in order, whatever they are', withServer({}, async (server) => {
  const raw = await server.raw(server.admin);
  const wanted = [];
  let bytes = '';
  for (let i = 0; i < 60; i++) {
    const [target, body, status] = [
      ['/publish/a/e', String(i), 200], ['/publish/a/e', 'x', 400], ['/publish/a', '', 400], ['/nothing', '', 404],
    ][i % 4];
    bytes += i % 4 === 3 ? `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n` : rawPost(target, body);
    wanted.push(status);
  }
  raw.write(bytes);
  const answers = [];
  for (const { length } = wanted; answers.length < length; ) answers.push(await raw.readResponse());
  const seqs = answers.filter(({ status }) => status === 200).map((answer) => answer.json().seq);

  assert.deepEqual(answers.map(({ status }) => status), wanted);
  assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
}));

test('who shuts its side after pipelined requests still gets all answers', withServer({}, async (server) => {
  const raw = await server.raw(server.admin);
  raw.write(rawPost('/publish/a/e', '1').repeat(20));
  raw.end();
  const everything = (await raw.readToEnd()).toString();

  assert.equal(everything.match(/HTTP\/1.1 200/g).length, 20);
}));

test('a refusal before the body closes the connection, so that no body is taken for a request', withServer({}, async (server) => {
  const raw = await server.raw();
  raw.write(rawPost('/publish/a/e', 'GET /healthz HTTP/1.1\r\n\r\n') + rawPost('/publish/a/e', '1'));
  const everything = (await raw.readToEnd()).toString();

  assert.equal(everything.match(/HTTP\/1.1/g).length, 1);
  assert.match(everything, /^HTTP\/1.1 401/);
}));

test('HTTP/1.0 closes after the answer, unless asked', withServer({}, async (server) => {
  const plain = await server.raw(server.admin);
  plain.write(rawPost('/publish/a/e', '1', '', '1.0'));
  assert.match((await plain.readToEnd()).toString(), /^HTTP\/1.1 200[^]*Connection: close/);
  const kept = await server.raw(server.admin);
  kept.write(rawPost('/publish/a/e', '1', 'Connection: keep-alive\r\n', '1.0').repeat(2));
  assert.equal((await kept.readResponse()).status, 200);
  assert.equal((await kept.readResponse()).status, 200);
}));

test('a body that takes too long is a 408', withServer({ body_timeout: 1 }, async (server) => {
  const raw = await server.raw(server.admin);
  raw.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12');
  const answer = await raw.readResponse();

  await assertRefused(answer, 408, /body_timeout/);
  await raw.readToEnd();
  raw.end();
  await server.untilClosed('body_timeout', 1);
}));

test('a publisher that vanishes before the answer does no harm', withServer({}, async (server) => {
  const client = await server.native();
  for (let i = 0; i < 50; i++) {
    const raw = await server.raw(server.admin);
    raw.write(rawPost('/publish/*/e', String(i)));
    if (i % 2) raw.reset();
    else await raw.destroy();
  }
  await server.publish({ event: 'end' });
  for (;;) if ((await client.next()).event === 'end') break;
}));

test('several publishers at once: every seq once', withServer({}, async (server) => {
  const publisher = async () => {
    const seqs = [];
    while (seqs.length < 30) seqs.push((await server.publish({ event: 'e' })).seq);
    return seqs;
  };
  const seqs = (await Promise.all(Array.from({ length: 8 }, publisher))).flat();

  assert.equal(new Set(seqs).size, 240);
  assert.equal(Math.max(...seqs) - Math.min(...seqs), 239);
}));

test('web pages need a key also on an admin listener', withServer({}, async (server) => {
  const page = { Origin: 'http://evil.example' };

  await assertRefused(post(server, '/publish/a/e', '1', page), 403, /publish_keys/);
  assert.equal((await post(server, '/publish/a/e', '1', { ...page, ...authorised })).status, 200);
  assert.equal((await post(server, '/publish/a/e', '1')).status, 200);
}));
