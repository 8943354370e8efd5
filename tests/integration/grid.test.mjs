// Grid rooms: cells, neighbours, and sending to them.
import assert from 'node:assert/strict';
import test from 'node:test';

import { AnyClient, clientKinds } from './lib/any-client.mjs';
import { away, Recovering } from './lib/recovering.mjs';
import { msgpack } from './lib/msgpack-client.mjs';
import { withServer } from './lib/stentord.mjs';
import { until } from './lib/wait.mjs';

const rooms = (rule) => [{ pattern: 'sprites*', type: 'grid', columns: 3, edges: 'wrap', send: 'anyone', ...rule }];
const config = { rooms: rooms({}), io_threads: 4, eio3: true };
const directions = ['north', 'east', 'south', 'west'];
const NOBODY = { north: null, east: null, south: null, west: null };

// Who is next to the member in cell `i` of `ids`, as a person would say it.
function around(ids, i, columns, wrap) {
  const [x, y] = [i % columns, Math.floor(i / columns)];
  const at = (cx, cy) => (cx >= 0 && cx < columns && cy >= 0 ? ids[cy * columns + cx] : undefined);
  const look = (dx, dy) => {
    let found = at(x + dx, y + dy);
    for (let [cx, cy] = [x, y]; wrap && found === undefined && at(cx, cy) !== undefined; [cx, cy] = [cx - dx, cy - dy]) {
      if (at(cx - dx, cy - dy) === undefined) found = at(cx, cy);
    }
    return found === undefined || found === ids[i] ? null : found;
  };
  return { cell: { x, y }, north: look(0, -1), east: look(1, 0), south: look(0, 1), west: look(-1, 0) };
}

// A client that keeps the last thing that it was told of its neighbours.
class Member {
  static async native(server, query = {}) {
    const member = new Member();
    member.client = await server.native(query);
    member.id = member.client.hello.session;
    member.told = [];
    (async () => {
      for (;;) {
        const message = await member.client.inbox.take('more', 3_600_000);
        if (message.type === 'neighbours') member.told.push(message);
      }
    })().catch(() => {});
    return member;
  }

  get view() {
    const { type, room, ...view } = this.told.at(-1) ?? {};
    return view;
  }
}

// Waits until each of them knows what is so.
async function untilTrue(members, { columns = 3, wrap = true } = {}) {
  const ids = members.map(({ id }) => id);
  for (const [i, member] of members.entries()) {
    const wanted = JSON.stringify(around(ids, i, columns, wrap));
    await until(() => JSON.stringify(member.view) === wanted, () => `${i}: ${wanted}, it knows ${JSON.stringify(member.view)}`);
  }
}

test('the join is answered with the cell and the neighbours; changes are told', withServer(config, async (server) => {
  const a = await server.socketio();
  const b = await server.socketio();
  assert.deepEqual(await a.ask('join', 'sprites'), { ok: true, cell: { x: 0, y: 0 }, neighbours: NOBODY, members: 1 });
  assert.deepEqual(await a.next(), ['neighbours', { room: 'sprites', cell: { x: 0, y: 0 }, ...NOBODY }]);
  const next = (id) => ({ ...NOBODY, east: id, west: id });
  assert.deepEqual(await b.ask('join', 'sprites'), { ok: true, cell: { x: 1, y: 0 }, neighbours: next(a.socket.id), members: 2 });
  assert.deepEqual(await a.next(), ['neighbours', { room: 'sprites', cell: { x: 0, y: 0 }, ...next(b.socket.id) }]);
  assert.deepEqual(await b.next(), ['neighbours', { room: 'sprites', cell: { x: 1, y: 0 }, ...next(a.socket.id) }]);
  assert.equal(await server.metric('grid_members'), 2);
  const again = await a.ask('join', 'sprites'); // tells how many there are by now
  assert.deepEqual(again, { ok: true, cell: { x: 0, y: 0 }, neighbours: next(b.socket.id), members: 2 });
  assert.deepEqual(await a.next(), ['neighbours', { room: 'sprites', cell: { x: 0, y: 0 }, ...next(b.socket.id) }]);

  assert.deepEqual(await a.ask('leave', 'sprites'), { ok: true });
  assert.deepEqual(await b.next(), ['neighbours', { room: 'sprites', cell: { x: 0, y: 0 }, ...NOBODY }]);
  assert.deepEqual(await a.ask('join', 'sprites'), { ok: true, cell: { x: 1, y: 0 }, neighbours: next(b.socket.id), members: 2 });
  b.destroy();
  await until(async () => (await a.next())[1].east === null, 'a to be alone');
  a.destroy();
  await server.untilMetric('grid_members', 0);
  await server.untilMetric('rooms', (count) => count <= 4); // everyone's, one for each thread
}));

test('natively: an ack, and a message', withServer(config, async (server) => {
  const a = await server.native();
  const b = await msgpack(server);
  assert.equal((await a.join('sprites')).type, 'ack');
  assert.deepEqual(await a.next('neighbours'), { type: 'neighbours', room: 'sprites', cell: { x: 0, y: 0 }, ...NOBODY });
  assert.equal((await b.command({ type: 'join', room: 'sprites' })).type, 'ack');
  const east = { ...NOBODY, east: a.hello.session, west: a.hello.session };
  assert.deepEqual(await b.next('neighbours'), { type: 'neighbours', room: 'sprites', cell: { x: 1, y: 0 }, ...east });
}));

test('every kind of client throws to the next one, all the way round', withServer({ ...config, rooms: rooms({ columns: 100 }) }, async (server) => {
  const clients = [];
  for (const kind of clientKinds) {
    const client = await AnyClient.connect(server, kind, { events: ['throw'] });
    assert.equal((await client.ask('join', 'sprites')).ok, true, kind.name);
    clients.push(client);
  }
  for (const [i, client] of clients.entries()) {
    const next = clients[(i + 1) % clients.length];
    const send = { room: 'sprites', event: 'throw', data: { i, bytes: Buffer.from('ü') } };
    assert.deepEqual(await client.ask('send', { ...send, to: 'east' }), { ok: true });
    const [event, data, { from }] = await next.next();
    assert.deepEqual([event, data], ['throw', send.data], clientKinds[i].name);
    if (!clientKinds[i].old) assert.equal(from, client.socket.id);
    assert.deepEqual(await next.ask('send', { room: 'sprites', event: 'throw', to: 'west', args: [] }), { ok: true });
    assert.equal((await client.next()).length, 2);
    assert.equal((await client.ask('send', { ...send, to: 'north' })).error, 'nobody is there');
  }
}));

for (const [name, edges, columns] of [['wrap', 'wrap', 3], ['end', 'end', 3], ['one column', 'wrap', 1]]) {
  test(`40 members on 4 threads, ${name}: everyone always comes to know what is so`, withServer({ ...config, rooms: rooms({ edges, columns }) }, async (server) => {
    const shape = { columns, wrap: edges === 'wrap' };
    let members = [];
    for (let i = 0; i < 40; i++) {
      const member = await Member.native(server);
      await member.client.join('sprites');
      members.push(member);
    }
    await untilTrue(members, shape);
    for (let i = 0; i < 25; i++) {
      const at = (i * 7) % members.length;
      const [gone] = members.splice(at, 1);
      if (at < members.length) members.splice(at, 0, members.pop()); // the last one takes the place
      if (i % 3 === 0) gone.client.destroy();
      else if (i % 3 === 1) await gone.client.leave('sprites');
      else await gone.client.close();
      await server.untilMetric('grid_members', members.length);
    }
    await untilTrue(members, shape);
    for (const [i, member] of members.entries()) {
      const view = around(members.map(({ id }) => id), i, columns, shape.wrap);
      for (const to of directions) {
        const answer = await member.client.command({ type: 'send', room: 'sprites', to, event: 'e', data: i });
        assert.equal(answer.type, view[to] === null ? 'error' : 'ack', `${i} ${to}`);
      }
    }
  }));
}

test('a member in many grids, and rooms named in the query and in auth', withServer(config, async (server) => {
  const a = await Member.native(server, { room: ['sprites.1', 'plain', 'sprites.2'] });
  const b = await server.socketio('/', { auth: { rooms: ['sprites.2', 'sprites.1'] } });
  await until(() => a.told.length >= 4, 'four places');
  assert.deepEqual(new Set(a.told.map(({ room }) => room)), new Set(['sprites.1', 'sprites.2']));
  for (const room of ['sprites.1', 'sprites.2']) { // the other one is told by its own thread, later perhaps
    await until(async () => (await b.ask('send', { room, to: 'east', event: 'e' })).ok, `a neighbour in ${room}`);
  }
  assert.match((await b.ask('send', { room: 'plain', to: 'east', event: 'e' })).error, /clients may not send|not in that room/);
}));

test('who is not in the grid, or joins twice', withServer({ ...config, client_send: 'anyone' }, async (server) => {
  const client = await server.socketio();
  assert.equal((await client.ask('send', { room: 'sprites', to: 'east', event: 'e' })).error, 'you are not in that room');
  await client.ask('join', 'plain');
  assert.match((await client.ask('send', { room: 'plain', to: 'east', event: 'e' })).error, /no grid/);
  assert.match((await client.ask('send', { to: 'east', event: 'e' })).error, /name it in "room"/);
  assert.match((await client.ask('send', { room: ['sprites', 'x'], to: 'east', event: 'e' })).error, /name it in "room"/);
  assert.match((await client.ask('send', { room: 'sprites', to: 'up', event: 'e' })).error, /there is no room/);
  const once = await client.ask('join', 'sprites');
  assert.deepEqual(await client.ask('join', 'sprites'), once, 'the second join says the same');
  assert.equal(await server.metric('grid_members'), 1);
  client.socket.emit('join', 'sprites.2', () => {});
  client.socket.emit('leave', 'sprites.2', () => {});
  client.socket.emit('join', 'sprites.2');
  assert.equal((await client.ask('join', 'sprites.2')).ok, true);
  await server.untilMetric('grid_members', 2);
}));

test('the id that is seen can be answered, and broadcasts reach members as in any room', withServer({ ...config, client_send: 'anyone' }, async (server) => {
  const a = await server.socketio();
  const b = await server.socketio();
  const { neighbours } = (await a.ask('join', 'sprites'), await b.ask('join', 'sprites'));
  assert.deepEqual(await b.ask('send', { to: neighbours.east, event: 'e', data: 1 }), { ok: true });
  assert.equal((await server.publish({ room: 'sprites', event: 'all' })).clients, 2);
  const events = [];
  while (!events.some(([name]) => name === 'all')) events.push(await a.next());
  assert.ok(events.some(([name, data]) => name === 'e' && data === 1));
}));

test('a lost client leaves its cell, and gets one again when it is recovered', withServer({ ...config, recovery_time: 30, client_send: 'anyone' }, async (server) => {
  const client = await Recovering.open(server);
  const neighbour = await server.native();
  client.socket.emit('join', 'sprites');
  await client.events.take();
  await neighbour.join('sprites');
  await neighbour.next('neighbours');
  for (let round = 0; round < 6; round++) {
    const again = await away(server, client, 'reset', async () => {
      assert.equal((await neighbour.next('neighbours')).east, null);
      assert.equal((await neighbour.command({ type: 'send', room: 'sprites', to: 'east', event: 'e' })).message, 'nobody is there');
      assert.equal((await neighbour.command({ type: 'send', to: client.id, event: 'kept', data: round })).type, 'ack');
    });
    assert.deepEqual(again, { id: client.id, recovered: true });
    assert.equal((await neighbour.next('neighbours')).east, client.id);
    assert.equal((await neighbour.command({ type: 'send', room: 'sprites', to: 'east', event: 'thrown', data: round })).type, 'ack');
    await until(async () => {
      const [name, data] = await client.events.take();
      return name === 'thrown' && data === round;
    }, 'the throw');
  }
}));

test('two namespaces are two grids', withServer({ ...config, namespaces: ['/', '/b'] }, async (server) => {
  const a = await server.socketio();
  const b = await server.socketio('/b');
  await a.ask('join', 'sprites');
  assert.deepEqual((await b.ask('join', 'sprites')).neighbours, NOBODY);
}));

test('many joins and leaves at once, and the end of the server in the middle of them', withServer(config, async (server) => {
  const clients = await Promise.all(Array.from({ length: 60 }, () => server.native()));
  for (let round = 0; round < 30; round++) {
    for (const client of clients) client.send({ type: round % 2 === 0 ? 'join' : 'leave', room: `sprites${round % 3 === 0 ? '' : '.x'}` });
  }
  for (const client of clients) assert.match((await client.command({ type: 'ping' })).type, /pong/);
  await server.stop();
}));
