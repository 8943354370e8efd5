// All tests may run through TLS: script/with-tls makes certificates, and says in STENTOR_TEST_TLS
// where they are. Then clients' listeners speak TLS, and everything that connects to one has to ask
// here how that is done.
import { createHash, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

const directory = process.env.STENTOR_TEST_TLS;

export const overTls = directory !== undefined;

// For tests of what TLS hides or has no part in: `test(name, { skip: plainOnly('why') }, ...)`.
export const plainOnly = (why) => overTls && why;

// The configuration's listeners, of which those for clients speak TLS if all tests do.
export function secured(listeners) {
  if (!overTls || !Array.isArray(listeners)) return listeners;
  const certificates = [{ chain: path.join(directory, 'server.pem'), key: path.join(directory, 'server.key') }];
  return listeners.map((listener) =>
    (listener.admin || listener.address?.startsWith('unix:') ? listener : { tls: { certificates }, ...listener }));
}

// A server of a test's own that speaks TLS if all tests do.
export function serverOf(onRequest) {
  if (!overTls) return http.createServer(onRequest);
  const [cert, key] = ['server.pem', 'server.key'].map((name) => fs.readFileSync(path.join(directory, name)));
  return https.createServer({ cert, key }, onRequest);
}

// By what Chromium knows the key of the certificate in a file, that of all tests if none is named:
// undefined without TLS.
export function certificateHash(file = overTls ? path.join(directory, 'server.pem') : undefined) {
  if (file === undefined) return undefined;
  const key = new X509Certificate(fs.readFileSync(file)).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

// A socket; `below` is the TCP connection that it goes through.
export function connectTo(listener, options = {}) {
  const where = listener.socketPath ? { path: listener.socketPath } : { host: listener.host, port: listener.port };
  const below = net.connect({ ...where, ...options });
  const socket = listener.tls ? tls.connect({ socket: below, host: listener.host, ...options }) : below;
  return Object.assign(socket, { below });
}

export function httpFor(listener) {
  return listener.tls ? https : http;
}

// The beginning of a URL, with 'http' or 'ws'.
export function origin(listener, scheme = 'http') {
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
  return `${scheme}${listener.tls ? 's' : ''}://${host}:${listener.port}`;
}
