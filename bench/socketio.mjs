// The server of Socket.IO as a peer: socket.io of the folder that is named, over the transports that
// are named (long-polling alone), with everything off that is not needed for that. POST /publish/ROOM/EVENT emits the body
// to all clients, as stentord does it.
//
//   node socketio.mjs FOLDER [TRANSPORT,...]      FOLDER has node_modules/socket.io
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const { Server } = createRequire(path.resolve(process.argv[2], 'package.json'))('socket.io');

const server = http.createServer(publish);
const io = new Server(server, {
  transports: (process.argv[3] ?? 'polling').split(','),
  httpCompression: false,
  perMessageDeflate: false,
  serveClient: false,
});
let seq = 0;

// Requests for /socket.io/ do not come here.
async function publish(request, response) {
  const event = /^\/publish\/[^/]+\/([^/]+)$/.exec(request.url)?.[1];
  const body = [];
  for await (const chunk of request)
    body.push(chunk);
  if (request.method !== 'POST' || event === undefined) {
    response.writeHead(404).end();
    return;
  }
  io.emit(decodeURIComponent(event), JSON.parse(Buffer.concat(body)));
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ seq: ++seq, clients: io.engine.clientsCount }));
}

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`socketio listen: clients on 127.0.0.1:${server.address().port}`);
});
