// A client of /ws that speaks MessagePack (subprotocol stentor.msgpack), by the packages ws and
// @msgpack/msgpack.
import { decode, encode } from '@msgpack/msgpack';
import WebSocket from 'ws';

import { origin } from './tls.mjs';
import { event, Inbox, within } from './wait.mjs';

export class MsgpackClient {
  #answers = new Map();
  #lastId = 0;
  inbox = new Inbox();

  constructor(socket, decoding) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.inbox.end(new Error(`the connection was closed: ${code} ${reason}`));
      });
    });
    socket.on('error', (error) => this.inbox.end(error));
    socket.on('message', (data, isBinary) => {
      try {
        if (!isBinary) throw new Error(`a text came: ${data}`);
        this.#take(decode(data, decoding), data);
      } catch (error) {
        this.inbox.end(error);
      }
    });
  }

  // `decoding` are options of the decoder, the others of the WebSocket.
  static async connect(listener, query = '', { decoding = {}, protocols = ['stentor.msgpack'], ...rest } = {}) {
    const url = `${origin(listener, 'ws')}/ws?${query}`;
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...rest });
    const client = new MsgpackClient(socket, decoding);
    client.hello = await client.next('hello');
    return client;
  }

  #take(message, bytes) {
    const answered = this.#answers.get(message.id);
    if (answered === undefined) {
      this.inbox.put({ message, bytes });
      return;
    }
    this.#answers.delete(message.id);
    answered(message);
  }

  // The next of what came, other than answers to commands.
  async next(type = 'message') {
    const { message } = await this.inbox.take(`a ${type}`);
    if (message.type !== type) throw new Error(`wanted a ${type}, not a ${message.type}`);
    return message;
  }

  async nextMany(count, type = 'message') {
    const messages = [];
    while (messages.length < count) messages.push(await this.next(type));
    return messages;
  }

  // The next message as it was on the wire.
  async nextBytes() {
    return (await this.inbox.take('a message')).bytes;
  }

  send(value) {
    this.socket.send(Buffer.isBuffer(value) ? value : encode(value));
  }

  // Sends a command and waits for its answer.
  command(command) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.send({ ...command, id });
    return within(answer, `the answer to ${command.type}`);
  }

  async close() {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = event(this.socket, 'close');
    this.socket.close(1000);
    await closed;
  }

  destroy() {
    this.socket.terminate();
  }
}

// Opens one that is closed with the server.
export async function msgpack(server, query, options) {
  return server.closeLater(await MsgpackClient.connect(server.clients, query, options));
}
