// Engine.IO 4 and Socket.IO 5 as their documents have them, against the built-in application of
// `conformance = true`: it echoes what it is sent. The upgrade is in engine-upgrade.test.mjs.
import assert from 'node:assert/strict';
import test from 'node:test';

import { assertGone, PollingSession, target, untilGone, waitingPoll } from './lib/polling-session.mjs';
import { handshake, opcode } from './lib/raw-websocket.mjs';
import { withServer } from './lib/steady-server.mjs';

const CONFORMANCE = { conformance: true, namespaces: ['/', '/custom'] };
const PATHS = ['/engine.io/', '/socket.io/'];
const ENGINE = { path: '/engine.io/' };

const refusals = {
  transport: '{"code":0,"message":"Transport unknown"}',
  sid: '{"code":1,"message":"Session ID unknown"}',
  method: '{"code":2,"message":"Bad handshake method"}',
  request: '{"code":3,"message":"Bad request"}',
  version: '{"code":5,"message":"Unsupported protocol version"}',
};

const openEngine = (server, options) => PollingSession.open(server.clients, { ...ENGINE, ...options });

async function openWebSocket(server, path = '/engine.io/') {
  const ws = await server.websocket(target(path, { EIO: 4, transport: 'websocket' }));
  ws.open = JSON.parse((await ws.receiveAny()).text.slice(1));
  return ws;
}

function assertHandshake(open, upgrades) {
  assert.deepEqual(Object.keys(open), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
  assert.match(open.sid, /^[\w-]{20,}$/);
  assert.deepEqual({ ...open, sid: '' }, { sid: '', upgrades, pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000 });
}

test('without the option there is no /engine.io/, and nobody echoes', withServer({}, async (server) => {
  const query = '?EIO=4&transport=polling';
  assert.equal((await server.get(`/engine.io/${query}`)).status, 404);
  for (const method of ['POST', 'OPTIONS']) {
    const [here, nowhere] = await Promise.all(
      ['/engine.io/', '/nothing/'].map((path) => server.get(`${path}${query}`, { method })));
    assert.deepEqual([here.status, here.text], [nowhere.status, nowhere.text], method);
  }
  const raw = await server.raw();
  raw.write(handshake('/engine.io/?EIO=4&transport=websocket'));
  assert.equal((await raw.readHead()).status, 404);

  const client = await server.socketio();
  assert.equal((await client.ask('message-with-ack', 1)).ok, false);
  client.socket.emit('message', 1);
  await server.publish({ event: 'after' });
  assert.deepEqual(await client.next(), ['after', null], 'neither auth nor message-back');
}));

test('handshakes tell what the client has to know', withServer({
  ...CONFORMANCE, ping_interval: 300, ping_timeout: 200, max_message_size: 1_000_000,
}, async (server) => {
  for (const path of PATHS) {
    const { open, handshake: answer } = await openEngine(server, { path });
    assertHandshake(open, ['websocket']);
    assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assertHandshake((await openWebSocket(server, path)).open, []);
  }
}));

test('no two sessions have the same id', withServer(CONFORMANCE, async (server) => {
  const sessions = await Promise.all(Array.from({ length: 100 }, () => openEngine(server)));

  assert.equal(new Set(sessions.map(({ sid }) => sid)).size, 100);
}));

test('wrong handshakes are refused with code and message', withServer(CONFORMANCE, async (server) => {
  const wrong = [
    ['GET', 'EIO=4', refusals.transport],
    ['GET', 'EIO=4&transport=abc', refusals.transport],
    ['GET', '', refusals.transport],
    ['GET', 'transport=polling', refusals.version],
    ['GET', 'EIO=abc&transport=polling', refusals.version],
    ['GET', 'EIO=3&transport=polling', refusals.version],
    ['GET', 'EIO=5&transport=polling', refusals.version],
    ['GET', 'EIO=44&transport=polling', refusals.version],
    ['GET', 'EIO=4&transport=polling&sid=abc', refusals.sid],
    ['POST', 'EIO=4&transport=polling', refusals.method],
    ['PUT', 'EIO=4&transport=polling', refusals.method],
    ['DELETE', 'EIO=4&transport=polling', refusals.method],
    ['GET', 'EIO=4&transport=websocket', refusals.request],
  ];

  for (const path of PATHS) {
    for (const [method, query, refusal] of wrong) {
      const answer = await server.get(`${path}?${query}`, { method });
      assert.deepEqual([answer.status, answer.text], [400, refusal], `${method} ${path}?${query}`);
      assert.equal(answer.headers['content-type'], 'application/json');
    }
  }
}));

test('wrong handshakes for a WebSocket are refused the same way', withServer(CONFORMANCE, async (server) => {
  const wrong = {
    'EIO=4': refusals.transport,
    'EIO=4&transport=abc': refusals.transport,
    'transport=websocket': refusals.version,
    'EIO=abc&transport=websocket': refusals.version,
    'EIO=4&transport=polling': refusals.request,
    'EIO=4&transport=websocket&sid=abc': refusals.sid,
  };

  for (const path of PATHS) {
    for (const [query, refusal] of Object.entries(wrong)) {
      const raw = await server.raw();
      raw.write(handshake(`${path}?${query}`));
      const answer = await raw.readResponse();
      assert.deepEqual([answer.status, answer.text], [400, refusal], `${path}?${query}`);
    }
  }
  assert.equal(await server.metric('handshakes_total'), 0);
}));

test('polling: packets come back as they were, text, binary and empty', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const payloads = [
    ['4hello'],
    ['4test1', '4test2', '4test3'],
    ['4hello', Buffer.of(1, 2, 3, 4)],
    [Buffer.of(1), Buffer.of(1, 2), Buffer.of(1, 2, 3), Buffer.alloc(0), Buffer.alloc(3000, 255)],
    ['4', '4€ and 😀', '4 two\r\nlines "and" \\ \u0000\u001f\u007f'],
    ['4b', '44', '42["looks like", "Socket.IO"]'],
  ];

  for (const packets of payloads) {
    await session.send(...packets);
    assert.deepEqual(await session.receive(), packets);
  }
  const { answer } = await waitingPoll(server, session);
  await session.send('4now', Buffer.of(5));
  assert.equal((await answer).text, '4now\x1ebBQ==');
}));

test('polling: answers are text that nobody may store', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const posted = await session.post('4€');
  const polled = await session.poll();

  assert.deepEqual([posted.text, posted.headers['content-type']], ['ok', 'text/html']);
  assert.deepEqual([polled.text, polled.headers['content-type']], ['4€', 'text/plain; charset=UTF-8']);
  assert.equal(polled.headers['content-length'], '4');
  for (const { headers } of [posted, polled]) assert.equal(headers['cache-control'], 'no-store');
}));

test('polling: what is no payload ends the session', withServer(CONFORMANCE, async (server) => {
  const invalid = [
    'abc', '', '7', '\x1e', '4a\x1e', '\x1e4a', '4a\x1e\x1e4b', 'b*', 'bAQIDBA=', '4a\x1ebAQ===', '2', '2probe',
    Buffer.from([0x34, 0xff]), Buffer.from([0x34, 0xed, 0xa0, 0x80]),
  ];

  for (const body of invalid) {
    const session = await openEngine(server);
    const what = JSON.stringify(body.toString('latin1'));
    const answer = await session.post(body);
    assert.deepEqual([answer.status, answer.text], [400, refusals.request], what);
    await assertGone(session);
  }
  await server.untilClosed('protocol_error', invalid.length);
}));

test('polling: an invalid packet tells the poll that waits', withServer(CONFORMANCE, async (server) => {
  const session = await openEngine(server);
  const { answer } = await waitingPoll(server, session);
  assert.equal((await session.post('4good\x1exbad')).status, 400);

  assert.equal((await answer).text, '1');
  await assertGone(session);
}));

test('polling: two polls at once end the session', withServer(CONFORMANCE, async (server) => {
  for (const path of PATHS) {
    const session = await openEngine(server, { path });
    const { answer: first } = await waitingPoll(server, session);
    const second = await session.poll();

    assert.deepEqual([second.status, second.text], [400, refusals.request]);
    const { status, text } = await first;
    assert.deepEqual([status, text], [200, '1']);
    await assertGone(session);
  }
}));

test('polling: a poll that is cancelled ends the session', withServer(CONFORMANCE, async (server) => {
  for (const cancel of ['end', 'reset']) {
    const session = await openEngine(server);
    const before = await server.metric('polls_total');
    const lost = await server.metric('closes_total{reason="reset"}');
    const raw = await server.raw();
    raw.write(`GET ${session.target()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await server.untilMetric('polls_total', before + 1);
    raw[cancel]();

    await server.untilClosed('reset', (count) => count > lost);
    await assertGone(session);
  }
}));

test('polling: heartbeats', withServer({ ...CONFORMANCE, ping_interval: 100, ping_timeout: 60_000 }, async (server) => {
  for (const path of PATHS) {
    const session = await openEngine(server, { path });
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await session.receive(), ['2']);
      await session.send('3');
    }
  }
  assert.ok((await server.metric('pings_total')) >= 6);
}));

test('polling: a ping waits for the next poll, with what else there is', withServer({
  ...CONFORMANCE, ping_interval: 100, ping_timeout: 60_000,
}, async (server) => {
  const session = await openEngine(server);
  await session.send('4first');
  await server.untilMetric('pings_total', 1);
  await session.send('4second');

  const packets = await session.receive();
  assert.deepEqual(packets.filter((packet) => packet !== '2'), ['4first', '4second']);
  assert.ok(packets.includes('2') && packets.indexOf('2') < packets.indexOf('4second'), `${packets}`);
}));

test('polling: without a pong the session ends', withServer({ ...CONFORMANCE, ping_interval: 100, ping_timeout: 200 }, async (server) => {
  const silent = await openEngine(server);
  await server.untilClosed('ping_timeout', 1);
  await assertGone(silent);

  await untilGone(await openEngine(server)); // it hears pings, but says nothing
  await server.untilClosed('ping_timeout', 2);
}));

test('polling: a client that closes is gone, and its poll gets a noop', withServer(CONFORMANCE, async (server) => {
  for (const path of PATHS) {
    const session = await openEngine(server, { path });
    const { answer } = await waitingPoll(server, session);
    await session.send('1');
    assert.equal((await answer).text, '6');
    await assertGone(session);

    const without = await openEngine(server, { path });
    await without.send('1');
    await assertGone(without);
  }
  await server.untilMetric('clients_socketio', 0);
}));

test('polling: packets behind a close are not taken', withServer({ client_publish: true }, async (server) => {
  const session = await PollingSession.connect(server.clients);
  const other = await server.native();
  await session.send('42["publish",{"event":"before"}]', '1', '42["publish",{"event":"behind"}]');
  await assertGone(session);
  await server.publish({ event: 'later' });

  assert.deepEqual((await other.nextMany(2)).map(({ event }) => event), ['before', 'later']);
}));

test('WebSocket: packets come back as they were', withServer(CONFORMANCE, async (server) => {
  const ws = await openWebSocket(server);
  for (const [op, payload] of [
    [opcode.text, '4hello'], [opcode.text, '4'], [opcode.text, '4€ 😀'],
    [opcode.binary, Buffer.of(1, 2, 3, 4)], [opcode.binary, Buffer.alloc(0)], [opcode.binary, Buffer.alloc(60_000, 7)],
  ]) {
    ws.send(op, payload);
    const received = await ws.receiveAny();
    assert.equal(received.opcode, op);
    assert.deepEqual(received.payload, Buffer.from(payload));
  }
}));

test('WebSocket: what is no packet ends the session', withServer(CONFORMANCE, async (server) => {
  for (const text of ['abc', '', '7', '2', '2probe']) {
    const ws = await openWebSocket(server);
    ws.send(opcode.text, text);
    assert.equal((await ws.closed()).code, 1002, JSON.stringify(text));
  }
}));

test('WebSocket: heartbeats, and the end of who does not answer', withServer({
  ...CONFORMANCE, ping_interval: 100, ping_timeout: 1000,
}, async (server) => {
  const [answering, silent] = [await openWebSocket(server), await openWebSocket(server)];
  for (let i = 0; i < 3; i++) {
    assert.equal((await answering.receiveAny()).text, '2');
    answering.send(opcode.text, '3');
  }
  assert.equal((await silent.receiveAny()).text, '2');
  await silent.raw.readToEnd();
  await server.untilClosed('ping_timeout', (count) => count > 0);
}));

test('WebSocket: a client that closes is gone', withServer(CONFORMANCE, async (server) => {
  const ws = await openWebSocket(server);
  ws.send(opcode.text, '1');

  assert.equal((await ws.closed()).code, 1000);
}));

// What a client of Socket.IO sends and is answered, on a transport: exchange(packets, count).
const transports = {
  polling: async (server) => {
    const session = await openEngine(server, { path: '/socket.io/' });
    return {
      exchange: async (packets, count) => {
        await session.send(...packets);
        return session.receiveMany(count);
      },
      untilClosed: () => untilGone(session),
    };
  },
  websocket: async (server) => {
    const ws = await openWebSocket(server, '/socket.io/');
    return {
      exchange: async (packets, count) => {
        for (const packet of packets) ws.send(typeof packet === 'string' ? opcode.text : opcode.binary, packet);
        const received = [];
        while (received.length < count) {
          const { opcode: op, payload, text } = await ws.receive();
          received.push(op === opcode.text ? text : payload);
        }
        return received;
      },
      untilClosed: () => ws.closed(),
    };
  },
};

for (const [name, connect] of Object.entries(transports)) {
  test(`Socket.IO over ${name}: connects with and without a payload`, withServer(CONFORMANCE, async (server) => {
    for (const [prefix, auth] of [['', ''], ['', '{"token":"123"}'], ['/custom,', ''], ['/custom,', '{"token":"abc"}']]) {
      const { exchange } = await connect(server);
      const [welcome, event] = await exchange([`40${prefix}${auth}`], 2);
      assert.ok(welcome.startsWith(`40${prefix}{`), welcome);
      assert.deepEqual(Object.keys(JSON.parse(welcome.slice(2 + prefix.length))), ['sid']);
      assert.equal(event, `42${prefix}["auth",${auth || '{}'}]`);
    }
    const { exchange } = await connect(server);
    assert.deepEqual(await exchange(['40/random'], 1), ['44/random,{"message":"Invalid namespace"}']);
  }));

  test(`Socket.IO over ${name}: events and acks, with and without binary data`, withServer(CONFORMANCE, async (server) => {
    const { exchange } = await connect(server);
    const placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    const data = [Buffer.of(1, 2, 3), Buffer.of(4, 5, 6)];
    await exchange(['40'], 2);

    assert.deepEqual(await exchange(['42["message",1,"2",{"3":[true]}]'], 1), ['42["message-back",1,"2",{"3":[true]}]']);
    assert.deepEqual(await exchange(['42["message"]'], 1), ['42["message-back"]']);
    assert.deepEqual(await exchange(['42456["message-with-ack",1,"2",{"3":[false]}]'], 1), ['43456[1,"2",{"3":[false]}]']);
    assert.deepEqual(
      await exchange([`452-["message",${placeholders}]`, ...data], 3), [`452-["message-back",${placeholders}]`, ...data]);
    assert.deepEqual(
      await exchange([`452-789["message-with-ack",${placeholders}]`, ...data], 3), [`462-789[${placeholders}]`, ...data]);
  }));

  test(`Socket.IO over ${name}: leaving a namespace keeps the other`, withServer(CONFORMANCE, async (server) => {
    const { exchange } = await connect(server);
    await exchange(['40', '40/custom,'], 4);

    assert.deepEqual(await exchange(['42/custom,["message",1]'], 1), ['42/custom,["message-back",1]']);
    assert.deepEqual(await exchange(['41/custom,', '42["message",2]'], 1), ['42["message-back",2]']);
  }));

  test(`Socket.IO over ${name}: what is no packet ends the session`, withServer(CONFORMANCE, async (server) => {
    const broken = ['4abc', '42{}', '42abc["message-with-ack",1]', '40', '42/custom,["message"]', '44{"message":"x"}', Buffer.of(1)];
    const early = await connect(server);
    await early.exchange(['4abc'], 0).catch(() => {}); // the POST is refused
    await early.untilClosed();

    for (const packet of broken) {
      const { exchange, untilClosed } = await connect(server);
      await exchange(['40'], 2);
      await exchange([packet], 0).catch(() => {});
      await untilClosed();
    }
  }));

  test(`Socket.IO over ${name}: who joins no namespace is closed`, withServer({ ...CONFORMANCE, connect_timeout: 1 }, async (server) => {
    const { untilClosed } = await connect(server);
    const refused = await connect(server);
    await refused.exchange(['40/random'], 1);
    const joined = await connect(server);
    await joined.exchange(['40'], 2);

    await Promise.all([untilClosed(), refused.untilClosed()]);
    await server.untilClosed('connect_timeout', 2);
    assert.deepEqual(await joined.exchange(['42["message"]'], 1), ['42["message-back"]']);
  }));
}
