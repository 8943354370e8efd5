// WebSocket frames byte by byte (RFC 6455), for protocol violations and odd but legal behaviour.
import crypto from 'node:crypto';

import { RawSocket } from './raw.mjs';

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='; // the example of RFC 6455 section 1.3
const ENGINE_IO_PING = '2';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

function frameLength(length, form) {
  if (form === 7 || (form === undefined && length < 126)) return [length, Buffer.alloc(0)];
  const extended = Buffer.alloc(form === 16 || (form === undefined && length < 65536) ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  else extended.writeBigUInt64BE(BigInt(length));
  return [extended.length === 2 ? 126 : 127, extended];
}

// A client's frame. `rsv` are the three reserved bits as a number; `claim` is a length that is
// announced instead of the true one; `form` forces 7, 16 or 64 bits for it.
export function frame(op, payload = '', options = {}) {
  const { fin = true, rsv = 0, masked = true, claim, form } = options;
  const data = Buffer.from(payload);
  const [short, extended] = frameLength(claim ?? data.length, form);
  const head = Buffer.of((fin ? 0x80 : 0) | (rsv << 4) | op, (masked ? 0x80 : 0) | short);
  if (!masked) return Buffer.concat([head, extended, data]);
  const mask = crypto.randomBytes(4);
  const hidden = data.map((byte, i) => byte ^ mask[i & 3]);
  return Buffer.concat([head, extended, mask, hidden]);
}

export function closePayload(code, reason = '') {
  const bytes = Buffer.from(reason);
  const payload = Buffer.alloc(2 + bytes.length);
  payload.writeUInt16BE(code);
  bytes.copy(payload, 2);
  return payload;
}

export function handshake(path, headers = {}) {
  const lines = Object.entries({
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...headers,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export class RawWebSocket {
  constructor(raw, path = '') {
    this.raw = raw;
    this.path = path;
  }

  static async open(listener, path, headers = {}) {
    const raw = await RawSocket.connect(listener);
    raw.write(handshake(path, headers));
    const ws = new RawWebSocket(raw, path);
    ws.response = await raw.readHead();
    if (ws.response.status !== 101 || ws.response.headers['sec-websocket-accept'] !== ACCEPT) {
      throw new Error(`the handshake failed: ${JSON.stringify(ws.response)}`);
    }
    return ws;
  }

  send(op, payload, options) {
    this.raw.write(frame(op, payload, options));
    return this;
  }

  isHeartbeat(received) {
    if (this.path.startsWith('/socket.io/')) return received.text === ENGINE_IO_PING;
    return received.opcode === opcode.ping;
  }

  // The next frame other than heartbeats, which may come at any time.
  async receive() {
    for (;;) {
      const next = await this.receiveAny();
      if (!this.isHeartbeat(next)) return next;
    }
  }

  // The next frame, with its wire bytes.
  async receiveAny() {
    const head = await this.raw.read(2, 'a frame');
    if (head[1] & 0x80) throw new Error('the server must not mask');
    let length = head[1] & 0x7f;
    let extended = Buffer.alloc(0);
    if (length === 126) {
      extended = await this.raw.read(2);
      length = extended.readUInt16BE();
    } else if (length === 127) {
      extended = await this.raw.read(8);
      length = Number(extended.readBigUInt64BE());
    }
    const payload = await this.raw.read(length, `a payload of ${length} bytes`);
    return {
      fin: (head[0] & 0x80) !== 0,
      rsv: (head[0] >> 4) & 7,
      opcode: head[0] & 0x0f,
      payload,
      text: payload.toString(),
      wire: Buffer.concat([head, extended, payload]),
    };
  }

  async receiveJson() {
    const message = await this.receive();
    if (message.opcode !== opcode.text) throw new Error(`opcode ${message.opcode} is no text`);
    return JSON.parse(message.text);
  }

  // The server's close frame, other frames before it left out; then both sides end.
  async closed() {
    for (;;) {
      const { opcode: op, payload } = await this.receive();
      if (op !== opcode.close) continue;
      const code = payload.length > 0 ? payload.readUInt16BE() : undefined;
      await this.raw.readToEnd();
      this.raw.end();
      return { code, reason: payload.subarray(2).toString() };
    }
  }

  destroy() {
    return this.raw.destroy();
  }
}
