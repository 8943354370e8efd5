// A TCP proxy in front of a server, whose connections can be cut in the ways in which networks cut
// them.
import net from 'node:net';

import { event } from './wait.mjs';

// Node.js leaves a socket behind for ever that is reset while its end is being sent.
function reset(socket) {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

// One connection through the proxy.
class Link {
  frozen = false;
  #limit = null;

  constructor(proxy, near, far) {
    this.near = near; // the client's side
    this.far = far; // the server's side
    this.#forward(near, far, 'up');
    this.#forward(far, near, 'down');
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        if (near.destroyed && far.destroyed) proxy.links.delete(this);
      });
    }
  }

  #forward(from, to, direction) {
    from.on('data', (chunk) => {
      if (this.frozen || to.destroyed) return;
      if (this.#limit?.direction === direction && !this.#within(to, chunk)) return;
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('end', () => {
      if (!this.frozen) to.end();
    });
    from.on('close', () => {
      if (!this.frozen) to.destroy();
    });
  }

  // Lets that many more bytes pass in the direction, `up` to the server or `down` from it; then
  // does `how`, in the middle of whatever is on its way.
  limit(direction, bytes, how) {
    this.#limit = { direction, bytes, how };
  }

  #within(to, chunk) {
    this.#limit.bytes -= chunk.length;
    if (this.#limit.bytes >= 0) return true;
    const { bytes, how } = this.#limit;
    to.write(chunk.subarray(0, chunk.length + bytes));
    this.#limit = null;
    setImmediate(() => this[how]());
    this.frozen = true; // what else there is of it is lost
    return false;
  }

  // Both sides see the connection end.
  cut() {
    this.near.destroy();
    this.far.destroy();
  }

  // Both sides see a reset.
  reset() {
    reset(this.near);
    reset(this.far);
  }

  // The client sees the connection end. The server sees nothing: to it, the client is silent.
  strand() {
    this.frozen = true;
    reset(this.near);
  }

  // Nothing passes any more, and nobody is told.
  freeze() {
    this.frozen = true;
  }

  // The server's side ends, and what it sent before still reaches the client.
  finish() {
    this.far.end();
  }
}

export class Proxy {
  links = new Set();
  target; // may be changed; new connections go there
  #refusing = false;

  static async start(target) {
    const proxy = new Proxy();
    proxy.target = target;
    proxy.server = net.createServer({ allowHalfOpen: true }, (near) => proxy.#accept(near));
    proxy.server.listen(0, '127.0.0.1');
    await event(proxy.server, 'listening');
    proxy.listener = { host: '127.0.0.1', port: proxy.server.address().port, tls: target.tls };
    return proxy;
  }

  #accept(near) {
    if (this.#refusing) {
      near.on('error', () => {});
      near.resetAndDestroy();
      return;
    }
    this.links.add(new Link(this, near, net.connect({ ...this.target, allowHalfOpen: true })));
  }

  // Does something to all connections that there are.
  all(how) {
    for (const link of [...this.links]) link[how]();
  }

  // The network is down: what there is is cut, and nothing gets through until `up`.
  down(how = 'reset') {
    this.#refusing = true;
    this.all(how);
  }

  up() {
    this.#refusing = false;
  }

  async destroy() {
    this.down('cut');
    const closed = event(this.server, 'close');
    this.server.close();
    await closed;
  }
}

// One in front of the server's listener for clients, which ends with the server.
export async function proxied(server) {
  return server.closeLater(await Proxy.start(server.clients));
}
