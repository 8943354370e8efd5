// The other screens: all open pages are cells of a grid, and each knows its four neighbours. What
// is thrown over an edge is sent to whoever is there, by a name for the direction, not for the screen.
//
// The connection is socket.io-client's, unmodified, by the transport that the page is told to use.
import { SIDES, readSprite } from "./stage.js";

const ROOM = "sprites";
const PROBE_EVERY = 2000;
const ANSWER_TIMEOUT = 8000;
const path = new URL("../socket.io/", import.meta.url).pathname;

export class Screens {
  state = "connecting"; // live, lost, refused
  reason = ""; // of a refusal
  id = null;
  cell = null;
  neighbours = {}; // side to the session there
  members = null; // how many screens there are
  #socket = null;
  #handlers;

  // handlers: change() of anything above, sprite(sprite), latency(ms)
  constructor(handlers) {
    this.#handlers = handlers;
    setInterval(() => this.#probe(), PROBE_EVERY);
  }

  connect(transport) {
    this.#socket?.disconnect();
    this.#become("connecting");
    const socket = (this.#socket = window.io({ path, transports: [transport], forceNew: true, reconnectionDelayMax: 5000 }));
    socket.on("connect", () => this.#join(socket));
    socket.on("disconnect", () => socket === this.#socket && this.#become("lost"));
    socket.on("connect_error", () => socket === this.#socket && this.#become("lost"));
    // What has a sender comes from another client, which may say what it wants.
    socket.on("neighbours", (place, { from } = {}) => from === undefined && this.#settle(place));
    socket.on("sprite", (data) => {
      const sprite = readSprite(data);
      if (sprite) this.#handlers.sprite(sprite);
    });
  }

  #become(state) {
    this.state = state;
    if (state !== "live") Object.assign(this, { cell: null, neighbours: {}, members: null, id: null });
    this.#handlers.change();
  }

  #join(socket) {
    this.id = socket.id;
    const start = performance.now();
    socket.emit("join", ROOM, (answer) => {
      if (socket !== this.#socket || !socket.connected) return;
      if (!answer.ok || !answer.cell) {
        this.reason = answer.error ?? "the room is none";
        this.#become("refused");
        return;
      }
      this.state = "live";
      this.#handlers.latency(performance.now() - start);
      this.#settle({ room: ROOM, cell: answer.cell, members: answer.members, ...answer.neighbours });
    });
  }

  #settle({ room, cell, members = this.members, ...others }) {
    if (room !== ROOM || this.state !== "live") return;
    Object.assign(this, { cell, members });
    this.neighbours = {};
    for (const side of Object.keys(SIDES)) {
      if (others[side]) this.neighbours[side] = others[side];
    }
    this.#handlers.change();
  }

  #send(message) {
    return new Promise((resolve) => {
      this.#socket.timeout(ANSWER_TIMEOUT).emit("send", message, (late, answer) => {
        resolve(late ? { ok: false, error: "no answer" } : answer);
      });
    });
  }

  // Resolves to { ok, error }: is it with the neighbour?
  throw(side, sprite) {
    return this.#send({ room: ROOM, to: side, event: "sprite", data: sprite });
  }

  // Whoever is in a grid and joins it again is told again where, which takes as long as everything
  // else that is asked of the server; and how many there are, which nobody is told by itself.
  #probe() {
    if (this.state === "live") this.#join(this.#socket);
  }
}
