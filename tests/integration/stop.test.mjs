// How the server stops.
import assert from 'node:assert/strict';
import test from 'node:test';

import { RawSocket } from './lib/raw.mjs';
import { withStopping } from './lib/stentord.mjs';
import { until, within } from './lib/wait.mjs';

test('everyone is told: native, Socket.IO and echo clients with 1001', withStopping({ echo: true }, async (server) => {
  const native = await server.native();
  const socketio = await server.socketio();
  const echo = await server.websocket('/echo');
  const idle = await server.raw();
  idle.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal((await idle.readResponse()).status, 404);
  server.terminate();

  assert.equal((await native.closed).code, 1001);
  assert.equal(await within(socketio.disconnected, 'the disconnect'), 'transport close');
  assert.equal((await echo.closed()).code, 1001);
  await idle.readToEnd();
  idle.end();
}));

test('while clients are told, new connections are refused, so that they go elsewhere', withStopping({}, async (server) => {
  const stalled = await server.websocket('/ws');
  stalled.raw.socket.pause();
  server.terminate();
  await server.untilLog(/stopping: /);
  const refused = async () => {
    const raw = await RawSocket.connect(server.clients).catch((error) => error);
    if (raw instanceof RawSocket) await raw.destroy();
    return raw instanceof Error;
  };

  await until(refused, 'a refusal', 1000);
  assert.doesNotMatch(server.log, /stopped/, 'it is still at it');
}));

test('clients that do not read hold it up for seconds, not for ever', withStopping({}, async (server) => {
  const stalled = await server.websocket('/ws');
  stalled.raw.socket.pause();
  for (let i = 0; i < 40; i++) await server.publish({ event: 'e', data: 'x'.repeat(500_000) });
  const halfAsked = await server.raw();
  halfAsked.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1');
  server.terminate();
}));

test('a second signal ends it at once', withStopping({}, async (server) => {
  const stalled = await server.websocket('/ws');
  stalled.raw.socket.pause();
  server.terminate();
  await server.untilLog(/stopping: /);
  const before = Date.now();
  server.terminate('SIGINT');
  await within(server.program.exit, 'the end');

  assert.ok(Date.now() - before < 1500, `${Date.now() - before} ms`);
}));

test('publish requests that are under way are answered', withStopping({ io_threads: 4 }, async (server) => {
  const publishers = await Promise.all(Array.from({ length: 20 }, () => server.raw(server.admin)));
  for (const raw of publishers) {
    raw.write('POST /publish/a/e HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1'.repeat(20));
  }
  await Promise.all(publishers.map((raw) => raw.readResponse()));
  server.terminate();
  for (const raw of publishers) {
    const rest = (await raw.readToEnd()).toString();
    assert.equal(rest.match(/^HTTP\/1\.1 /gm)?.length ?? 0, rest.match(/"seq":\d+/g)?.length ?? 0, rest.slice(-300));
    assert.ok(rest === '' || rest.endsWith('}\n'), 'the last answer is whole');
    raw.end();
  }
}));
