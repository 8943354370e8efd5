// A connection to a room that survives whatever happens to the network.
//
// All that has to be remembered is the cursor, the number of the last message: with it, the server
// sends what was missed, and says so (`gap`) if it no longer has it. The cursor is the same by every
// transport, so where no WebSocket gets through, an EventSource goes on from the same place.

const RETRY_MIN = 500;
const RETRY_MAX = 10_000;
const PROBE_EVERY = 20_000; // a dead network says nothing; so ask
const PROBE_TIMEOUT = 4_000;
const QUIET = 400; // after so long without a message, an EventSource has caught up

const address = (path) => new URL(`../${path}`, import.meta.url);

function query(url, room, cursor) {
  url.searchParams.set("room", room);
  url.searchParams.set("since", cursor);
  return url;
}

// Each way calls to.hello(), to.message(seq, event, data), to.gap(), to.caughtUp() and to.lost(),
// and returns { close(), probe() }.
function overWebSocket({ room, cursor }, to) {
  const url = query(address("ws"), room, cursor);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, "stentor.json");
  const ask = (id) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type: "ping", id }));
  let answer = 0;
  const heard = () => clearTimeout(answer);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    heard();
    if (message.type === "hello") {
      to.hello();
      ask("caught up"); // answered behind what was missed
    } else if (message.type === "message") {
      to.message(message.seq, message.event, message.data);
    } else if (message.type === "gap" && message.room === room) {
      to.gap();
    } else if (message.type === "pong" && message.id === "caught up") {
      to.caughtUp();
    }
  };
  socket.onclose = () => to.lost();
  return {
    close() {
      heard();
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
    probe() {
      heard();
      answer = setTimeout(() => to.lost(), PROBE_TIMEOUT);
      ask("probe");
    },
  };
}

function overEvents({ room, cursor, events }, to) {
  const source = new EventSource(query(address("events"), room, cursor));
  let quiet = 0;
  const wait = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => to.caughtUp(), QUIET);
  };
  source.addEventListener("hello", () => {
    to.hello();
    wait();
  });
  for (const name of events) {
    source.addEventListener(name, ({ data, lastEventId }) => {
      to.message(Number(lastEventId), name, JSON.parse(data));
      wait();
    });
  }
  source.addEventListener("gap", ({ data }) => JSON.parse(data).room === room && to.gap());
  source.onerror = () => to.lost();
  return {
    close() {
      clearTimeout(quiet);
      source.close();
    },
    probe() {}, // an event stream cannot be asked; its end is told by the system
  };
}

const WAYS = [
  { name: "WebSocket", open: overWebSocket },
  { name: "event stream", open: overEvents },
];

export class Feed {
  state = "connecting"; // connecting, catching up, live, lost
  since = Date.now(); // when that began
  #cursor = 0;
  #way = 0;
  #link = null;
  #retry = RETRY_MIN;
  #failed = 0; // in a row, without a pause
  #timer = 0;
  #handlers;
  #settings;

  // handlers: state(), message(event, data), fresh() before everything is sent again from the
  // beginning, and caughtUp(fresh).
  constructor(room, events, handlers) {
    this.#settings = { room, events };
    this.#handlers = handlers;
  }

  get transport() {
    return WAYS[this.#way].name;
  }

  start() {
    setInterval(() => this.#link?.probe(), PROBE_EVERY);
    addEventListener("offline", () => this.#link?.probe());
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#open();
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    this.#handlers.state();
  }

  #open() {
    const fresh = this.#cursor === 0;
    let greeted = false;
    if (fresh) this.#handlers.fresh();
    this.#link = WAYS[this.#way].open({ ...this.#settings, cursor: this.#cursor }, {
      hello: () => {
        greeted = true;
        this.#failed = 0;
        this.#retry = RETRY_MIN;
        this.#become("catching up");
      },
      message: (seq, event, data) => {
        this.#cursor = seq;
        this.#handlers.message(event, data);
      },
      // Something is missing. The room has the newest of each key, so take everything anew.
      gap: () => {
        if (fresh) return;
        this.#cursor = 0;
        this.#reopen();
      },
      caughtUp: () => {
        if (this.state === "live") return;
        this.#become("live");
        this.#handlers.caughtUp(fresh);
      },
      lost: () => (greeted ? this.#lose() : this.#tryOther()),
    });
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#link?.close();
    this.#link = null;
  }

  #reopen() {
    this.#drop();
    this.#open();
  }

  // This way does not get through; perhaps the other one does.
  #tryOther() {
    this.#way = (this.#way + 1) % WAYS.length;
    this.#failed++;
    if (this.#failed < WAYS.length) this.#reopen();
    else this.#lose();
  }

  #lose() {
    this.#drop();
    this.#failed = 0;
    this.#become("lost");
    // Spread over time, so that not all pages come back in the same moment.
    this.#timer = setTimeout(() => this.#open(), this.#retry * (0.5 + Math.random()));
    this.#retry = Math.min(this.#retry * 2, RETRY_MAX);
  }

  // The network may be back, or the page is looked at again.
  #hurry() {
    if (this.#link) this.#link.probe();
    else this.#reopen();
  }
}
