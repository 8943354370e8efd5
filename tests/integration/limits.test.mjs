// Too many clients, no descriptors, and clients that come and go in every way.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';

import { frame, handshake, opcode } from './lib/raw-websocket.mjs';
import { NativeClient } from './lib/native-client.mjs';
import { request } from './lib/http.mjs';
import { RawSocket } from './lib/raw.mjs';
import { Stentord, withServer } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

const listDescriptors = (server) => fs.readdirSync(`/proc/${server.pid}/fd`).map(Number);
const descriptors = (server) => listDescriptors(server).length;

// The number that the next descriptor of the server will have.
function nextDescriptor(server) {
  const used = new Set(listDescriptors(server));
  let next = 0;
  while (used.has(next)) next++;
  return next;
}

test('at max_clients others wait, all who are in are served, and accepting resumes', withServer({ max_clients: 5 }, async (server) => {
  const clients = [];
  while (clients.length < 5) clients.push(await server.native({ room: 'a' }));
  const waiting = NativeClient.connect(server.clients, { room: 'a' });
  waiting.catch(() => {});
  await server.untilMetric('accept_max_clients_total', (count) => count > 0);
  assert.equal((await server.publish({ room: 'a', event: 'e' })).clients, 5);
  for (const client of clients) await client.next();
  assert.equal((await request(server.admin, '/healthz')).status, 200, 'admin listeners stay open');
  await clients.pop().close();
  const sixth = server.closeLater(await within(waiting, 'the client that waited'));

  await server.publish({ room: 'a', event: 'f' });
  for (const client of [...clients, sixth]) assert.equal((await client.next()).event, 'f');
}));

test('with no descriptors left clients live on, and accepting resumes by itself', withServer({ io_threads: 1 }, async (server) => {
  const clients = [await server.native(), await server.native(), await server.native()];
  const setLimit = (count) => execFileSync('prlimit', [`--pid=${server.pid}`, `--nofile=${count}:`]);
  const keptAdmin = await server.raw(server.admin);
  const metric = async (name) => {
    keptAdmin.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
    return (await keptAdmin.readResponse()).json().counters[name];
  };
  const publish = async () => {
    keptAdmin.write('POST /publish/*/e HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    return (await keptAdmin.readResponse()).json();
  };
  await metric('connections');
  setLimit(nextDescriptor(server));
  const waiting = [1, 2].map(() => NativeClient.connect(server.clients));
  for (const each of waiting) each.catch(() => {});
  await until(async () => (await metric('accept_emfile_total')) > 0, 'accept to fail');

  assert.equal((await publish()).clients, 3);
  for (const client of clients) await client.next();
  assert.ok((await metric('accept_pauses_total')) > 0);
  await clients.pop().close();
  await clients.pop().close();
  const late = await within(Promise.all(waiting), 'the clients that waited');
  late.forEach((client) => server.closeLater(client));
  assert.equal((await publish()).clients, 3);
  for (const client of [...clients, ...late]) await client.next();
  await server.untilLog(/accept: paused: Too many open files/);
}));

test('a limit of descriptors that leaves no client is refused at the start, or serves some', async () => {
  let server;
  try {
    server = await Stentord.start({}, { wrap: ['prlimit', '--nofile=64:64'] });
  } catch (error) {
    assert.match(error.message, /ended with 1/);
    return;
  }
  const answer = await server.get('/nothing').catch((error) => error);
  await server.stop();
  assert.equal(answer.status, 404, 'a server that says ready accepts somebody');
});

test('max_clients above the limit of descriptors is lowered, and the log says so', withServer({ max_clients: 100_000 }, async (server) => {
  assert.match(server.log, /warning accept: max_clients is 100000, but the limit of open files allows 128/);
  const client = await server.native();
  assert.equal((await client.command({ type: 'ping' })).type, 'pong');
}, { wrap: ['prlimit', '--nofile=200:200'] }));

// Ways to leave, each from a fresh connection.
const departures = {
  'connects and goes': (raw) => raw.destroy(),
  'half a request': (raw) => raw.write('GET / HT').destroy(),
  'half a request, then shuts its side': async (raw) => {
    raw.write('GET / HT');
    raw.end();
    await raw.readToEnd();
  },
  'a request, not waiting for the answer': (raw) => raw.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n').destroy(),
  'a reset at once': (raw) => raw.reset(),
  'a reset after a request': (raw) => raw.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n').reset(),
  'half a handshake': (raw) => raw.write(handshake('/ws?room=a').slice(0, 60)).destroy(),
  'a WebSocket, reset': async (raw) => {
    raw.write(handshake('/ws?room=a'));
    await raw.readHead();
    raw.reset();
  },
  'a WebSocket, without a close': async (raw) => {
    raw.write(handshake('/ws?room=a'));
    await raw.readHead();
    await raw.destroy();
  },
  'a WebSocket, half a frame': async (raw) => {
    raw.write(handshake('/ws?room=a'));
    await raw.readHead();
    await raw.write(frame(opcode.text, '{"type":"join","room":"b"}').subarray(0, 9)).destroy();
  },
  'a WebSocket, half a message, then shuts its side': async (raw) => {
    raw.write(Buffer.concat([Buffer.from(handshake('/ws?room=a')), frame(opcode.text, '{"type"', { fin: false })]));
    raw.end();
    await raw.readToEnd();
  },
  'Socket.IO before the connect': async (raw) => {
    raw.write(handshake('/socket.io/?EIO=4&transport=websocket'));
    await raw.readHead();
    await raw.destroy();
  },
  'Socket.IO with an attachment missing': async (raw) => {
    raw.write(Buffer.concat([
      Buffer.from(handshake('/socket.io/?EIO=4&transport=websocket')), frame(opcode.text, '40{"rooms":["a"]}'),
      frame(opcode.text, '452-["publish",{"_placeholder":true,"num":0}]'), frame(opcode.binary, 'x'),
    ]));
    await raw.readHead();
    await raw.destroy();
  },
  'half a body': (raw) => raw.write('POST /publish/a/e HTTP/1.1\r\nAuthorization: Bearer correct horse\r\nContent-Length: 100\r\n\r\n"x').destroy(),
};

async function everyCloseHasReason(server) {
  const metrics = await server.metrics();
  let closes = 0;
  for (const [name, count] of metrics) if (name.startsWith('closes_total')) closes += count;
  return closes === metrics.get('accepted_total') - metrics.get('connections');
}

test('however clients leave, nothing of them is left', withServer({}, async (server) => {
  const witness = await server.native({ room: 'a' });
  const before = descriptors(server);
  for (const [what, leave] of Object.entries(departures)) {
    for (let i = 0; i < 5; i++) await leave(await RawSocket.connect(server.clients));
    await server.publish({ room: 'a', event: what });
    assert.equal((await witness.next()).event, what);
  }

  await server.untilMetric('connections', 2);
  await until(() => descriptors(server) <= before, 'all descriptors to be closed');
  const metrics = await server.metrics();
  assert.deepEqual([metrics.get('clients_native'), metrics.get('clients_socketio'), metrics.get('memberships')], [1, 0, 2]);
  await until(() => everyCloseHasReason(server), 'as many closes as connections have ended');
}));

test('2,000 connects and disconnects leave nothing, while others are served', withServer({}, async (server) => {
  const witness = await server.native({ room: 'a' });
  const before = descriptors(server);
  const ways = Object.values(departures);
  let begun = 0;
  const visitor = async () => {
    while (begun < 2000) {
      const leave = ways[begun++ % ways.length];
      await leave(await RawSocket.connect(server.clients));
    }
  };
  const published = [];
  const publisher = async () => {
    while (begun < 2000) published.push((await server.publish({ room: 'a', event: 'e' })).seq);
  };
  await Promise.all([...Array.from({ length: 30 }, visitor), publisher()]);

  // Who goes without a word need not even be accepted.
  await server.untilMetric('accepted_total', (count) => count >= 1500);
  await server.untilMetric('connections', 2);
  await until(() => descriptors(server) <= before, 'all descriptors to be closed');
  assert.deepEqual((await witness.nextMany(published.length)).map(({ seq }) => seq), published);
}));

test('a connection that says nothing at all is closed', withServer({ header_timeout: 1 }, async (server) => {
  const raw = await server.raw();
  await raw.readToEnd();
  raw.end();

  await server.untilMetric('connections', 1);
}));
