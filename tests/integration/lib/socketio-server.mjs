// A server of Socket.IO over WebSocket that says what a test wants it to.
import http from 'node:http';
import { WebSocketServer } from 'ws';

// Engine.IO over WebSocket, and Socket.IO's packets; `onEvent(session, name, argument, ack, sessions)`,
// and `onConnect(session, sessions)` for each client that has joined.
export async function withSocketio(onEvent, fn, onConnect = () => {}) {
  const server = http.createServer((request, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ server });
  const sessions = new Map();
  let opened = 0;
  sockets.on('connection', (socket) => {
    const session = { sid: `s${opened++}`, emit: (name, ...args) => socket.send(`42${JSON.stringify([name, ...args])}`) };
    socket.send(`0${JSON.stringify({ sid: 'e', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 })}`);
    socket.on('message', (data) => {
      const text = data.toString();
      if (text.startsWith('40')) {
        sessions.set(session.sid, session);
        socket.send(`40{"sid":"${session.sid}"}`);
        return onConnect(session, sessions);
      }
      const event = /^42(\d*)(\[.*\])$/s.exec(text);
      if (!event) return undefined;
      const ack = event[1] ? (answer) => socket.send(`43${event[1]}${JSON.stringify([answer])}`) : () => {};
      return onEvent(session, ...JSON.parse(event[2]), ack, sessions);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await fn({ host: '127.0.0.1', port: server.address().port });
  } finally {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  }
}
