// The map: a button for each state. One of them is in the tab order; arrow keys go on from there,
// and so does typing the beginning of a state's code or name.
import { PARTIES, STATES } from "./states.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TYPING_PAUSE = 800;

function part(name, text = "") {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

export function describe({ name, votes }, call) {
  const how = call ? `called for ${PARTIES[call].candidate}, ${PARTIES[call].name}` : "not called";
  return `${name}, ${votes} votes, ${how}`;
}

// The nearest state in a direction: straight on if possible.
function neighbour(from, [dx, dy]) {
  let best = null;
  let least = Infinity;
  for (const state of STATES.values()) {
    const along = (state.x - from.x) * dx + (state.y - from.y) * dy;
    const aside = Math.abs((state.x - from.x) * dy + (state.y - from.y) * dx);
    if (along > 0 && along + 3 * aside < least) [best, least] = [state, along + 3 * aside];
  }
  return best;
}

export class StateMap {
  selected = null;
  #tiles = new Map();
  #typed = "";
  #typedAt = 0;
  #onSelect;

  constructor(root, onSelect) {
    this.#onSelect = onSelect;
    for (const state of STATES.values()) {
      const tile = document.createElement("button");
      tile.type = "button";
      tile.className = "tile";
      tile.dataset.state = state.id;
      tile.dataset.call = "";
      tile.tabIndex = this.#tiles.size === 0 ? 0 : -1;
      tile.style.gridColumn = state.x + 1;
      tile.style.gridRow = state.y + 1;
      const below = part("below");
      below.append(part("mark"), part("votes", state.votes));
      tile.append(part("code", state.id), below);
      this.#tiles.set(state.id, tile);
      root.append(tile);
    }
    root.addEventListener("click", ({ target }) => this.select(target.closest(".tile")?.dataset.state));
    root.addEventListener("focusin", ({ target }) => this.#moveTabStop(target));
    root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  select(id) {
    if (!id) return;
    if (this.selected) this.#tiles.get(this.selected).removeAttribute("aria-current");
    this.selected = id;
    this.#tiles.get(id).setAttribute("aria-current", "true");
    this.#onSelect(id);
  }

  focus(id) {
    this.#tiles.get(id).focus();
  }

  #moveTabStop(target) {
    for (const tile of this.#tiles.values()) tile.tabIndex = tile === target ? 0 : -1;
  }

  #onKey(event) {
    const state = STATES.get(event.target.dataset.state);
    if (!state || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = event.key in STEPS ? neighbour(state, STEPS[event.key]) : this.#typeAhead(event.key);
    if (!next) return;
    event.preventDefault();
    this.focus(next.id);
    this.select(next.id);
  }

  #typeAhead(key) {
    if (!/^[a-z]$/i.test(key)) return null;
    const now = performance.now();
    this.#typed = (now - this.#typedAt < TYPING_PAUSE ? this.#typed : "") + key.toLowerCase();
    this.#typedAt = now;
    const all = [...STATES.values()];
    return all.find(({ id }) => id.toLowerCase() === this.#typed)
      ?? all.find(({ name }) => name.toLowerCase().startsWith(this.#typed));
  }

  // Shows a map; what changed since the last one moves.
  show(calls, { still = false } = {}) {
    for (const [id, tile] of this.#tiles) {
      const call = calls.get(id) ?? "";
      tile.setAttribute("aria-label", describe(STATES.get(id), call));
      if (tile.dataset.call === call) continue;
      tile.dataset.call = call;
      tile.querySelector(".mark").textContent = call ? PARTIES[call].mark : "";
      tile.classList.remove("changed");
      if (still) continue;
      void tile.offsetWidth; // so that the animation begins again
      tile.classList.add("changed");
    }
  }
}
