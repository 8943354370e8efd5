// What is known of an election night, and what follows from it. No page, no network.
//
// A night is a set of documents, each under a key: one per state that has been called, one per note,
// one for the night itself. The newest document of a key says all there is to be said about it, its
// past included. So whoever has the newest of each key shows the same night, however they came by
// it; and the newest of each key is what a room with the policy "conflate" keeps for latecomers.
//
//   night   { night, rev, title }                            `night` is when it began, in ms
//   state   { night, rev, state, log: [{ call, at, gone? }] }   call: a party, or null for uncalled
//   note    { night, rev, id, at, text, gone? }
//   note    { night, rev, id, at, rewind: { to, count } }    the desk went back
//
// `gone` is when something was taken back.
import { ALL_VOTES, MAJORITY, PARTIES, STATES } from "./states.js";

const LOG_MAX = 50;
const isTime = (value) => Number.isSafeInteger(value) && value > 0;

function isCall(entry) {
  return isTime(entry?.at) && (entry.call === null || Object.hasOwn(PARTIES, entry.call));
}

function isNote({ id, at, text, rewind }) {
  if (typeof id !== "string" || !isTime(at)) return false;
  return rewind ? Number.isSafeInteger(rewind.to) && Number.isSafeInteger(rewind.count)
    : typeof text === "string";
}

// The key of a document; null if it is none. Whoever may publish may publish anything.
export function keyOf(kind, document) {
  if (!isTime(document?.night) || !Number.isSafeInteger(document.rev)) return null;
  switch (kind) {
    case "night":
      return typeof document.title === "string" ? "night" : null;
    case "state":
      return STATES.has(document.state) && Array.isArray(document.log) && document.log.every(isCall)
        ? `state:${document.state}` : null;
    case "note":
      return isNote(document) ? `note:${document.id}` : null;
  }
  return null;
}

export const kindOf = (key) => key.split(":")[0];

export class Night {
  id = 0; // 0: none has begun
  documents = new Map();

  // Takes a document in; the key if that changed anything, or else null.
  accept(kind, document) {
    const key = keyOf(kind, document);
    if (key === null || document.night < this.id) return null;
    if (document.night > this.id) {
      this.id = document.night;
      this.documents.clear();
    }
    const known = this.documents.get(key);
    if (known && (known.rev > document.rev || JSON.stringify(known) === JSON.stringify(document)))
      return null;
    this.documents.set(key, document);
    return key;
  }

  get title() {
    return this.documents.get("night")?.title ?? "Election night";
  }

  #log(state) {
    return this.documents.get(`state:${state}`)?.log ?? [];
  }

  // How a state stood at a time: a party, or null.
  callOf(state, time = Infinity) {
    return this.#log(state).filter(({ at, gone }) => at <= time && !(gone <= time)).at(-1)?.call ?? null;
  }

  // State to party, of those that were called at a time.
  calls(time = Infinity) {
    const calls = new Map();
    for (const state of STATES.keys()) {
      const call = this.callOf(state, time);
      if (call !== null) calls.set(state, call);
    }
    return calls;
  }

  // What happened to a state, oldest first.
  history(state) {
    let was = null;
    return this.#log(state).map(({ call, at, gone }) => {
      const entry = { id: `${state}:${at}`, kind: "call", state, call, was, at, gone };
      if (!gone) was = call;
      return entry;
    });
  }

  // Everything that happened, oldest first.
  timeline() {
    if (this.id === 0) return [];
    const entries = [...STATES.keys()].flatMap((state) => this.history(state));
    entries.push({ id: "begin", kind: "begin", at: this.id });
    for (const [key, document] of this.documents) {
      if (kindOf(key) !== "note") continue;
      const { id, at, gone, text, rewind } = document;
      entries.push({ id: `note:${id}`, note: id, kind: rewind ? "rewind" : "note", at, gone, text, rewind });
    }
    return entries.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  // --- The desk's side: each of these makes documents, which take effect once they are accepted.

  // A time for what happens now: after everything else, even if a clock was set back.
  now() {
    const last = this.timeline().reduce((newest, { at, gone = 0 }) => Math.max(newest, at, gone), this.id);
    return Math.max(Date.now(), last + 1);
  }

  begin(title) {
    return [["night", { night: Math.max(Date.now(), this.id + 1), rev: 1, title }]];
  }

  #revised(key, changes) {
    const old = this.documents.get(key);
    return { ...old, night: this.id, rev: (old?.rev ?? 0) + 1, ...changes };
  }

  call(state, call) {
    if (this.callOf(state) === call) return [];
    const log = [...this.#log(state), { call, at: this.now() }].slice(-LOG_MAX);
    return [["state", this.#revised(`state:${state}`, { state, log })]];
  }

  note(text) {
    const at = this.now();
    return [["note", this.#revised(`note:${at}`, { id: String(at), at, text })]];
  }

  removeNote(id) {
    return [["note", this.#revised(`note:${id}`, { gone: this.now() })]];
  }

  // The calls that a rewind to that time would take back.
  callsAfter(time) {
    return this.timeline().filter(({ kind, at, gone }) => kind === "call" && at > time && !gone);
  }

  rewind(time) {
    const gone = this.now();
    const late = this.callsAfter(time);
    const changed = [...new Set(late.map(({ state }) => state))].map((state) => {
      const log = this.#log(state).map((entry) => (entry.at > time && !entry.gone ? { ...entry, gone } : entry));
      return ["state", this.#revised(`state:${state}`, { log })];
    });
    if (changed.length === 0) return [];
    const about = { id: String(gone), at: gone, rewind: { to: time, count: late.length } };
    return [...changed, ["note", this.#revised(`note:${gone}`, about)]];
  }
}

// Votes per party of a map, and who has won with them.
export function tally(calls) {
  const votes = Object.fromEntries(Object.keys(PARTIES).map((party) => [party, 0]));
  for (const [state, party] of calls) votes[party] += STATES.get(state).votes;
  const winner = Object.keys(PARTIES).find((party) => votes[party] >= MAJORITY) ?? null;
  const open = ALL_VOTES - Object.values(votes).reduce((sum, n) => sum + n, 0);
  return { votes, winner, open };
}
