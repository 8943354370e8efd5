// Unmodified socket.io-client of any version and parser, on any transport, with one face.
import msgpackParser from 'socket.io-msgpack-parser';
import io2 from 'socket.io-client-2';
import { io as io3 } from 'socket.io-client-3';
import { io as io4 } from 'socket.io-client';

import { origin } from './tls.mjs';
import { Inbox, until, within } from './wait.mjs';

const libraries = {
  'socket.io-client 4': { io: io4, options: {} },
  'socket.io-client 4 with MessagePack': { io: io4, options: { parser: msgpackParser } },
  'socket.io-client 3': { io: io3, options: {} },
  'socket.io-client 2': { io: io2, options: {}, old: true },
};

const ways = {
  polling: ['polling'],
  WebSocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
};

// Every library on every transport: { name, library, way }.
export const clientKinds = Object.keys(libraries).flatMap((library) =>
  Object.keys(ways).map((way) => ({ name: `${library}, ${way}`, library, way, old: libraries[library].old === true })));

export class AnyClient {
  inbox = new Inbox(); // [event, ...args], of the events that were asked for

  constructor(socket, events) {
    this.socket = socket;
    for (const name of events) socket.on(name, (...args) => this.inbox.put([name, ...args]));
    this.connected = new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      for (const name of ['connect_error', 'error']) socket.once(name, reject);
    });
    this.connected.catch(() => {});
    this.disconnected = new Promise((resolve) => socket.once('disconnect', resolve));
  }

  // In version 2 there is no `auth`: rooms are joined behind the connect.
  static async connect(server, kind, { rooms = [], events = [], ...more } = {}) {
    const { io, options, old } = libraries[kind.library];
    const url = origin(server.clients);
    const auth = old ? {} : { auth: { rooms } };
    const client = new AnyClient(io(url, {
      transports: ways[kind.way], forceNew: true, reconnection: false, ...options, ...auth, ...more,
    }), events);
    server.closeLater(client);
    await within(client.connected, `the connect of ${kind.name}`);
    for (const room of old ? rooms : []) await client.ask('join', room);
    if (kind.way === 'upgrade') await client.upgraded();
    return client;
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  upgraded() {
    return until(() => this.transport === 'websocket', 'the upgrade');
  }

  // Another namespace over the same connection.
  namespace(name, events = []) {
    return new AnyClient(this.socket.io.socket(name), events);
  }

  ask(...args) {
    return within(new Promise((resolve) => this.socket.emit(...args, resolve)), `the ack of ${args[0]}`);
  }

  next() {
    return this.inbox.take('the next event');
  }

  async nextMany(count) {
    const received = [];
    while (received.length < count) received.push(await this.next());
    return received;
  }

  destroy() {
    this.socket.disconnect();
  }
}
