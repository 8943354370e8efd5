// What the desk has done, and what of it is on air.
//
// The desk is where the night is kept: in this browser, written down before it is sent. The server
// has the newest of each document for whoever asks, as long as it runs. So all that is ever to be
// done is to publish what the server does not have: a new call, what could not be sent while the
// network was away, and after a restart of the server everything.
import { Night, keyOf, kindOf } from "./night.js";

const ROOM = "map-center";
const PUBLISH = new URL("../publish", import.meta.url);
const AT_ONCE = 500;
const RETRY = 2000;
const SAVED = "map-center.night";
const KEY = "map-center.key";

const version = ({ night, rev }) => `${night}/${rev}`;

function readSaved() {
  const night = new Night();
  try {
    for (const [kind, document] of JSON.parse(localStorage.getItem(SAVED)) ?? []) night.accept(kind, document);
  } catch {
    // what cannot be read was not written here
  }
  return night;
}

export class Broadcaster {
  night = new Night();
  saved = readSaved();
  status; // kind: key (is needed), ready, sending, failed (message), air (viewers, ms, count)
  #aired = new Map(); // key to what the server has: night and revision
  #key = sessionStorage.getItem(KEY) ?? "";
  #open = false; // is it known what the server has?
  #sending = false;
  #timer = 0;
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    this.status = { kind: this.#key ? "ready" : "key" };
  }

  #become(status) {
    this.status = status;
    this.#onChange();
  }

  // --- The key: kept for this tab alone.

  set key(key) {
    this.#key = key;
    sessionStorage.setItem(KEY, key);
    this.#become({ kind: "ready" });
    this.sync();
  }

  #post(documents) {
    const body = documents.map(([key, document]) => ({ room: ROOM, event: kindOf(key), key, data: document }));
    return fetch(PUBLISH, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  // --- What the server has, as the feed tells.

  fresh() {
    this.#aired.clear();
  }

  heard(kind, document) {
    const key = keyOf(kind, document);
    if (key === null) return;
    if (this.night.accept(kind, document)) this.#save();
    this.#aired.set(key, version(document));
    this.#onChange();
  }

  // The server has told all it has. True if it has nothing, but this browser has a night: whether that
  // is this night, only a person knows.
  caughtUp() {
    const first = !this.#open;
    this.#open = true;
    if (first && this.night.id === 0 && this.saved.id > 0) return true;
    if (first && this.saved.id >= this.night.id) this.restore();
    this.sync();
    return false;
  }

  restore() {
    this.apply([...this.saved.documents].map(([key, document]) => [kindOf(key), document]));
  }

  // --- What the desk does

  apply(documents) {
    for (const [kind, document] of documents) this.night.accept(kind, document);
    this.#save();
    this.sync();
    this.#onChange();
  }

  #save() {
    const documents = [...this.night.documents].map(([key, document]) => [kindOf(key), document]);
    localStorage.setItem(SAVED, JSON.stringify(documents));
  }

  get pending() {
    return [...this.night.documents].filter(([key, document]) => this.#aired.get(key) !== version(document));
  }

  async sync() {
    clearTimeout(this.#timer);
    const documents = this.pending.slice(0, AT_ONCE);
    if (!this.#open || this.#sending || documents.length === 0) return;
    this.#sending = true;
    this.#become({ kind: "sending" });
    const status = await this.#send(documents);
    this.#sending = false;
    this.#become(status);
    if (status.kind === "air") this.sync();
    else if (status.kind === "failed") this.#timer = setTimeout(() => this.sync(), RETRY);
  }

  async #send(documents) {
    const start = performance.now();
    try {
      const answer = await this.#post(documents);
      const body = await answer.json();
      if (answer.status === 401) return { kind: "key" };
      if (!answer.ok) return { kind: "failed", message: body.message };
      for (const [key, document] of documents) this.#aired.set(key, version(document));
      const viewers = Math.max(body.at(-1).clients - 1, 0); // this page is one of them
      return { kind: "air", viewers, ms: Math.round(performance.now() - start), count: documents.length };
    } catch {
      return { kind: "failed", message: "the server cannot be reached" };
    }
  }
}
