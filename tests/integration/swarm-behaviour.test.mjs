// Clients of stentor-swarm that do not just stay and read.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { withFaulty } from './lib/faulty-server.mjs';
import { withSocketio } from './lib/socketio-server.mjs';
import { withServer } from './lib/stentord.mjs';
import { byTransport, startSwarm, swarm } from './lib/swarm.mjs';
import { until } from './lib/wait.mjs';

test('polling clients move to a WebSocket', withServer({ eio3: true }, async (server) => {
  const mix = ['upgrade', 'upgrade-msgpack', 'upgrade3'];
  const result = await swarm(server, ['-c', '60', '--transports', mix.join(','), '--room', 'a', '--rounds', '20ms:1s']);
  const parts = byTransport(result.report.transports);

  assert.equal(result.code, 0, result.stdout);
  for (const name of mix) {
    assert.deepEqual([parts[name].connected, parts[name].upgraded, parts[name].upgrade_causes], [20, 20, {}], result.stdout);
    assert.equal(parts[name].delivered, 20 * result.report.totals.messages);
  }
  assert.match(result.stdout, /^Upgrades +20 of 20 upgrade clients moved to a WebSocket$/m);
}));

test('clients that cannot move go on polling, and the report says why', async (t) => {
  await withServer({}, async (server) => {
    // In front of the server, something that knows no WebSocket.
    const front = http.createServer((incoming, response) => {
      const onward = http.request({ ...server.admin, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      incoming.pipe(onward);
    });
    front.on('upgrade', (request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
    await new Promise((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { code, report, stdout } = await startSwarm({ host: '127.0.0.1', port: front.address().port }, ['-c', '10', '--transports', 'upgrade']).result;
    front.closeAllConnections();
    front.close();

    assert.equal(code, 0, stdout);
    assert.equal(report.totals.delivered, 10 * report.totals.messages);
    assert.deepEqual([report.transports[0].upgraded, report.transports[0].upgrade_causes], [0, { http_403: 10 }]);
  })(t);
});

test('churning clients leave and come back, and miss nothing while they are there', withServer({}, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '100', '--transports', 'websocket,polling,sse,socketio', '--churn', '40:0.3s-0.6s',
    '--abrupt', '50', '--rounds', '20ms:2s']);
  const { behaviour } = report;

  assert.equal(code, 0, stdout);
  assert.equal(behaviour.churning, 40);
  assert.ok(behaviour.left >= 40 * 2 && behaviour.returned >= behaviour.left - 40, JSON.stringify(behaviour));
  assert.ok(behaviour.return_delay_ns.count === behaviour.returned);
  assert.equal(report.totals.lost + report.totals.duplicated + report.totals.out_of_order, 0, stdout);
  assert.ok(report.totals.delivered > 60 * report.totals.messages, 'the others got everything');
  await server.untilMetric('clients', 0).catch(() => {});
}));

test('a storm cuts all clients off, and they come back at once', withServer({}, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '100', '--transports', 'websocket,upgrade', '--storm', '0.7s', '--rounds', '50ms:2s']);

  assert.equal(code, 0, stdout);
  assert.equal(report.behaviour.storms, 2, stdout);
  assert.equal(report.behaviour.left, 200);
  assert.equal(report.behaviour.returned, 200);
  assert.equal(report.totals.lost, 0, stdout);
  assert.ok(report.behaviour.return_delay_ns.p50 > 0);
}));

test('a storm that takes a quarter', withServer({}, async (server) => {
  const { report, stdout } = await swarm(server, ['-c', '100', '--storm', '0.5s:25', '--rounds', '50ms:0.8s']);

  assert.deepEqual([report.behaviour.storms, report.behaviour.left], [1, 25], stdout);
}));

test('stalled and slow readers are kept apart from the others', withServer({ ping_interval: 60_000 }, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '50', '--stalled', '10', '--slow', '20:2000', '--payload', '1000', '--rounds', '20ms:2s']);
  const { behaviour, totals } = report;

  assert.equal(code, 0, stdout);
  assert.deepEqual([behaviour.stalled, behaviour.slow], [5, 10]);
  assert.equal(totals.delivered, 35 * totals.messages, stdout);
  // Ten slow readers of 2,000 bytes a second, for about two and a half seconds.
  assert.ok(behaviour.slow_messages > 10 && behaviour.slow_messages < 10 * 20, `${behaviour.slow_messages}`);
}));

// --- Publishing by a client, and from one client to another, at a Socket.IO server of the test's own: what
// the swarm says is compared with what the server counted.

test('publishing by the event of a client that is not counted', () => {
  const speakers = new Set();
  return withSocketio((from, name, data, ack, sessions) => {
    assert.equal(name, 'say');
    speakers.add(from.sid);
    for (const session of sessions.values()) session.emit('said', data);
  }, async (listener) => {
    const { code, report, stdout } = await startSwarm(listener, ['-c', '20', '--transports', 'socketio', '--publish-event', 'say']).result;

    assert.equal(code, 0, stdout);
    assert.equal(report.connects.connected, 20);
    assert.equal(report.totals.delivered, 20 * report.totals.messages);
    assert.equal(speakers.size, 1);
  });
});

test('plain clients publish what they say', () => withFaulty({}, async (server) => {
  const publish = until(() => server.clients.length === 6, 'five clients and the speaker').then(() => {
    for (const { socket } of server.clients) socket.on('message', (data) => server.publish(data.toString()));
  });
  const { code, report, stdout } = await startSwarm(server.listener, ['-c', '5', '--transports', 'plain', '--publish-event', 'x', '--idle', '1']).result;

  await publish;
  assert.equal(code, 0, stdout);
  assert.equal(report.totals.delivered, 5 * report.totals.messages);
}));

test('directed messages: each arrives once, at its own', () => {
  const seen = [];
  return withSocketio((from, name, { to, event, data }, ack, sessions) => {
    assert.equal(name, 'send');
    seen.push([from.sid, to]);
    sessions.get(to).emit(event, data, { from: from.sid });
    ack({ ok: true });
  }, async (listener) => {
    const { code, report, stdout } = await startSwarm(listener, ['-c', '20', '--transports', 'socketio', '--directed', '5/s', '--dest', 'uniform',
      '--rounds', 'none:2s', '--expect', 'loss=0,misdelivered=0,duplicates=0,directed-p99<1h']).result;
    const { directed } = report;

    assert.equal(directed.sent, seen.length); // 20 clients, 5 a second, 2 seconds
    assert.ok(directed.sent >= 190 && directed.sent <= 210, `${directed.sent}`);
    assert.deepEqual([directed.delivered, directed.lost, directed.refused, directed.misdelivered], [directed.sent, 0, 0, 0], stdout);
    assert.ok(seen.every(([from, to]) => from !== to), 'nobody writes to itself');
    assert.equal(new Set(seen.map(([from]) => from)).size, 20);
    assert.equal(code, 0, stdout);
  });
});

test('directed messages through stentord, by every transport that can', withServer({ eio3: true, client_send: 'anyone' }, async (server) => {
  const mix = ['websocket', 'msgpack', 'socketio', 'socketio-msgpack', 'polling', 'polling-msgpack', 'upgrade', 'socketio3', 'polling3', 'sse'];
  const { code, report, stdout } = await swarm(server, ['-c', String(6 * mix.length), '--transports', mix.join(','), '--directed', '2/s',
    '--rounds', 'none:2s,0.1s:1s']);
  const { directed } = report;

  assert.equal(code, 0, stdout);
  assert.ok(directed.sent > 200, stdout);
  assert.deepEqual([directed.delivered, directed.lost, directed.refused, directed.duplicated, directed.misdelivered], [directed.sent, 0, 0, 0, 0], stdout);
  assert.ok(directed.delay_ns.p50 > 0);
  assert.equal(report.totals.delivered, 6 * mix.length * report.totals.messages);
}));

test('directed messages that a server does not allow are refused', withServer({}, async (server) => {
  const { code, report, stdout } = await swarm(server, ['-c', '10', '--transports', 'websocket,socketio', '--directed', '2/s', '--rounds', 'none:1s']);

  assert.equal(code, 1, stdout);
  assert.ok(report.directed.sent > 10);
  assert.deepEqual([report.directed.refused, report.directed.lost], [report.directed.sent, 0], stdout);
}));

test('directed messages that are lost, repeated, sent to others or refused are counted', () => {
  const wrong = { lost: 0, duplicated: 0, misdelivered: 0, refused: 0 };
  let n = 0;
  return withSocketio((from, name, { to, event, data }, ack, sessions) => {
    const fault = { 3: 'lost', 5: 'duplicated', 7: 'misdelivered', 9: 'refused' }[n++ % 20];
    if (fault) wrong[fault]++;
    ack(fault === 'refused' ? { ok: false, error: 'no' } : { ok: true });
    if (fault === 'lost' || fault === 'refused') return;
    if (fault === 'misdelivered') {
      [...sessions.values()].find(({ sid }) => sid !== to).emit(event, data, { from: from.sid });
      return;
    }
    sessions.get(to).emit(event, data, { from: from.sid });
    if (fault === 'duplicated') sessions.get(to).emit(event, data, { from: from.sid });
  }, async (listener) => {
    const { code, report, stdout } = await startSwarm(listener, ['-c', '10', '--transports', 'socketio', '--directed', '20/s',
      '--rounds', 'none:1.5s']).result;
    const { directed } = report;

    assert.equal(code, 1, stdout);
    assert.ok(wrong.lost > 5);
    assert.equal(directed.misdelivered, wrong.misdelivered, stdout);
    assert.equal(directed.duplicated, wrong.duplicated, stdout);
    assert.equal(directed.refused, wrong.refused, stdout);
    assert.equal(directed.lost, wrong.lost + wrong.misdelivered, stdout); // who was to get those did not
  });
});

test('payloads from a file', () => withFaulty({}, async (server) => {
  const texts = [];
  server.onRequest = (request, response, text) => {
    texts.push(text);
    server.publish(text);
    response.end('{}');
  };
  const file = path.join(os.tmpdir(), `swarm-payloads-${process.pid}`);
  const lines = '{"goal":"1:0","by":"Müller"}\n\n[1,2]\n{}\n';
  fs.writeFileSync(file, lines);
  const { code, report, stdout } = await startSwarm(server.listener, ['-c', '3', '--transports', 'plain', '--payload-file', file]).result;

  assert.equal(code, 0, stdout);
  assert.equal(report.totals.delivered, 3 * report.totals.messages);
  const [first, second, third] = texts.map((text) => JSON.parse(text));
  assert.deepEqual({ goal: first.goal, by: first.by, n: first.n }, { goal: '1:0', by: 'Müller', n: 0 });
  assert.deepEqual(second.p, [1, 2]);
  assert.equal(third.n, 2);

  fs.writeFileSync(file, '{"a":1}\n{"a":\n');
  const bad = await startSwarm(server.listener, ['-c', '3', '--payload-file', file]).result;
  assert.equal(bad.code, 1);
  fs.rmSync(file);
  assert.match(bad.stderr, /line 2 is not JSON/);
}));
