// Directed messages of stentor-swarm: between processes, and to neighbours in a grid.
import assert from 'node:assert/strict';
import test from 'node:test';

import { programPath } from './lib/program.mjs';
import { withSocketio } from './lib/socketio-server.mjs';
import { withServer } from './lib/stentord.mjs';
import { startSwarm, swarm } from './lib/swarm.mjs';

const processes = (count) => ['--on', Array.from({ length: count }, (_, i) => `p${i}`).join(','), '--via', 'env SWARM_HOST={host}',
  '--agent', programPath('stentor-swarm')];
const grid = (rule) => ({ rooms: [{ pattern: 'g*', type: 'grid', columns: 5, edges: 'wrap', send: 'anyone', ...rule }], eio3: true, io_threads: 3 });

// Every message that was sent is accounted for, and none came wrong.
function assertAllWell({ code, report, stdout, stderr }, least) {
  const { directed } = report;

  assert.equal(code, 0, stdout + stderr);
  assert.ok(directed.sent >= least, stdout);
  assert.equal(directed.delivered + directed.departed, directed.sent, stdout);
  assert.deepEqual([directed.refused, directed.lost, directed.duplicated, directed.misdelivered], [0, 0, 0, 0], stdout);
  assert.equal(directed.delay_ns.count, directed.delivered);
  return directed;
}

// What a server does with message number `n` that it is to pass on: some of them are treated badly.
function mistreat(wrong, n, { pass, astray, refuse, accept }) {
  const fault = { 3: 'lost', 5: 'duplicated', 7: 'misdelivered', 9: 'refused' }[n % 20];

  if (fault) wrong[fault]++;
  if (fault === 'refused') return refuse();
  accept();
  if (fault === 'misdelivered') astray();
  else if (fault !== 'lost') pass();
  if (fault === 'duplicated') pass();
  return undefined;
}

function assertCounted({ code, report, stdout }, wrong) {
  const { directed } = report;

  assert.equal(code, 1, stdout);
  assert.ok(Object.values(wrong).every((count) => count > 5), JSON.stringify(wrong));
  for (const what of ['misdelivered', 'duplicated', 'refused']) assert.equal(directed[what], wrong[what], stdout);
  assert.equal(directed.lost, wrong.lost + wrong.misdelivered, stdout); // who was to get those did not
  assert.equal(directed.departed, 0, stdout);
  assert.equal(directed.delivered, directed.sent - directed.refused - directed.lost, stdout);
}

test('each client sends to those of other processes, too', () => {
  const pairs = [];
  const order = new Map();
  return withSocketio((from, name, { to, event, data }, ack, sessions) => {
    pairs.push([data.d[0], to]);
    sessions.get(to).emit(event, data, { from: from.sid });
    ack({ ok: true });
  }, async (listener) => {
    const result = await startSwarm(listener, ['-c', '20', '--transports', 'socketio', '--directed', '5/s', '--rounds', 'none:2s', '--idle', '0.5', ...processes(3)]).result;
    const { sent } = assertAllWell(result, 150);
    const reached = [0, 1, 2].map((agent) => new Set(pairs.filter(([from]) => from === agent).map(([, to]) => to)));

    assert.equal(sent, pairs.length);
    for (const set of reached) assert.ok(set.size > 14, `each process reaches nearly all 20: ${set.size}`);
    assert.equal(new Set(reached.flatMap((set) => [...set])).size, order.size);
  }, (session) => order.set(session.sid, session));
});

test('what is lost, repeated, sent astray or refused is counted exactly by many processes', () => {
  const wrong = { lost: 0, duplicated: 0, misdelivered: 0, refused: 0 };
  let n = 0;
  return withSocketio((from, name, { to, event, data }, ack, sessions) => mistreat(wrong, n++, {
    pass: () => sessions.get(to).emit(event, data, { from: from.sid }),
    astray: () => [...sessions.values()].find(({ sid }) => sid !== to).emit(event, data, { from: from.sid }),
    refuse: () => ack({ ok: false, error: 'no' }),
    accept: () => ack({ ok: true }),
  }), async (listener) => {
    assertCounted(await startSwarm(listener, ['-c', '10', '--transports', 'socketio', '--directed', '20/s', '--rounds', 'none:1.5s', '--idle', '0.5', ...processes(3)]).result, wrong);
  });
});

test('many processes, through stentord, by every transport, beside broadcasts', withServer({ eio3: true, client_send: 'anyone' }, async (server) => {
  const mix = ['websocket', 'msgpack', 'socketio', 'socketio-msgpack', 'polling', 'polling-msgpack', 'upgrade', 'socketio3', 'polling3', 'sse'];
  const result = await swarm(server, ['-c', String(6 * mix.length), '--transports', mix.join(','), '--directed', '2/s', '--rounds', 'none:2s,0.1s:1s', '--idle', '0.5', ...processes(4)]);

  const { departed } = assertAllWell(result, 200);
  assert.equal(departed, 0);
  assert.equal(result.report.totals.delivered, 6 * mix.length * result.report.totals.messages);
}));

test('clients that leave and come back, in many processes: only what they missed is missing', withServer({ client_send: 'anyone' }, async (server) => {
  const result = await swarm(server, ['-c', '60', '--transports', 'websocket,socketio', '--churn', '50:0.3s-0.6s', '--directed', '10/s', '--rounds', 'none:3s', ...processes(3)]);

  const { departed, sent } = assertAllWell(result, 500);
  assert.ok(result.report.behaviour.left > 20, result.stdout);
  assert.ok(departed < sent / 2, result.stdout);
}));

test('a grid: each message reaches the neighbour, by every transport', withServer(grid(), async (server) => {
  const mix = ['websocket', 'msgpack', 'socketio', 'socketio-msgpack', 'polling', 'polling-msgpack', 'upgrade', 'socketio3', 'polling3', 'sse'];
  const result = await swarm(server, ['-c', String(4 * mix.length), '--transports', mix.join(','), '--directed', '5/s', '--grid', 'g', '--rounds', 'none:2s,0.1s:1s', '--idle', '0.5']);
  const { placed, sent } = assertAllWell(result, 300);

  assert.equal(placed, 4 * (mix.length - 1)); // streams have no cell
  assert.equal(await server.metric('directed_total'), sent);
  assert.equal(result.report.totals.delivered, 4 * mix.length * result.report.totals.messages);
  assert.equal(result.report.options.grid, 'g');
  assert.match(result.stdout, /^ +grid +36 clients were told their neighbours$/m);
}));

test('a grid over many processes, some of whose members leave and come back', withServer(grid({ edges: 'end' }), async (server) => {
  const result = await swarm(server, ['-c', '40', '--transports', 'websocket,socketio,polling', '--churn', '30:0.3s-0.6s', '--directed', '10/s', '--grid', 'g', '--rounds', 'none:3s', '--idle', '0.5', ...processes(3)]);

  assertAllWell(result, 300);
  assert.ok(result.report.behaviour.left > 10, result.stdout);
}));

// A server whose clients are a ring, each of whom has the next one in the east.
function withRing(size, wrong, fn) {
  const ring = [];
  let n = 0;
  const at = (session, step) => ring[(ring.indexOf(session) + step + size) % size];
  return withSocketio((from, name, { room, to, event, data }, ack) => {
    assert.equal(room, 'g');
    assert.ok(['east', 'west'].includes(to), to);
    const step = to === 'east' ? 1 : -1;
    const give = (session) => session.emit(event, data, { from: from.sid });
    return mistreat(wrong, n++, {
      pass: () => give(at(from, step)), astray: () => give(at(from, 2 * step)), refuse: () => ack({ ok: false, error: 'no' }), accept: () => ack({ ok: true }),
    });
  }, fn, (session) => {
    if (ring.push(session) < size) return;
    for (const member of ring) {
      member.emit('neighbours', { room: 'g', cell: { x: 0, y: 0 }, north: null, east: at(member, 1).sid, south: null, west: at(member, -1).sid });
    }
  });
}

test('what reaches the wrong neighbour is seen, once the grid has come to rest', () => {
  const wrong = { lost: 0, duplicated: 0, misdelivered: 0, refused: 0 };
  return withRing(9, wrong, async (listener) => {
    assertCounted(await startSwarm(listener, ['-c', '9', '--transports', 'socketio', '--directed', '20/s', '--grid', 'g', '--rounds', 'none:1.5s', '--idle', '6', ...processes(2)]).result, wrong);
  });
});

test('a room that is no grid, or in which nobody may send', withServer(grid({ send: 'nobody' }), async (server) => {
  const plain = await swarm(server, ['-c', '5', '--directed', '5/s', '--grid', 'plain', '--rounds', 'none:1s']);
  assert.equal(plain.code, 3, plain.stdout);
  assert.match(plain.stdout, /^INVALID: no directed message was sent \(no client was told who its neighbours are\)$/m);

  const closed = await swarm(server, ['-c', '5', '--directed', '5/s', '--grid', 'g', '--rounds', 'none:1s', '--idle', '6']);
  assert.equal(closed.code, 1, closed.stdout);
  assert.ok(closed.report.directed.sent > 10);
  assert.equal(closed.report.directed.refused, closed.report.directed.sent);
}));

test('--grid says what it needs', withServer({}, async (server) => {
  for (const [args, message] of [
    [['--grid', 'g'], /--directed/], [['--grid', '', '--directed', '1/s'], /empty/],
    [['--grid', 'g', '--room', 'h', '--directed', '1/s'], /leave out --room/],
    [['--grid', 'g', '--directed', '1/s', '--stalled', '5'], /leave out --stalled/],
    [['--grid', 'g', '--directed', '1/s', '--publish-event', 'x'], /leave out --stalled, --slow and --publish-event/],
  ]) {
    const { code, stderr } = await swarm(server, ['-c', '5', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
}));
