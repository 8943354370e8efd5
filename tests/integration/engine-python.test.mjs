// python-socketio as Debian has it, with threads and with asyncio, on each transport.
import assert from 'node:assert/strict';
import test from 'node:test';

import { PythonClient } from './lib/python-client.mjs';
import { request } from './lib/http.mjs';
import { Stentord } from './lib/stentord.mjs';
import { withServer } from './lib/steady-server.mjs';

const SERVER = { io_threads: 4, namespaces: ['/', '/x'], client_publish: true };
const base64 = (data) => ({ base64: Buffer.from(data).toString('base64') });

const ways = {
  polling: { transports: ['polling'], ends: 'polling' },
  WebSocket: { transports: ['websocket'], ends: 'websocket' },
  upgrade: { transports: ['polling', 'websocket'], ends: 'websocket' },
};

for (const kind of ['sync', 'async']) {
  for (const [way, { transports, ends }] of Object.entries(ways)) {
    test(`python-socketio, ${kind}, ${way}: rooms, namespaces, events, acks, binary data`, withServer({
      ...SERVER, ping_interval: 200, ping_timeout: 5000,
    }, async (server) => {
      const client = await PythonClient.connect(server, kind, transports, {
        auth: { rooms: ['a'] }, namespaces: ['/', '/x'], events: ['e', 'bytes'],
      });
      assert.equal(client.transport, ends);
      await server.untilMetric('upgrades_total', way === 'upgrade' ? 1 : 0);

      await server.publish({ room: 'a', event: 'e', data: { text: 'ü€😀' } });
      assert.deepEqual(await client.next(), ['/', 'e', { text: 'ü€😀' }]);
      assert.deepEqual(await client.ask('/x', 'join', 'b'), { ok: true });
      assert.deepEqual(await client.ask('/', 'leave', 'a'), { ok: true });
      assert.equal((await server.publish({ room: 'b', event: 'e' })).clients, 0, 'b is a room of /x');
      await server.publish({ namespace: '/x', room: 'b', event: 'e', args: [1, [2.5, null]] });
      assert.deepEqual(await client.next(), ['/x', 'e', 1, [2.5, null]]);
      assert.equal((await client.ask('/', 'leave', 'a')).ok, false);

      for (let tens = 0; tens < 50; tens += 10) {
        for (let i = 0; i < 10; i++) await server.publish({ event: 'e', data: tens + i });
        const numbers = [];
        for (let i = 0; i < 10; i++) numbers.push((await client.next())[2]);
        if (kind === 'sync') numbers.sort((x, y) => x - y); // it gives each message a thread of its own
        assert.deepEqual(numbers, Array.from({ length: 10 }, (_, i) => tens + i));
      }

      const native = await server.native({ room: 'sink' });
      const data = { name: 'x', list: [base64([1, 2]), { deep: base64('zwei') }] };
      assert.deepEqual(await client.ask('/', 'publish', { room: 'sink', event: 'e', data }), { ok: true });
      assert.deepEqual((await native.next()).data, data);
      if (kind === 'async') { // in its threads attachments may overtake what announces them
        const headers = { 'Content-Type': 'application/octet-stream' };
        await request(server.admin, '/publish/*/bytes', { method: 'POST', headers, body: Buffer.from([0, 30, 255]) });
        assert.deepEqual(await client.next(), ['/', 'bytes', base64([0, 30, 255])]);
        assert.deepEqual(await client.ask('/', 'publish', { event: 'e', data }), { ok: true });
        assert.deepEqual(await client.next(), ['/', 'e', data]);
        await native.nextMany(2);
      }

      const pings = await server.metric('pings_total');
      await server.untilMetric('pings_total', (count) => count >= pings + 3);
      await server.publish({ event: 'e', data: 'still here' });
      assert.deepEqual(await client.next(), ['/', 'e', 'still here']);
      await client.disconnect();
      await server.untilMetric('clients_socketio', 0);
      await native.close();
      await server.untilMetric('memberships', 0);
    }));
  }
}

// These clients take no more than 16 packets in an answer; of one with more they take none, and
// give up.
for (const kind of ['sync', 'async']) {
  test(`python-socketio, ${kind}, polling: a backlog`, withServer(SERVER, async (server) => {
    const client = await PythonClient.connect(server, kind, ['polling'], { events: ['e'] });
    const total = 200;
    await server.publish(Array.from({ length: total }, (_, i) => ({ event: 'e', data: i })));
    const numbers = [];
    while (numbers.length < total) numbers.push((await client.next())[2]);

    assert.deepEqual(numbers.sort((x, y) => x - y), Array.from({ length: total }, (_, i) => i));
  }));
}

test('python-socketio is told of the end of the server', async () => {
  const server = await Stentord.start(SERVER);
  const clients = await Promise.all([['polling'], ['websocket']].map((transports) => PythonClient.connect(server, 'sync', transports)));
  server.terminate();
  for (const client of clients) assert.equal(await client.disconnected.take('the disconnect'), '/');
  await server.closeClients();
  await server.ended();
});
