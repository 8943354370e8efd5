// A client of /events that looks at every field, and does nothing by itself.
import { connectTo, httpFor } from './tls.mjs';
import { Inbox, until, within } from './wait.mjs';

function queryString(query) {
  if (typeof query === 'string') return query;
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) parameters.append(name, value);
  }
  return parameters.toString();
}

// The fields of one block, as the HTML standard splits them; several `data` are several lines.
export function parseBlock(block) {
  const fields = {};
  for (const line of block.split('\n')) {
    const [, name, value] = /^([a-z]+): ?(.*)$/s.exec(line) ?? [];
    if (name === undefined) throw new Error(`no field: ${JSON.stringify(line)}`);
    if (name in fields && name !== 'data') throw new Error(`twice in one event: ${name}`);
    fields[name] = name in fields ? `${fields.data}\n${value}` : value;
  }
  return fields;
}

export class SseClient {
  #text = '';
  comments = 0;
  inbox = new Inbox(); // the fields of each block

  constructor(incoming) {
    this.incoming = incoming;
    this.headers = incoming.headers;
    this.ended = new Promise((resolve) => {
      incoming.on('close', () => {
        resolve(incoming.complete);
        this.inbox.end(new Error('the stream ended'));
      });
    });
    incoming.on('error', (error) => this.inbox.end(error));
    incoming.setEncoding('utf8').on('data', (text) => this.#take(text));
  }

  // Sends the request; whatever the answer is.
  static #request(listener, query, headers) {
    return within(
      new Promise((resolve, reject) => {
        const createConnection = () => connectTo(listener);
        const options = { path: `/events?${queryString(query)}`, headers, createConnection };
        httpFor(listener).get(options, resolve).on('error', reject);
      }),
      'the answer of /events',
    );
  }

  static async connect(listener, query = {}, headers = {}) {
    const incoming = await SseClient.#request(listener, query, headers);
    if (incoming.statusCode !== 200) throw new Error(`/events answered ${incoming.statusCode}`);
    const client = new SseClient(incoming);
    client.start = await client.inbox.take('the start of the stream');
    return client;
  }

  #take(text) {
    if (text.includes('\r')) throw new Error('a CR would end a line');
    const blocks = (this.#text + text).split('\n\n');
    this.#text = blocks.pop();
    for (const block of blocks) {
      if (block === ':') this.comments++;
      else this.inbox.put(parseBlock(block));
    }
  }

  // The next event, its data read as JSON.
  async next(event) {
    const fields = await this.inbox.take(event ? `the event ${event}` : 'the next event');
    if (event !== undefined && fields.event !== event) {
      throw new Error(`wanted the event ${event}: ${JSON.stringify(fields)}`);
    }
    return { ...fields, data: JSON.parse(fields.data) };
  }

  async nextMany(count) {
    const events = [];
    while (events.length < count) events.push(await this.next());
    return events;
  }

  untilComments(count) {
    return until(() => this.comments >= count, `${count} comments`);
  }

  pause() {
    this.incoming.socket.pause();
  }

  resume() {
    this.incoming.socket.resume();
  }

  reset() {
    this.incoming.socket.below.resetAndDestroy();
  }

  destroy() {
    this.incoming.destroy();
  }
}

// Opens one that is closed with the server.
export async function sse(server, query, headers) {
  return server.closeLater(await SseClient.connect(server.clients, query, headers));
}
