// A TCP (or unix) connection for everything that well-behaved clients do not do.
import { connectTo } from './tls.mjs';
import { event, until, within } from './wait.mjs';

function parseHeaders(lines) {
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

export class RawSocket {
  #wake = () => {};
  buffer = Buffer.alloc(0);
  ended = false;
  error = null;

  constructor(socket) {
    this.socket = socket;
    socket.below.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', (error) => {
      this.error = error;
      this.#finish();
    });
  }

  static async connect(listener, options = {}) {
    const socket = connectTo(listener, { allowHalfOpen: true, ...options });
    const raw = new RawSocket(socket);
    await within(
      new Promise((resolve, reject) => {
        socket.once(listener.tls ? 'secureConnect' : 'connect', resolve);
        socket.once('error', reject);
      }),
      'a connection',
    );
    return raw;
  }

  #finish() {
    this.ended = true;
    this.#wake();
  }

  write(data) {
    if (!this.socket.destroyed) this.socket.write(data);
    return this;
  }

  // One byte at a time, each in a segment of its own as far as that can be had.
  async writeSlowly(data) {
    for (const byte of Buffer.from(data)) {
      this.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  }

  // Calls `take` with what is there until it returns something other than undefined.
  async #read(take, what) {
    for (;;) {
      const value = take();
      if (value !== undefined) return value;
      if (this.ended) {
        const had = JSON.stringify(this.buffer.toString('latin1').slice(0, 200));
        throw new Error(`the connection ended before ${what}; there was ${had}`);
      }
      await within(
        new Promise((resolve) => {
          this.#wake = resolve;
        }),
        what,
      );
    }
  }

  read(size, what = `${size} bytes`) {
    return this.#read(() => {
      if (this.buffer.length < size) return undefined;
      const bytes = this.buffer.subarray(0, size);
      this.buffer = this.buffer.subarray(size);
      return bytes;
    }, what);
  }

  // Up to and including `mark`, as text.
  async readUntil(mark) {
    const size = await this.#read(() => {
      const at = this.buffer.indexOf(mark);
      return at < 0 ? undefined : at + Buffer.byteLength(mark);
    }, JSON.stringify(mark));
    return (await this.read(size)).toString('latin1');
  }

  async readHead() {
    const head = await this.readUntil('\r\n\r\n');
    const [first, ...lines] = head.trimEnd().split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) (.+)$/.exec(first);
    if (!match) throw new Error(`no status line: ${first}`);
    return { status: Number(match[1]), reason: match[2], headers: parseHeaders(lines) };
  }

  // One HTTP response; `bodiless` for the answer to a HEAD.
  async readResponse({ bodiless = false } = {}) {
    const head = await this.readHead();
    const size = bodiless ? 0 : Number(head.headers['content-length'] ?? 0);
    const body = await this.read(size);
    return { ...head, body, text: body.toString(), json: () => JSON.parse(body) };
  }

  // Waits until the other side has closed; returns what came before that.
  async readToEnd() {
    await until(() => this.ended, 'the end of the connection');
    return this.buffer;
  }

  // Shuts down our side only.
  end() {
    this.socket.end();
  }

  reset() {
    this.socket.below.resetAndDestroy();
  }

  async destroy() {
    if (this.socket.destroyed) return;
    const closed = event(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }
}
