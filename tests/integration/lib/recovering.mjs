// An unmodified socket.io-client 4 behind a proxy of its own, which comes back by itself when it is
// cut off; and what it tells of that.
import { io } from 'socket.io-client';

import { Proxy } from './proxy.mjs';
import { origin } from './tls.mjs';
import { Inbox, until } from './wait.mjs';

export const patient = {
  forceNew: true,
  reconnectionDelay: 20,
  reconnectionDelayMax: 20,
  randomizationFactor: 0,
};

// The library keeps events that it read as its connection ended (with Node.js 18 there often are
// such), and gives them out with its next connect; but it has not counted them in the offset that it
// presents, so that they would come twice.
export function dropUncounted(socket) {
  socket.io.on('reconnect_attempt', () => {
    socket.receiveBuffer.length = 0;
  });
}

// What happens on one socket: connects, disconnects, and events with their offset.
export class Recovering {
  connects = new Inbox(); // { id, recovered }
  disconnects = new Inbox(); // reasons
  events = new Inbox(); // [event, ...args, offset]

  constructor(socket) {
    this.socket = socket;
    dropUncounted(socket);
    socket.on('connect', () => this.connects.put({ id: socket.id, recovered: socket.recovered }));
    socket.on('connect_error', (error) => socket.active || this.connects.end(error));
    socket.on('disconnect', (reason) => this.disconnects.put(reason));
    socket.onAny((...event) => this.events.put(event));
  }

  // Opens one through a proxy, both of which end with the server. Where it may upgrade, it has done
  // so.
  static async open(server, { namespace = '/', ...options } = {}) {
    const proxy = server.closeLater(await Proxy.start(server.clients));
    const url = `${origin(proxy.listener)}${namespace}`;
    const client = new Recovering(io(url, { ...patient, transports: ['websocket'], ...options }));
    client.proxy = proxy;
    server.closeLater(client);
    const upgrades = options.transports?.length > 1 ? (await server.metric('upgrades_total')) + 1 : 0;
    client.id = (await client.connected()).id;
    if (upgrades > 0) {
      await until(() => client.socket.io.engine.transport.name === 'websocket', 'an upgrade');
      await server.untilMetric('upgrades_total', (count) => count >= upgrades);
    }
    return client;
  }

  // A further namespace on the same connection.
  async also(namespace) {
    const other = new Recovering(this.socket.io.socket(namespace));
    other.id = (await other.connected()).id;
    return other;
  }

  connected() {
    return this.connects.take('a connect');
  }

  disconnected() {
    return this.disconnects.take('a disconnect');
  }

  // The data of the next events, which must be called `e`.
  async take(count) {
    const taken = [];
    while (taken.length < count) {
      const [event, data] = await this.events.take(`event ${taken.length + 1} of ${count}`);
      if (event !== 'e') throw new Error(`another event: ${event} ${JSON.stringify(data)}`);
      taken.push(data);
    }
    return taken;
  }

  // Leaves all namespaces: the connection goes with the last one.
  destroy() {
    for (const socket of Object.values(this.socket.io.nsps)) socket.disconnect();
  }
}

export const ways = {
  websocket: { transports: ['websocket'] },
  polling: { transports: ['polling'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

export const upTo = (count, from = 0) => Array.from({ length: count }, (_, i) => from + i);

// Publishes events `e` with these numbers.
export async function publishNumbers(server, numbers, envelope = { room: 'a' }) {
  for (const data of numbers) await server.publish({ event: 'e', data, ...envelope });
}

// The network of the client is down until the server has noticed, and until `fn` is done. (It does
// not notice when a connection is stranded, nor that of a client which is between two polls.)
export async function away(server, client, how, fn) {
  const noticed = how !== 'strand' && client.socket.io.engine.transport.name === 'websocket';
  client.proxy.down(how);
  await client.disconnected();
  if (noticed) await server.untilMetric('clients_socketio', 0);
  await fn();
  client.proxy.up();
  return client.connected();
}
