// Starts a stentord of its own for a test, on ports that the system picks.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { formatConfig } from './config.mjs';
import { request } from './http.mjs';
import { NativeClient } from './native-client.mjs';
import { Program, programPath } from './program.mjs';
import { RawSocket } from './raw.mjs';
import { RawWebSocket } from './raw-websocket.mjs';
import { SocketioClient } from './socketio-client.mjs';
import { secured } from './tls.mjs';
import { until, within } from './wait.mjs';

// Node can spin for ever in the cleanup of sockets that were reset while they connected. Once nothing
// is left to be done, its orderly end is skipped.
process.once('beforeExit', () => setTimeout(() => process.exit(), 20));

export const KEY = 'correct horse';

// Root has to say that it wants to serve as root: it is asked for in CI's containers alone.
export const asRoot = process.getuid() === 0 ? { user: 'root' } : {};

export const defaults = {
  ...asRoot,
  listeners: [
    { address: '127.0.0.1', port: 0 },
    { address: '127.0.0.1', port: 0, admin: true },
  ],
  io_threads: 2,
  publish_keys: [KEY],
};

// `tls` is { tls: true } where clients have to speak it.
function parseListener(text, tls) {
  const match = /^(.*):(\d+)$/.exec(text);
  if (text.startsWith('unix:')) return { socketPath: text.slice(5), ...tls };
  return { host: match[1].replace(/[[\]]/g, ''), port: Number(match[2]), ...tls };
}

export class Stentord {
  #toClose = [];

  // `wrap` is a command that runs the server, such as prlimit with its options.
  static async start(config = {}, { wrap = [] } = {}) {
    const server = new Stentord();
    server.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentord-'));
    server.file = path.join(server.directory, 'stentord.conf');
    server.configure(config);
    const [command, ...args] = [...wrap, programPath('stentord'), '-f', '-c', server.file];
    server.program = new Program(command, args);
    const ready = until(() => / server: ready, /.test(server.log), () => `ready: ${server.log}`);
    const early = server.program.exit.then(({ code }) => {
      throw new Error(`stentord ended with ${code}:\n${server.log}`);
    });
    early.catch(() => {});
    try {
      await Promise.race([ready, early]);
    } catch (error) {
      ready.catch(() => {});
      fs.rmSync(server.directory, { recursive: true });
      throw error;
    }
    server.readListeners();
    return server;
  }

  // Writes the configuration, which the server reads at start or when it is told to.
  configure(config) {
    const whole = { ...defaults, ...config };
    fs.writeFileSync(this.file, formatConfig({ ...whole, listeners: secured(whole.listeners) }));
  }

  // Has it read again, and waits until it is in force. With ports that the log has told until now.
  async reload(config) {
    this.configure(config);
    const answer = await request(this.admin, '/reload', { method: 'POST' });
    this.readListeners();
    return answer;
  }

  readListeners() {
    const listeners = { clients: [], admin: [] };
    for (const [, whom, where, tls] of this.log.matchAll(/ listen: (clients|admin) on (\S+?)(, TLS)?$/gm)) {
      listeners[whom].push(parseListener(where, tls && { tls: true }));
    }
    for (const [, whom, where, tls] of this.log.matchAll(/ listen: (clients|admin) no longer on (\S+?)(, TLS)?$/gm)) {
      const gone = JSON.stringify(parseListener(where, tls && { tls: true }));
      listeners[whom] = listeners[whom].filter((listener) => JSON.stringify(listener) !== gone);
    }
    this.listeners = listeners;
    [this.clients] = listeners.clients;
    [this.admin] = listeners.admin;
  }

  get log() {
    return this.program.stderr;
  }

  // A line may arrive after the effect that it tells of.
  untilLog(pattern) {
    return until(() => pattern.test(this.log), () => `${pattern} in the log:\n${this.log}`);
  }

  get pid() {
    return this.program.child.pid;
  }

  // Whatever a test opens is closed when it ends.
  closeLater(thing, close = () => thing.destroy()) {
    this.#toClose.push(close);
    return thing;
  }

  async raw(listener = this.clients, options) {
    return this.closeLater(await RawSocket.connect(listener, options));
  }

  async websocket(target, headers, listener = this.clients) {
    return this.closeLater(await RawWebSocket.open(listener, target, headers));
  }

  async native(query, options) {
    return this.closeLater(await NativeClient.connect(this.clients, query, options));
  }

  openSocketio(namespace, options) {
    return this.closeLater(SocketioClient.open(this.clients, namespace, options));
  }

  socketio(namespace, options) {
    return this.openSocketio(namespace, options).ready();
  }

  get(target, options) {
    return request(this.clients, target, options);
  }

  // Publishes through the admin listener; the answer, which must be a 200.
  async publish(envelope) {
    const body = JSON.stringify(envelope);
    const answer = await request(this.admin, '/publish', { method: 'POST', body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
  }

  async status() {
    return (await request(this.admin, '/status')).json();
  }

  async metrics() {
    const { text } = await request(this.admin, '/metrics');
    const values = new Map();
    for (const line of text.split('\n')) {
      const match = /^stentor_(\S+) (\d+)$/.exec(line);
      if (match) values.set(match[1], Number(match[2]));
    }
    return values;
  }

  async metric(name) {
    return (await this.metrics()).get(name);
  }

  // Waits until the metric has the value, or satisfies the function.
  async untilMetric(name, wanted) {
    const fits = typeof wanted === 'function' ? wanted : (value) => value === wanted;
    let value;
    return until(
      async () => fits((value = await this.metric(name))),
      () => `stentor_${name} to fit ${wanted}; it is ${value}`,
    );
  }

  untilClosed(reason, wanted = (count) => count > 0) {
    return this.untilMetric(`closes_total{reason="${reason}"}`, wanted);
  }

  async closeClients() {
    await Promise.allSettled(this.#toClose.splice(0).map((close) => close()));
  }

  // Ends the server as an operator does; it must end well.
  async stop() {
    await this.closeClients();
    if (!this.stopping) this.terminate();
    await this.ended();
  }

  terminate(signal = 'SIGTERM') {
    this.stopping = true;
    this.program.kill(signal);
  }

  async ended() {
    const { code, signal } = await within(this.program.exit, 'the end of stentord');
    fs.rmSync(this.directory, { recursive: true, force: true });
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `stentord's end:\n${this.log}`);
  }

  // Fails as soon as the server ends although nobody has stopped it.
  async died() {
    const { code, signal } = await this.program.exit;
    if (!this.stopping) throw new Error(`stentord ended by itself: ${code ?? signal}`);
  }

  async abandon() {
    this.stopping = true;
    await this.closeClients();
    this.program.kill('SIGTERM');
    await within(this.program.exit, 'the end of stentord').catch(() => this.program.kill('SIGKILL'));
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

// A test function with a server around it: `test('...', withServer({ echo: true }, async (server) => ...))`.
// `server.step(name, fn)` is a subtest. If anything fails, the server's log is shown.
export function withServer(config, fn, options) {
  return async (t) => {
    const server = await Stentord.start(config, options);
    let stepFailed = false;
    server.step = (name, step) =>
      t.test(name, async (...args) => {
        try {
          await step(...args);
        } catch (error) {
          stepFailed = true;
          throw error;
        }
      });
    try {
      await Promise.race([fn(server, t), server.died()]);
    } catch (error) {
      await server.abandon();
      t.diagnostic(`the log of stentord:\n${server.log}`);
      throw error;
    }
    if (stepFailed) t.diagnostic(`the log of stentord:\n${server.log}`);
    await server.stop();
  };
}

// The same for a server that the test stops or drains; it must end well.
export function withStopping(config, fn) {
  return async (t) => {
    const server = await Stentord.start(config);
    try {
      await fn(server);
      await server.ended();
    } catch (error) {
      await server.abandon();
      t.diagnostic(`the log of stentord:\n${server.log}`);
      throw error;
    }
    await server.closeClients();
  };
}
