// Clients of all kinds that come back whenever they are cut off, and write down what they get: each
// behind a proxy of its own, so that something can happen to it alone.
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { io } from 'socket.io-client';
import parser from 'socket.io-msgpack-parser';

import { MsgpackClient } from './msgpack-client.mjs';
import { NativeClient } from './native-client.mjs';
import { Proxy } from './proxy.mjs';
import { dropUncounted, patient } from './recovering.mjs';
import { SseClient } from './sse-client.mjs';
import { origin } from './tls.mjs';

const PAUSE_MS = 20; // before who lost its connection tries again

// What a client got: lives, each of which must be without a hole but for its gaps. A life begins
// anew when the client is told that it cannot go on.
class Diary {
  lives = [];
  stolen = new Set(); // seqs that somebody else got in its place,
  stolenGaps = []; // and gaps of which somebody else was told
  failedThefts = []; // why somebody else's poll in its place had no answer

  begin(start) {
    this.lives.push({ start, seqs: [], gaps: [] });
  }

  get life() {
    return this.lives.at(-1);
  }

  get last() {
    return this.life?.seqs.at(-1);
  }

  message(seq) {
    this.life.seqs.push(Number(seq));
  }

  gap(gap) {
    this.life.gaps.push(gap);
  }

  steal([event, ...args]) {
    if (event === 'gap') this.stolenGaps.push(args[0]);
    else this.stolen.add(Number(args.at(-1)));
  }
}

class Wanderer {
  diary = new Diary();
  stopped = false;

  constructor(kind, proxy, rooms) {
    Object.assign(this, { kind, proxy, rooms });
  }

  get query() {
    return this.rooms.map((room) => `room=${room}`).join('&');
  }

  async stop() {
    this.stopped = true;
    await this.leave();
    await this.proxy.destroy();
  }
}

// On /ws or /events, with `since` or Last-Event-ID by hand.
class Returning extends Wanderer {
  async start() {
    await this.connect();
    this.life = this.run();
  }

  async run() {
    while (!this.stopped) {
      try {
        await this.listen();
      } catch {
        this.client?.destroy();
        await sleep(PAUSE_MS);
        if (!this.stopped) await this.connect().catch(() => {});
      }
    }
  }

  async leave() {
    this.client?.destroy();
    await this.life;
  }
}

class ReturningNative extends Returning {
  async connect() {
    const Client = this.kind === 'msgpack' ? MsgpackClient : NativeClient;
    const since = this.since === undefined ? '' : `&since=${this.since}`;
    const options = this.kind === 'deflate' ? { perMessageDeflate: true } : {};
    this.client = await Client.connect(this.proxy.listener, this.query + since, { handshakeTimeout: 2000, ...options });
    if (this.since === undefined) this.diary.begin((this.since = this.client.hello.seq));
  }

  async listen() {
    const taken = await this.client.inbox.take('a message');
    const message = taken.message ?? taken;
    if (message.type === 'gap') this.diary.gap(message);
    else this.diary.message((this.since = message.seq));
  }
}

class ReturningStream extends Returning {
  async connect() {
    this.client = await SseClient.connect(this.proxy.listener, this.query, this.id ? { 'Last-Event-ID': this.id } : {});
    if (this.id === undefined) this.diary.begin(Number((this.id = this.client.start.id)));
  }

  async listen() {
    const { id, event, data } = await this.client.next();
    if (event === 'gap') this.diary.gap(data);
    else this.diary.message((this.id = id));
  }
}

// The npm package, which comes back by itself.
class Source extends Wanderer {
  async start() {
    this.source = new EventSource(`${origin(this.proxy.listener)}/events?${this.query}`);
    this.source.addEventListener('hello', ({ lastEventId }) => {
      if (this.diary.lives.length === 0) this.diary.begin(Number(lastEventId));
    });
    this.source.addEventListener('e', ({ lastEventId }) => this.diary.message(lastEventId));
    this.source.addEventListener('gap', ({ data }) => this.diary.gap(JSON.parse(data)));
  }

  leave() {
    this.source.close();
  }
}

const transports = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

// The unmodified socket.io-client, which comes back by itself, too.
export class Recoverer extends Wanderer {
  recovered = 0;

  async start() {
    const [way, packed] = this.kind.split('+');
    this.socket = io(origin(this.proxy.listener), {
      ...patient, timeout: 2000, transports: transports[way], auth: { rooms: this.rooms }, ...(packed && { parser }),
    });
    dropUncounted(this.socket);
    this.socket.on('connect', () => {
      if (this.socket.recovered) this.recovered++;
      else this.diary.begin();
    });
    this.socket.on('e', (...args) => this.diary.message(args.at(-1)));
    this.socket.on('gap', (gap) => this.diary.gap(gap));
  }

  get engine() {
    return this.socket.io.engine;
  }

  leave() {
    this.socket.disconnect();
  }
}

const classes = {
  json: ReturningNative,
  deflate: ReturningNative,
  msgpack: ReturningNative,
  stream: ReturningStream,
  source: Source,
  websocket: Recoverer,
  polling: Recoverer,
  upgrade: Recoverer,
  'websocket+msgpack': Recoverer,
  'polling+msgpack': Recoverer,
  'upgrade+msgpack': Recoverer,
};

export const kinds = Object.keys(classes);

export async function wander(server, kind, rooms) {
  const wanderer = new classes[kind](kind, await Proxy.start(server.clients), rooms);
  server.closeLater(wanderer, () => wanderer.stop());
  await wanderer.start();
  return wanderer;
}

// What is wrong with the diary, or null: `log` are the messages { seq, room } in their order.
export function mistakeIn({ diary, rooms }, log) {
  for (const { start, seqs, gaps } of diary.lives) {
    const first = start ?? seqs[0] - 1;
    const got = new Set(seqs);
    const due = log.filter(({ seq, room }) => seq > first && seq <= seqs.at(-1) && (room === null || rooms.includes(room)));
    const missing = ({ seq, room }) => (diary.stolen.has(seq) && !got.has(seq)) ||
      [...gaps, ...diary.stolenGaps].some((gap) => gap.room === room && gap.from <= seq && seq <= gap.to);
    const wanted = due.filter((message) => !missing(message)).map(({ seq }) => seq);
    const at = wanted.findIndex((seq, i) => seq !== seqs[i]);

    if (at >= 0) {
      const again = seqs.indexOf(seqs[at]) < at ? 'again ' : '';
      return `message ${at} of ${wanted.length} after ${first}: ${again}${seqs[at]} in place of ${wanted[at]}, ` +
        `between ${seqs.slice(Math.max(at - 3, 0), at)} and ${seqs.slice(at + 1, at + 4)}`;
    }
    if (seqs.length > wanted.length) return `${seqs.length - wanted.length} messages too many`;
  }
  return null;
}
