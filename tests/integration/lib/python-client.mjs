// python-socketio's client in a process of its own (python_client.py).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { origin } from './tls.mjs';
import { Inbox, within } from './wait.mjs';

const SCRIPT = fileURLToPath(new URL('python_client.py', import.meta.url));

// Debian's packages are seen by Debian's interpreter alone, whichever else comes first in PATH.
const DEBIAN = '/usr/bin/python3';
const python = fs.existsSync(DEBIAN) ? DEBIAN : 'python3';

export class PythonClient {
  inbox = new Inbox(); // [namespace, event, ...args]
  disconnected = new Inbox(); // namespaces
  #answers = new Inbox();
  #connected = new Inbox();
  errors = '';

  constructor(args) {
    this.child = spawn(python, [SCRIPT, ...args]);
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
    this.child.stdin.on('error', () => {});
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
    this.exit = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => {
        const error = new Error(`python ended with ${code}: ${this.errors}`);
        for (const inbox of [this.inbox, this.disconnected, this.#answers, this.#connected]) inbox.end(error);
        resolve(code);
      });
    });
    this.exit.catch(() => {});
  }

  static async connect(server, kind, transports, { auth = {}, namespaces = ['/'], events = [] } = {}) {
    const url = origin(server.clients);
    const client = new PythonClient([kind, url, ...[transports, auth, namespaces, events].map((value) => JSON.stringify(value))]);
    server.closeLater(client);
    client.transport = await client.#connected.take('the connect of python-socketio');
    return client;
  }

  #take(told) {
    if ('event' in told) this.inbox.put(told.event);
    else if ('answer' in told) this.#answers.put(told.answer);
    else if ('disconnected' in told) this.#lose(told.disconnected);
    else this.#connected.put(told.connected);
  }

  #lose(namespace) {
    this.disconnected.put(namespace);
    for (const inbox of [this.inbox, this.#answers]) inbox.end(new Error('python-socketio was disconnected'));
  }

  #tell(command) {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  ask(namespace, event, data) {
    this.#tell({ ask: [namespace, event, data] });
    return this.#answers.take(`the ack of ${event}`);
  }

  next() {
    return this.inbox.take('the next event');
  }

  // The client disconnects by itself, and its process ends.
  async disconnect() {
    this.#tell({ disconnect: true });
    const code = await within(this.exit, 'the end of python');
    if (code !== 0) throw new Error(`python ended with ${code}: ${this.errors}`);
  }

  async destroy() {
    this.child.kill('SIGKILL');
    await this.exit.catch(() => {});
  }
}
