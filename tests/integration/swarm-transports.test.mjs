// stentor-swarm with every transport: alone and mixed, and whether what goes wrong is seen.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import { request } from './lib/http.mjs';
import { withServer } from './lib/stentord.mjs';
import { byTransport, startSwarm, swarm } from './lib/swarm.mjs';

const all = ['websocket', 'msgpack', 'sse', 'socketio', 'socketio-msgpack', 'socketio3', 'polling', 'polling-msgpack',
  'polling3', 'plain'];

// The run passed, and each transport's clients got everything once.
function assertPassed({ code, stdout, stderr, report }, clients) {
  assert.equal(code, 0, stdout + stderr);
  const messages = report.totals.messages;
  assert.ok(messages >= 5, stdout);
  for (const [name, count] of Object.entries(clients)) {
    const { attempted, connected, failed, disconnects, delivered, lost, duplicated, out_of_order, gap_notices } =
      byTransport(report.transports)[name];
    assert.deepEqual(
      { attempted, connected, failed, disconnects, delivered, lost, duplicated, out_of_order, gap_notices },
      { attempted: count, connected: count, failed: 0, disconnects: 0, delivered: count * messages, lost: 0,
        duplicated: 0, out_of_order: 0, gap_notices: 0 },
      name);
  }
}

test('50 clients by one transport', { concurrency: 4 }, async (t) => {
  const alone = (transport) => withServer({ eio3: true }, async (server) => {
    const result = await swarm(server, ['-c', '50', '--transports', transport]);

    assertPassed(result, { [transport]: 50 });
    assert.equal(await server.metric('deliveries_total'), 50 * result.report.totals.messages);
  });
  await Promise.all(all.map((transport) => t.test(transport, alone(transport))));
});

test('a mixed audience has the shares that were asked for, and is measured by transport', withServer({}, async (server) => {
  const result = await swarm(server, ['-c', '100', '--transports', 'websocket:50,polling:40,sse:10', '--rounds', '20ms:0.2s,50ms:0.3s']);
  const { report, stdout } = result;

  assertPassed(result, { websocket: 50, polling: 40, sse: 10 });
  assert.deepEqual(report.options.transports, { websocket: 50, polling: 40, sse: 10 });
  assert.match(stdout, /^polling +40 +40 +0 /m);
  for (const round of report.rounds) {
    const parts = byTransport(round.transports);
    assert.equal(parts.websocket.delivered, 50 * round.messages);
    assert.equal(parts.polling.delay_ns.count, 40 * round.messages);
    assert.equal(parts.sse.delivered + parts.polling.delivered + parts.websocket.delivered, round.delivered);
    assert.ok(parts.sse.relative_delay_ns > 0 && parts.sse.delay_ns.max <= round.delay_ns.max);
  }
}));

test('all transports join one room', withServer({ eio3: true, max_rooms: 1 }, async (server) => {
  const mix = all.filter((name) => name !== 'plain'); // which knows no rooms
  const result = await swarm(server, ['-c', String(10 * mix.length), '--transports', mix.join(','), '--room', 'a b/ü']);

  assertPassed(result, Object.fromEntries(mix.map((name) => [name, 10])));
}));

test('heartbeats are answered, or sent, as each protocol wants it', withServer({ eio3: true, ping_interval: 300, ping_timeout: 400 }, async (server) => {
  const mix = ['socketio', 'polling', 'polling-msgpack', 'socketio3', 'polling3'];
  const result = await swarm(server, ['-c', '25', '--transports', mix.join(','), '--idle', '2']);

  assertPassed(result, Object.fromEntries(mix.map((name) => [name, 5])));
  assert.ok(result.report.pings.received >= 15 * 4);
}));

test('large messages, which come in pieces', withServer({}, async (server) => {
  const mix = ['websocket', 'msgpack', 'sse', 'socketio', 'polling', 'polling-msgpack'];
  const result = await swarm(server, ['-c', '12', '--transports', mix.join(','), '--payload', '300000']);

  assertPassed(result, Object.fromEntries(mix.map((name) => [name, 2])));
}));

test('messages in flight, as fast as polling clients take them', withServer({}, async (server) => {
  const result = await swarm(server, ['-c', '20', '--transports', 'polling,sse', '--in-flight', '8', '--rounds', '1s:0.3s']);

  assertPassed(result, { polling: 10, sse: 10 });
}));

test('polling clients say goodbye, and leave nothing behind', withServer({}, async (server) => {
  const before = (await server.status()).clients;
  assertPassed(await swarm(server, ['-c', '20', '--transports', 'polling']), { polling: 20 });
  assert.equal((await server.status()).clients, before);
}));

test('what the server refuses fails by transport, with the cause', withServer({ eio3: false }, async (server) => {
  const { code, stdout, report } = await swarm(server, ['-c', '12', '--transports', 'websocket,polling3']);
  const parts = byTransport(report.transports);

  assert.equal(code, 1, stdout);
  assert.equal(report.passed, false);
  assert.deepEqual(parts.polling3.causes, { http_400: 6 });
  assert.equal(parts.polling3.connected, 0);
  assert.equal(parts.websocket.connected, 6);
  assert.equal(parts.websocket.lost, 0);
  assert.match(stdout, /^polling3 .*\n +failed +6 http_400$/m);
}));

test('clients that the server leaves are counted by transport', withServer({}, async (server) => {
  const { result } = startSwarm(server.admin, ['-c', '9', '--transports', 'websocket,sse,polling', '--idle', '60']);
  for (const kind of ['native', 'sse', 'socketio']) await server.untilMetric(`clients_${kind}`, 3);
  server.terminate();
  const { code, report, stdout } = await result;

  assert.equal(code, 1, stdout);
  for (const part of report.transports) {
    assert.equal(part.disconnects, 3, `${part.transport}: ${stdout}`);
    assert.notDeepEqual(part.disconnect_causes, {});
  }
}));

// --- Other servers, most of which have a fault.

// Calls `respond(request, response)` for GETs, and `publish(text, event)` for what is published.
async function withOther({ respond, publish = () => {} }, fn) {
  const server = http.createServer(async (incoming, response) => {
    if (incoming.method === 'GET') return respond(incoming, response);
    let text = '';
    for await (const chunk of incoming) text += chunk;
    if (!incoming.url.startsWith('/publish/')) return respond(incoming, response, text);
    publish(text);
    response.end('{}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await fn({ host: '127.0.0.1', port: server.address().port });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const notFound = (incoming, response) => response.writeHead(404).end();

test('a server that has none of it', () => withOther({ respond: notFound }, async (listener) => {
  const { code, report } = await startSwarm(listener, ['-c', '12', '--transports', 'sse,polling,websocket']).result;

  assert.equal(code, 1);
  for (const part of report.transports) assert.deepEqual(part.causes, { http_404: 4 }, part.transport);
}));

test('a page is no event stream', () => withOther({ respond: (incoming, response) => response.end('hello') }, async (listener) => {
  const { code, report } = await startSwarm(listener, ['-c', '4', '--transports', 'sse']).result;

  assert.equal(code, 1);
  assert.deepEqual(report.connects.causes, { content_type: 4 });
}));

// Sends each stream what `write(number of the stream, text)` makes of a message.
function eventStreams(write) {
  const streams = [];
  let id = 0;
  return {
    respond: (incoming, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n');
      streams.push(response);
    },
    publish: (text) => streams.forEach((stream, i) => stream.write(write(i, text, ++id))),
  };
}

const event = (text) => `event: e\ndata: ${text}\n\n`;

test('event streams of any server: chunks, comments, CRLF', () => withOther(
  eventStreams((i, text, id) => `:\r\nid: ${id}\r\nevent: e\r\ndata: ${text}\r\n\r\n`),
  async (listener) => assertPassed(await startSwarm(listener, ['-c', '10', '--transports', 'sse']).result, { sse: 10 }),
));

test('a message that one client does not get is lost', () => withOther(
  eventStreams((i, text) => (i === 1 && text.includes('"n":3,') ? ': nothing\n\n' : event(text))),
  async (listener) => {
    const { code, report } = await startSwarm(listener, ['-c', '4', '--transports', 'sse']).result;
    const [sse] = report.transports;

    assert.equal(code, 1);
    assert.deepEqual([sse.lost, sse.duplicated, sse.out_of_order], [1, 0, 0]);
    assert.equal(report.totals.lost, 1);
  },
));

test('duplicates, wrong order and gaps are counted', () => {
  let kept = '';
  const write = (i, text) => {
    if (i === 0 && text.includes('"n":2,')) return event(text) + event(text);
    if (i === 1 && text.includes('"n":4,')) return (kept = event(text)), ':\n\n';
    if (i === 1 && text.includes('"n":5,')) return event(text) + kept;
    if (i === 2 && text.includes('"n":6,')) return `event: gap\ndata: {"room":null,"from":1,"to":1}\n\n${event(text)}`;
    return event(text);
  };
  return withOther(eventStreams(write), async (listener) => {
    const { code, report } = await startSwarm(listener, ['-c', '4', '--transports', 'sse']).result;
    const [sse] = report.transports;

    assert.equal(code, 1);
    assert.deepEqual([sse.lost, sse.duplicated, sse.out_of_order, sse.gap_notices], [0, 1, 1, 1]);
  });
});

// Engine.IO by polling, as simply as it can be: what is published goes out with the next answer.
function pollingServer({ finish, postMs = 0, pong = () => {} }) {
  const sessions = new Map();
  const flush = (session) => {
    if (!session.get || session.out.length === 0) return;
    finish(session.get, session.out.splice(0).join('\x1e'));
    session.get = null;
  };
  const send = (session, packet) => {
    session.out.push(packet);
    flush(session);
  };
  const begin = (response) => {
    const sid = `s${sessions.size}/?`; // which must be escaped
    sessions.set(sid, { out: [] });
    finish(response, `0${JSON.stringify({ sid, upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000 })}`);
  };
  return {
    send: (packet) => [...sessions.values()].forEach((session) => send(session, packet)),
    respond: (incoming, response, text) => {
      const query = new URL(incoming.url, 'http://x').searchParams;
      const session = sessions.get(query.get('sid'));
      if (!query.has('sid')) return begin(response);
      if (!session) return response.writeHead(400).end();
      if (text === undefined) {
        session.get = response;
        return flush(session);
      }
      setTimeout(() => response.end('ok'), postMs);
      if (text === '40') send(session, '40{"sid":"x"}');
      if (text === '3') pong(session);
      if (text === '1') send(session, '6');
    },
    publish: (text) => sessions.forEach((session) => send(session, `42["e",${text}]`)),
  };
}

const finishes = {
  'whole answers': (response, body) => response.end(body),
  'answers in pieces': (response, body) => {
    response.writeHead(200, { 'Content-Length': body.length }).write(body.slice(0, 5));
    setTimeout(() => response.end(body.slice(5)), 5);
  },
  chunks: (response, body) => {
    response.write(body.slice(0, 5));
    response.end(body.slice(5));
  },
  'a connection for each answer': (response, body) => response.writeHead(200, { Connection: 'close' }).end(body),
  'answers that end with the connection': (response, body) => {
    response.socket.end(`HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n${body}`);
  },
};

for (const [name, finish] of Object.entries(finishes)) {
  test(`polling a server with ${name}`, () => withOther(pollingServer({ finish }), async (listener) => {
    assertPassed(await startSwarm(listener, ['-c', '10', '--transports', 'polling']).result, { polling: 10 });
  }));
}

test('with few descriptors, POSTs wait for each other', async () => {
  const other = pollingServer({ finish: finishes['whole answers'], postMs: 500 });
  await withOther(other, async (listener) => {
    const wrap = ['prlimit', '--nofile=200:200']; // 64 of which are for POSTs
    const result = await startSwarm(listener, ['-c', '110', '--transports', 'polling', '--ramp', '0'], { wrap }).result;

    assertPassed(result, { polling: 110 });
    assert.ok(result.report.connects.delay_ns.min < 500e6);
    assert.ok(result.report.connects.delay_ns.max >= 500e6, 'nobody had to wait');
  });
});

test('a poll answered with several packets, and a session closed by the server', async () => {
  let pongs = 0;
  const other = pollingServer({ finish: finishes['whole answers'], pong: () => pongs++ });
  const publish = (text) => {
    if (text.includes('"n":7,')) return other.send('1');
    other.send(`6\x1e2\x1e42["e",${text}]`); // a noop, a ping and the message
  };
  await withOther({ ...other, publish }, async (listener) => {
    const { code, report, stdout } = await startSwarm(listener, ['-c', '3', '--transports', 'polling']).result;
    const [polling] = report.transports;

    assert.equal(code, 1, stdout);
    assert.equal(polling.delivered, 3 * 7);
    assert.deepEqual(polling.disconnect_causes, { engineio_close: 3 });
    assert.ok(pongs >= 3, `${pongs} pongs`);
  });
});

test('the requests of polling are those of engine.io-client', async () => {
  const requests = [];
  const other = pollingServer({ finish: finishes['whole answers'] });
  const respond = (incoming, response, text) => {
    requests.push({ method: incoming.method, url: new URL(incoming.url, 'http://x'), headers: incoming.headers, text });
    other.respond(incoming, response, text);
  };
  await withOther({ ...other, respond }, async (listener) => {
    await startSwarm(listener, ['-c', '1', '--transports', 'polling', '--rounds', 'none']).result;
    const [handshake, ...rest] = requests;

    assert.equal(handshake.url.pathname, '/socket.io/');
    assert.deepEqual([...handshake.url.searchParams.keys()], ['EIO', 'transport', 't']);
    assert.equal(handshake.headers.accept, '*/*');
    for (const { url } of rest) assert.deepEqual([...url.searchParams.keys()], ['EIO', 'transport', 't', 'sid']);
    assert.equal(new Set(requests.map(({ url }) => url.searchParams.get('t'))).size, requests.length);
    const posts = rest.filter(({ method }) => method === 'POST');
    assert.deepEqual(posts.map(({ text }) => text), ['40', '41', '1']);
    for (const { headers } of posts) assert.equal(headers['content-type'], 'text/plain;charset=UTF-8');
    assert.equal(rest[0].method === 'POST' ? rest[1].method : rest[0].method, 'GET'); // polls while it posts
  });
});

test('a path for transports that share one', () => {
  const paths = new Set();
  const respond = (incoming, response) => {
    paths.add(incoming.url);
    response.writeHead(404).end();
  };
  return withOther({ respond }, async (listener) => {
    await startSwarm(listener, ['-c', '2', '--transports', 'sse', '--path', '/news?lang=de', '--room', 'a b']).result;
    assert.deepEqual([...paths], ['/news?lang=de&room=a%20b']);
    await request(listener, '/done');
  });
});
