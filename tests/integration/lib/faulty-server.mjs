// A broadcast server with faults, each of which it counts: WebSocket clients at any path get what is
// published by POST /publish/..., but for what `fault(client, n)` says of client number `client` and
// message number `n`:
//   'drop'       it never comes
//   'duplicate'  it comes twice
//   'swap'       it comes after the next one
//   a number     it comes that many milliseconds later
import http from 'node:http';
import https from 'node:https';
import { WebSocketServer } from 'ws';

export class FaultyServer {
  counts = { drop: 0, duplicate: 0, swap: 0, delay: 0, published: 0, sent: 0 };
  requests = [];
  heard = []; // what clients said

  static async start({ fault = () => null, tls, onRequest, host = '127.0.0.1' } = {}) {
    const server = new FaultyServer();
    Object.assign(server, { fault, onRequest, clients: [] });
    server.http = tls ? https.createServer(tls, server.#request) : http.createServer(server.#request);
    server.sockets = new WebSocketServer({ server: server.http, handleProtocols: () => false });
    server.sockets.on('connection', server.#join);
    await new Promise((resolve) => server.http.listen(0, host, resolve));
    server.listener = { host, port: server.http.address().port };
    return server;
  }

  #join = (socket) => {
    const client = { socket, number: this.clients.length, held: null };
    this.clients.push(client);
    socket.on('message', (data) => this.heard.push(data.toString()));
  };

  #request = async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, text });
    if (this.onRequest) return this.onRequest(request, response, text);
    this.publish(text);
    response.end('{}');
  };

  // The number of a message stands in it.
  publish(text) {
    const n = Number(/"n":(\d+)/.exec(text)[1]);
    this.counts.published++;
    for (const client of this.clients) this.#give(client, n, text);
  }

  #give(client, n, text) {
    const fault = this.fault(client.number, n);
    const send = () => {
      client.socket.send(text);
      this.counts.sent++;
    };
    if (typeof fault === 'number') this.counts.delay++;
    else if (fault) this.counts[fault]++;
    if (fault === 'drop') return;
    if (fault === 'swap') {
      client.held = send;
      return;
    }
    if (typeof fault === 'number') setTimeout(send, fault);
    else send();
    if (fault === 'duplicate') send();
    client.held?.();
    client.held = null;
  }

  async stop() {
    for (const { socket } of this.clients) socket.terminate();
    this.sockets.close();
    this.http.closeAllConnections();
    this.http.close();
  }
}

export async function withFaulty(options, fn) {
  const server = await FaultyServer.start(options);
  try {
    await fn(server);
  } finally {
    await server.stop();
  }
}
