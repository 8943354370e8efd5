// Clients that are cut off, and cut in, at every moment of a session, while messages are published
// all the time. Each gets an unbroken sequence as long as it lives, the server lives on, and in the
// end nothing is left. With STENTOR_CHAOS=SEED:SECONDS a run is repeated, or takes longer.
import assert from 'node:assert/strict';
import test from 'node:test';

import { events, PollingSession } from './lib/polling-session.mjs';
import { handshake, opcode, RawWebSocket } from './lib/raw-websocket.mjs';
import { withServer } from './lib/steady-server.mjs';
import { timeFactor } from './lib/wait.mjs';

const [seed, seconds] = (process.env.STENTOR_CHAOS ?? `${Date.now() % 1e9}:3`).split(':').map(Number);
const CLIENTS = 24;

// Numbers that look random and can be had again (mulberry32).
function randomNumbers(start) {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const head = (method, session, ...lines) => [`${method} ${session.target()} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n');
const post = (session, body) => head('POST', session, `Content-Length: ${Buffer.byteLength(body)}`) + body;

// One client after another: each is born, does something, and ends in some way.
class Life {
  last;
  received = 0;
  pinged = false;
  sockets = [];

  constructor(server, random) {
    this.server = server;
    this.random = random;
  }

  async begin() {
    this.session = await PollingSession.open(this.server.clients);
    await this.session.send('40');
    this.raw = await this.connect();
  }

  async connect() {
    const raw = await this.server.raw();
    this.sockets.push(raw);
    return raw;
  }

  // Takes the numbers that came; there must be no hole between them.
  take(packets) {
    const messages = packets.filter((packet) => packet.startsWith('42'));
    for (const [name, number] of events(messages)) {
      assert.equal(name, 'e');
      if (this.last !== undefined) assert.equal(number, this.last + 1, 'one after the other');
      this.last = number;
      this.received++;
    }
    this.pinged ||= packets.includes('2');
  }

  takeAnswer({ status, body }) {
    assert.equal(status, 200);
    this.take(this.session.payload.decode(body));
  }

  async poll() {
    this.raw.write(head('GET', this.session));
    this.takeAnswer(await this.raw.readResponse());
  }

  async pollElsewhere() {
    this.take(await this.session.receive());
  }

  async pollAndPost() {
    const answer = this.session.poll();
    await this.session.send(`42${this.random(100)}["join","room ${this.random(5)}"]`);
    this.takeAnswer(await answer);
  }

  async pipeline() {
    this.raw.write(post(this.session, '421["leave","a"]') + head('GET', this.session) + post(this.session, '42["join","b"]'));
    assert.equal((await this.raw.readResponse()).text, 'ok');
    this.takeAnswer(await this.raw.readResponse());
    assert.equal((await this.raw.readResponse()).text, 'ok');
  }

  async openWebSocket() {
    const raw = await this.connect();
    raw.write(handshake(this.session.target('websocket')));
    assert.equal((await raw.readHead()).status, 101);
    return new RawWebSocket(raw);
  }

  async failToUpgrade() {
    const ws = await this.openWebSocket();
    if (this.random(2)) ws.send(opcode.text, '2probe');
    const answer = this.session.poll();
    if (this.random(2)) ws.raw.reset();
    else ws.raw.socket.destroy();
    this.takeAnswer(await answer);
  }

  // Each of these is the end.
  async upgrade() {
    const answer = this.random(2) ? this.session.poll() : null;
    const ws = await this.openWebSocket();
    ws.send(opcode.text, '2probe');
    assert.equal((await ws.receiveAny()).text, '3probe');
    if (answer) this.takeAnswer(await answer);
    ws.send(opcode.text, '5');
    for (let i = this.random(20); i > 0; i--) this.take([(await ws.receiveAny()).text]);
    if (this.random(2)) ws.raw.reset();
    else ws.raw.socket.destroy();
  }

  async upgradeAndCut() {
    const ws = await this.openWebSocket();
    this.raw.write(head('GET', this.session));
    ws.send(opcode.text, '2probe');
    ws.send(opcode.text, '5');
    [() => ws.raw.reset(), () => this.raw.reset(), () => ws.raw.socket.destroy()][this.random(3)]();
  }

  async cut() {
    const parts = [
      head('GET', this.session), head('GET', this.session).slice(0, 30), post(this.session, '42["join","a"]').slice(0, -3),
      post(this.session, '42["join","a"]') + head('GET', this.session),
    ];
    this.raw.write(parts[this.random(parts.length)]);
    for (let i = this.random(3); i > 0; i--) await new Promise(setImmediate);
    [() => this.raw.reset(), () => this.raw.socket.destroy(), () => this.raw.end()][this.random(3)]();
  }

  async pollTwice() {
    this.raw.write(head('GET', this.session));
    await Promise.allSettled([this.session.poll(), this.session.poll(), this.raw.readResponse()]);
  }

  async breakIt() {
    const answer = this.random(2) ? this.session.poll() : null;
    const broken = ['nonsense', '4', '2', '42{}', '4451-["e"]\x1e4x', '40\x1e40', '5', '6', '1', '41\x1e1', '49'];
    await this.session.post(broken[this.random(broken.length)]);
    await answer;
  }

  async leave() {
    const answer = this.random(2) ? this.session.poll() : null;
    await this.session.send('41', '1');
    await answer;
  }

  async live() {
    try {
      await this.liveAndEnd();
    } finally {
      await Promise.all(this.sockets.map((raw) => raw.destroy()));
    }
    return this.received;
  }

  async liveAndEnd() {
    await this.begin();
    for (let i = this.random(8); i > 0; i--) {
      const acts = ['poll', 'pollElsewhere', 'pollAndPost', 'pipeline', 'failToUpgrade'];
      await this[acts[this.random(acts.length)]]();
      if (this.pinged) await this.session.send('3');
      this.pinged = false;
    }
    const ends = ['upgrade', 'upgradeAndCut', 'cut', 'pollTwice', 'breakIt', 'leave'];
    await this[ends[this.random(ends.length)]]();
  }
}

test(`clients that are cut off and cut in (STENTOR_CHAOS=${seed}:${seconds})`, withServer({
  io_threads: 3, upgrade_timeout: 1, ping_interval: 1000, ping_timeout: 1000 + 1000 * timeFactor,
}, async (server, t) => {
  const end = Date.now() + seconds * 1000;
  let published = 0;
  let received = 0;
  let lives = 0;
  let over = false;
  const publishing = (async () => {
    while (!over) await server.publish(Array.from({ length: 3 }, () => ({ event: 'e', data: published++ })));
  })();
  const failing = (async () => {
    const clients = Array.from({ length: CLIENTS }, async (_, i) => {
      const random = randomNumbers(seed * CLIENTS + i);
      while (Date.now() < end) {
        const count = await new Life(server, random).live();
        received += count;
        lives++;
      }
    });
    await Promise.all(clients);
  })().finally(() => (over = true));
  await Promise.all([publishing, failing]);

  t.diagnostic(`${lives} lives, ${published} messages, ${received} received`);
  assert.ok(received > 100);
  await server.untilMetric('clients_socketio', 0);
  await server.untilMetric('connections', 1);
  await server.untilMetric('memberships', 0);
}));
