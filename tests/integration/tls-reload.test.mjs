// Other certificates while the server runs: for new handshakes, and nobody else notices.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';

import { Authority } from './lib/certificates.mjs';
import { NativeClient } from './lib/native-client.mjs';
import { defaults, withServer } from './lib/stentord.mjs';
import { event, until } from './lib/wait.mjs';

const root = Authority.temporary();
process.on('exit', () => fs.rmSync(root.directory, { recursive: true }));
const ca = fs.readFileSync(root.certificate);
const NAMES = ['localhost', '127.0.0.1'];

// The certificate at a place where another one can be put.
class Place {
  constructor() {
    this.directory = fs.mkdtempSync(path.join(root.directory, 'place-'));
    this.files = { chain: path.join(this.directory, 'chain.pem'), key: path.join(this.directory, 'key.pem') };
    this.put(root.issue(NAMES));
  }

  put({ chain, key }) {
    fs.copyFileSync(chain, this.files.chain);
    fs.copyFileSync(key, this.files.key);
  }

  get config() {
    return { listeners: [{ address: '127.0.0.1', port: 0, tls: { certificates: [this.files] } }, defaults.listeners[1]] };
  }
}

const withPlace = (fn, more = {}) => async (t) => {
  const place = new Place();
  await withServer({ ...place.config, ...more }, (server) => fn(server, place, t))(t);
};

const target = (server, more = {}) => ({ host: '127.0.0.1', port: server.clients.port, ca, servername: 'localhost', ...more });

// The serial number of the certificate that a new connection gets.
async function serial(server, more) {
  const socket = tls.connect(target(server, more));
  await event(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.end(); // and not destroyed: the last part of its handshake is still to be sent
  await event(socket, 'close');
  return serialNumber;
}

const reload = (server, place, more = {}) => server.reload({ ...place.config, ...more });

test('new handshakes get the new certificate, and connections go on', withPlace(async (server, place) => {
  const client = server.closeLater(await NativeClient.connect(server.clients, {}, { ca, servername: 'localhost' }));
  const before = await serial(server);
  place.put(root.issue(NAMES));
  const answer = await reload(server, place);

  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json().changed, ['listeners: other certificates at 127.0.0.1 port 0']);
  assert.notEqual(await serial(server), before);
  await server.publish({ event: 'after' });
  assert.equal((await client.next()).event, 'after');
  assert.deepEqual((await reload(server, place)).json().changed, [], 'the same once more');
}));

test('a mistake leaves everything as it was, and says what it is', withPlace(async (server, place) => {
  const before = await serial(server);
  const other = root.issue(NAMES);
  const mistakes = [
    [() => fs.copyFileSync(other.key, place.files.key), /the key in .* is not that of the certificate/],
    [() => fs.writeFileSync(place.files.chain, 'nonsense'), /certificate 1 is not one in PEM format/],
    [() => fs.rmSync(place.files.chain), /chain\.pem cannot be read: No such file/],
  ];
  for (const [make, pattern] of mistakes) {
    make();
    const answer = await reload(server, place);
    assert.equal(answer.status, 422);
    assert.match(answer.json().mistakes.join('\n'), pattern);
    assert.equal(await serial(server), before);
  }
  place.put(other);
  assert.equal((await reload(server, place)).status, 200);
  assert.notEqual(await serial(server), before);
}));

test('warnings are told again', withPlace(async (server, place) => {
  place.put(root.issue(NAMES, { days: 2 }));
  await reload(server, place);
  await server.untilLog(/warning config: .*chain\.pem: the certificate expires on .*; renew it/);
}));

test('tickets from before are good after it', withPlace(async (server, place) => {
  let session;
  const first = tls.connect(target(server, { maxVersion: 'TLSv1.2' }));
  first.on('session', (ticket) => (session = ticket));
  await event(first, 'secureConnect');
  await until(() => session, 'a ticket');
  first.destroy();
  place.put(root.issue(NAMES));
  await reload(server, place);
  const second = server.closeLater(tls.connect(target(server, { maxVersion: 'TLSv1.2', session })));
  await event(second, 'secureConnect');
  assert.equal(second.isSessionReused(), true);
}));

test('TLS can be switched on at a listener that had none, and off', withPlace(async (server, place) => {
  const plain = { listeners: [{ address: '127.0.0.1', port: 0, tls: undefined }, defaults.listeners[1]] };
  const { port } = server.clients;
  assert.equal((await server.reload(plain)).status, 200);
  const client = server.closeLater(await NativeClient.connect({ host: '127.0.0.1', port }));
  assert.equal((await reload(server, place)).status, 200);
  await serial(server);
  await server.publish({ event: 'e' });
  assert.equal((await client.next()).event, 'e', 'a plain connection goes on');
}));

const sanitized = (server) => fs.readFileSync(`/proc/${server.pid}/maps`, 'utf8').includes('libasan');
const resident = (server) => Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);

test('100 replacements under load: no connection lost, no handshake failed, no memory grown', withPlace(async (server, place) => {
  const clients = await Promise.all(Array.from({ length: 50 }, async () =>
    server.closeLater(await NativeClient.connect(server.clients, {}, { ca, servername: 'localhost' }))));
  const certificates = [root.issue(NAMES), root.issue(NAMES)];
  let over = false;
  let handshakes = 0;
  const shake = async () => {
    for (; !over; handshakes++) await serial(server);
  };
  const shaking = [shake(), shake()];
  let memory;
  for (let i = 0; i < 100; i++) {
    place.put(certificates[i % 2]);
    assert.equal((await reload(server, place)).status, 200);
    await server.publish({ event: 'e', data: i });
    if (i === 30) memory = resident(server);
  }
  const grown = resident(server) - memory;
  over = true;
  await Promise.all(shaking);

  for (const client of clients) {
    assert.deepEqual((await client.nextMany(100)).map(({ data }) => data), Array.from({ length: 100 }, (_, i) => i));
  }
  assert.ok(handshakes > 50, `${handshakes} handshakes`);
  assert.equal(await server.metric('tls_failures_total'), 0);
  assert.equal(await server.metric('tls_handshakes_total'), handshakes + 50);
  assert.equal(await server.metric('clients_native'), 50);
  if (!sanitized(server)) assert.ok(grown < 1024, `${grown} KiB more after 70 more replacements`);
}));

// A key for root's eyes is read at the start; after that the server is somebody else.
test('a key that cannot be read any more stays, as long as its certificate does', { skip: process.getuid() !== 0 && 'needs root' }, async (t) => {
  const place = new Place();
  for (const directory of [root.directory, place.directory]) fs.chmodSync(directory, 0o755);
  fs.chmodSync(place.files.key, 0o600);
  await withServer({ ...place.config, user: 'nobody' }, async (server) => {
    fs.chmodSync(server.directory, 0o755);
    const before = await serial(server);
    const kept = await reload(server, place, { user: 'nobody' });
    assert.equal(kept.status, 200, kept.text);
    await server.untilLog(/key\.pem cannot be read by the user that the server runs as; the key that was read before stays/);
    assert.equal(await serial(server), before);

    place.put(root.issue(NAMES));
    fs.chmodSync(place.files.key, 0o600);
    const refused = await reload(server, place, { user: 'nobody' });
    assert.equal(refused.status, 422);
    assert.match(refused.json().mistakes.join('\n'), /key\.pem cannot be read: Permission denied; give the group of the user that the server runs as the right to/);
    assert.equal(await serial(server), before);
  })(t);
});
