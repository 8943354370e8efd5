// A client of /ws on top of the ws package.
import WebSocket from 'ws';

import { origin } from './tls.mjs';
import { event, Inbox, within } from './wait.mjs';

function queryString(query) {
  if (typeof query === 'string') return query;
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) parameters.append(name, value);
  }
  return parameters.toString();
}

export class NativeClient {
  #answers = new Map();
  #lastId = 0;
  inbox = new Inbox();

  constructor(socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.inbox.end(new Error(`the connection was closed: ${code} ${reason}`));
      });
    });
    socket.on('error', (error) => this.inbox.end(error));
    socket.on('message', (data, isBinary) => {
      if (isBinary) throw new Error('binary data on /ws');
      this.#take(JSON.parse(data));
    });
  }

  static async connect(listener, query = {}, options = {}) {
    const url = `${origin(listener, 'ws')}/ws?${queryString(query)}`;
    const { protocols = [], ...rest } = options;
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...rest });
    const client = new NativeClient(socket);
    client.hello = await client.next('hello');
    return client;
  }

  #take(message) {
    const answered = this.#answers.get(message.id);
    if (answered === undefined) {
      this.inbox.put(message);
      return;
    }
    this.#answers.delete(message.id);
    answered(message);
  }

  // The next of what came, other than answers to commands; it must be of this type.
  async next(type = 'message') {
    const message = await this.inbox.take(`a ${type}`);
    if (message.type !== type) throw new Error(`wanted a ${type}: ${JSON.stringify(message)}`);
    return message;
  }

  async nextMany(count, type = 'message') {
    const messages = [];
    while (messages.length < count) messages.push(await this.next(type));
    return messages;
  }

  send(value) {
    this.socket.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  // Sends a command and waits for its answer.
  command(command) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.send({ ...command, id });
    return within(answer, `the answer to ${command.type}`);
  }

  join(room) {
    return this.command({ type: 'join', room });
  }

  leave(room) {
    return this.command({ type: 'leave', room });
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
