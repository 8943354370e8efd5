// The unmodified socket.io-client over WebSocket, with queues that can be awaited.
import { io } from 'socket.io-client';

import { origin } from './tls.mjs';
import { Inbox, within } from './wait.mjs';

export class SocketioClient {
  inbox = new Inbox(); // [event, ...args]

  constructor(socket) {
    this.socket = socket;
    socket.onAny((name, ...args) => this.inbox.put([name, ...args]));
    this.connected = new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    this.connected.catch(() => {}); // for who does not ask
    this.disconnected = new Promise((resolve) => socket.once('disconnect', resolve));
  }

  static open(listener, namespace = '/', options = {}) {
    const url = `${origin(listener)}${namespace}`;
    const plain = { transports: ['websocket'], forceNew: true, reconnection: false };
    return new SocketioClient(io(url, { ...plain, ...options }));
  }

  async ready() {
    await within(this.connected, 'the connect to the namespace');
    return this;
  }

  // What the connect was refused with.
  refused() {
    const refusal = this.connected.then(
      () => {
        throw new Error('the connect was not refused');
      },
      (error) => error,
    );
    return within(refusal, 'a refusal');
  }

  next() {
    return this.inbox.take('the next event');
  }

  // Emits with a callback and waits for what it gets.
  ask(...args) {
    return within(this.socket.emitWithAck(...args), `the ack of ${args[0]}`);
  }

  destroy() {
    this.socket.disconnect();
  }
}
