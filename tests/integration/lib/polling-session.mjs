// An Engine.IO session over HTTP long-polling, one request at a time, for what real clients hide.
import assert from 'node:assert/strict';

import { httpFor } from './tls.mjs';
import { payload3, payload4 } from './payload.mjs';
import { request } from './http.mjs';

// A query with the parameters that are defined.
export function target(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `${path}?${new URLSearchParams(given)}`;
}

export class PollingSession {
  // Without `agent` each request has a connection of its own.
  constructor(listener, { path = '/socket.io/', protocol = 4, query = {}, headers = {}, agent = false } = {}) {
    Object.assign(this, { listener, path, protocol, query, headers, agent });
    this.payload = protocol === 3 ? payload3 : payload4;
  }

  static async open(listener, options) {
    const session = new PollingSession(listener, options);
    session.handshake = await session.request();
    if (session.handshake.status !== 200) throw new Error(`the handshake failed: ${session.handshake.text}`);
    const [first, ...more] = session.decode(session.handshake);
    if (first[0] !== '0' || more.length > 0) throw new Error(`no open packet: ${session.handshake.text}`);
    session.open = JSON.parse(first.slice(1));
    session.sid = session.open.sid;
    return session;
  }

  // A session of Socket.IO that is connected to a namespace.
  static async connect(listener, { auth, namespace, ...options } = {}) {
    const session = await PollingSession.open(listener, options);
    const name = namespace === undefined ? '' : `${namespace},`;
    await session.send(`40${name}${auth === undefined ? '' : JSON.stringify(auth)}`);
    let packets = [];
    while (packets.length === 0) packets = await session.#receiveBeyondHeartbeats();
    const [welcome] = packets;
    if (!welcome.startsWith(`40${name}{"sid":`)) throw new Error(`no welcome: ${welcome}`);
    session.socketId = JSON.parse(welcome.slice(2 + name.length)).sid;
    return session;
  }

  // One with a keep-alive connection for each of GET and POST, as browsers have.
  static keepAlive(listener, options) {
    const agent = new (httpFor(listener).Agent)({ keepAlive: true, maxSockets: 2 });
    return PollingSession.connect(listener, { ...options, agent });
  }

  target(transport = 'polling') {
    return target(this.path, { EIO: this.protocol, transport, ...this.query, sid: this.sid });
  }

  request(options = {}) {
    const headers = { ...this.headers, ...options.headers };
    const answer = request(this.listener, this.target(), { agent: this.agent, ...options, headers });
    answer.catch(() => {}); // for who awaits it later
    return answer;
  }

  poll(options) {
    return this.request(options);
  }

  post(body, options) {
    return this.request({ method: 'POST', body, headers: { 'Content-Type': 'text/plain;charset=UTF-8' }, ...options });
  }

  decode(answer) {
    return this.payload.decode(answer.body, answer.headers['content-type']);
  }

  // Posts these packets, which must be taken.
  async send(...packets) {
    const { status, text } = await this.post(this.payload.encode(packets));
    if (status !== 200 || text !== 'ok') throw new Error(`not taken: ${status} ${text}`);
  }

  // The packets of the next answer but for heartbeats, which are answered.
  async #receiveBeyondHeartbeats() {
    const packets = await this.receive();
    if (packets.includes('2')) await this.send('3');
    return packets.filter((packet) => packet !== '2');
  }

  // The packets of the next answer.
  async receive() {
    const answer = await this.poll();
    if (answer.status !== 200) throw new Error(`the poll was refused: ${answer.status} ${answer.text}`);
    return this.decode(answer);
  }

  // Polls until it has that many packets other than heartbeats, which it answers.
  async receiveMany(count) {
    const packets = [];
    while (packets.length < count) {
      const received = await this.receive();
      packets.push(...received.filter((packet) => packet !== '2'));
      if (received.includes('2')) await this.send('3');
    }
    return packets;
  }

  destroy() {
    if (this.agent) this.agent.destroy();
  }
}

// A GET that the server has, and does not answer yet: `{ answer }`, a promise in an object.
export async function waitingPoll(server, session, options) {
  const before = await server.metric('polls_total');
  const answer = session.poll(options);
  await server.untilMetric('polls_total', (count) => count > before);
  return { answer };
}

// Text messages of a Socket.IO session as [event, ...args].
export function events(packets) {
  return packets.map((packet) => {
    const match = /^42(?:\/[^,]*,)?(\[.*\])$/su.exec(packet);
    if (!match) throw new Error(`no event: ${packet}`);
    return JSON.parse(match[1]);
  });
}

// Polls until the session is gone; how many polls told that it was closed.
export async function untilGone(session) {
  for (let told = 0; ; ) {
    const { status, text } = await session.poll();
    if (status === 400) return assertGone(session).then(() => told);
    assert.match(text, /^[12]$/, 'nothing but heartbeats and a close');
    told += text === '1';
  }
}

// Fails unless the server says that it does not know the session, with whatever it is asked.
export async function assertGone(session) {
  const requests = [session.poll(), session.post(session.payload.encode(['3']))];
  for (const { status, text } of await Promise.all(requests)) {
    assert.deepEqual([status, text], [400, '{"code":1,"message":"Session ID unknown"}']);
  }
}
