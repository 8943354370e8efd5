// The screen and the sprites on it: they fly, slow down, bounce off walls, and leave where there is a
// door. Hands and keys throw them.
import { DRAWINGS, draw } from "./drawings.js";

export const SIDES = {
  north: { axis: "y", sign: -1, opposite: "south", key: "ArrowUp" },
  east: { axis: "x", sign: 1, opposite: "west", key: "ArrowRight" },
  south: { axis: "y", sign: 1, opposite: "north", key: "ArrowDown" },
  west: { axis: "x", sign: -1, opposite: "east", key: "ArrowLeft" },
};

const DRAG = 0.55; // of the speed that is lost in a second, as an exponent
const BOUNCE = 0.75;
const MAX_SPEED = 4000; // pixels a second
const MIN_SPEED = 12; // below that it rests
const ENTRY_SPEED = 320; // at least, so that what arrives gets in
const KEY_SPEED = 1100;
const FLICK_MS = 90; // of a hand's movement that count for the throw
const HIDDEN_TICK_MS = 100; // a page that nobody sees gets no frames

const across = (axis) => (axis === "x" ? "y" : "x");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const number = (value, limit) => (Number.isFinite(value) ? clamp(value, -limit, limit) : null);

// What came from another screen, if it is a sprite; else null.
export function readSprite(data) {
  const { id, kind, side, along, vx, vy, angle, spin, hops } = data ?? {};
  if (typeof id !== "string" || id.length > 64 || !DRAWINGS.has(kind) || !Object.hasOwn(SIDES, side)) return null;
  const sprite = {
    id, kind, side, along: number(along, 1), vx: number(vx, MAX_SPEED), vy: number(vy, MAX_SPEED),
    angle: number(angle, 360), spin: number(spin, 1440), hops: number(hops, 1e6),
  };
  return Object.values(sprite).includes(null) ? null : sprite;
}

export class Stage {
  doors = new Set(); // sides where there is somebody
  sprites = new Map();
  #root;
  #onLeave;
  #onChange;
  #running = false;
  #last = 0;
  #held = null;
  #top = 1;
  #drawn; // the size for which the places are
  #frame = 0;
  #timer = 0;
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  // onLeave(sprite, side) when one went through a door; onChange() when there are more or fewer.
  constructor(root, { onLeave, onChange }) {
    this.#root = root;
    this.#onLeave = onLeave;
    this.#onChange = onChange;
    this.#drawn = this.#size;
    root.addEventListener("pointerdown", (event) => this.#grab(event));
    root.addEventListener("pointermove", (event) => this.#drag(event));
    root.addEventListener("pointerup", (event) => this.#release(event));
    root.addEventListener("pointercancel", (event) => this.#release(event));
    root.addEventListener("keydown", (event) => this.#onKey(event));
    addEventListener("resize", () => this.#resize());
    document.addEventListener("visibilitychange", () => this.#running && this.#schedule());
  }

  get #size() {
    return { x: this.#root.clientWidth, y: this.#root.clientHeight };
  }

  // Everything keeps its place on the screen.
  #resize() {
    const size = this.#size;
    for (const sprite of this.sprites.values()) {
      sprite.radius = sprite.element.offsetWidth / 2;
      for (const axis of ["x", "y"]) sprite[axis] *= size[axis] / this.#drawn[axis];
    }
    this.#drawn = size;
    this.#wake();
  }

  // --- Coming and going

  #put(sprite) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "sprite";
    element.dataset.id = sprite.id;
    element.dataset.kind = sprite.kind;
    element.append(draw(sprite.kind));
    const far = sprite.hops ? `has seen ${sprite.hops} other screen${sprite.hops > 1 ? "s" : ""}` : "at home here";
    element.setAttribute("aria-label", `${DRAWINGS.get(sprite.kind).name}, ${far}. Arrow keys throw it`);
    Object.assign(sprite, { element, angle: sprite.angle ?? 0, spin: sprite.spin ?? 0 });
    this.#root.append(element);
    sprite.radius = element.offsetWidth / 2;
    this.sprites.set(sprite.id, sprite);
    this.#onChange();
    return sprite;
  }

  #paint({ element, radius, x, y, angle }) {
    element.style.transform = `translate(${x - radius}px, ${y - radius}px) rotate(${angle}deg)`;
  }

  // A new one, somewhere in the middle.
  add(kind, hops = 0) {
    const { x, y } = this.#size;
    const place = (length) => length * (0.25 + 0.5 * Math.random());
    const sprite = this.#put({ id: crypto.randomUUID?.() ?? String(Math.random()), kind, hops, vx: 0, vy: 0, x: place(x), y: place(y) });
    this.#paint(sprite);
    return sprite;
  }

  // One from another screen: from outside, at the same place along the edge, as fast as it was.
  arrive({ id, kind, side, along, vx, vy, angle, spin, hops }) {
    if (this.sprites.has(id)) return null;
    const { axis, sign } = SIDES[side];
    const sprite = this.#put({ id, kind, hops, vx, vy, angle, spin });
    const size = this.#size;
    sprite[axis] = sign < 0 ? -sprite.radius : size[axis] + sprite.radius;
    sprite[across(axis)] = clamp(along * size[across(axis)], sprite.radius, size[across(axis)] - sprite.radius);
    const speed = `v${axis}`;
    sprite[speed] = -sign * Math.max(Math.abs(sprite[speed]), ENTRY_SPEED);
    this.#paint(sprite);
    this.#wake();
    return sprite;
  }

  // What another screen has to know of it.
  describe({ id, kind, x, y, vx, vy, angle, spin, hops }, side) {
    const size = this.#size;
    const other = across(SIDES[side].axis);
    const round = (value) => Math.round(value * 1000) / 1000;
    return {
      id, kind, side: SIDES[side].opposite, along: round(clamp({ x, y }[other] / size[other], 0, 1)),
      vx: round(vx), vy: round(vy), angle: round(angle % 360), spin: round(spin), hops: hops + 1,
    };
  }

  // It could not leave: it comes back as if there had been a wall.
  comeBack(sprite, side) {
    const { axis } = SIDES[side];
    const back = this.describe(sprite, side);
    return this.arrive({ ...back, side, hops: sprite.hops, [`v${axis}`]: -sprite[`v${axis}`] });
  }

  remove(sprite) {
    const focused = document.activeElement === sprite.element;
    if (this.#held?.sprite === sprite) this.#held = null;
    this.sprites.delete(sprite.id);
    sprite.element.remove();
    if (focused) this.#root.querySelector(".sprite")?.focus();
    this.#onChange();
  }

  throw(sprite, vx, vy) {
    const speed = Math.hypot(vx, vy);
    const factor = speed > MAX_SPEED ? MAX_SPEED / speed : 1;
    Object.assign(sprite, { vx: vx * factor, vy: vy * factor, spin: this.#still.matches ? 0 : clamp(vx * 0.25, -720, 720) });
    this.#wake();
  }

  // --- Hands and keys

  #grab(event) {
    const sprite = this.sprites.get(event.target.closest(".sprite")?.dataset.id);
    if (!sprite || this.#held || event.button !== 0) return;
    this.#root.setPointerCapture(event.pointerId);
    this.#held = { sprite, pointer: event.pointerId, dx: sprite.x - event.clientX, dy: sprite.y - event.clientY, trail: [] };
    Object.assign(sprite, { vx: 0, vy: 0, spin: 0 });
    sprite.element.classList.add("held");
    sprite.element.style.zIndex = ++this.#top;
    sprite.element.focus({ preventScroll: true });
    this.#follow(event);
    event.preventDefault();
  }

  #follow({ clientX, clientY, timeStamp }) {
    const { sprite, dx, dy, trail } = this.#held;
    const size = this.#size;
    sprite.x = clamp(clientX + dx, 0, size.x);
    sprite.y = clamp(clientY + dy, 0, size.y);
    trail.push({ x: clientX, y: clientY, time: timeStamp });
    while (timeStamp - trail[0].time > FLICK_MS) trail.shift();
    this.#paint(sprite);
  }

  #drag(event) {
    if (event.pointerId === this.#held?.pointer) this.#follow(event);
  }

  #release(event) {
    if (event.pointerId !== this.#held?.pointer) return;
    const { sprite, trail } = this.#held;
    this.#held = null;
    sprite.element.classList.remove("held");
    const recent = trail.filter(({ time }) => event.timeStamp - time <= FLICK_MS);
    const first = recent[0];
    const last = recent.at(-1);
    const seconds = recent.length > 1 ? Math.max(last.time - first.time, 8) / 1000 : Infinity;
    this.throw(sprite, ((last?.x ?? 0) - (first?.x ?? 0)) / seconds, ((last?.y ?? 0) - (first?.y ?? 0)) / seconds);
  }

  #onKey(event) {
    const sprite = this.sprites.get(event.target.dataset?.id);
    if (!sprite) return;
    const side = Object.values(SIDES).find(({ key }) => key === event.key);
    if (event.key === "Delete" || event.key === "Backspace") this.remove(sprite);
    else if (side) this.throw(sprite, side.axis === "x" ? side.sign * KEY_SPEED : 0, side.axis === "y" ? side.sign * KEY_SPEED : 0);
    else return;
    event.preventDefault();
  }

  // --- Flying

  #wake() {
    if (this.#running) return;
    this.#running = true;
    this.#last = performance.now();
    this.#schedule();
  }

  #schedule() {
    const tick = () => this.#tick(performance.now());
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(tick, HIDDEN_TICK_MS);
    else this.#frame = requestAnimationFrame(tick);
  }

  #tick(now) {
    const seconds = Math.min((now - this.#last) / 1000, 0.25);
    const size = this.#size;
    this.#last = now;
    let moving = false;
    for (const sprite of [...this.sprites.values()]) {
      if (sprite === this.#held?.sprite) continue;
      moving = this.#move(sprite, seconds, size) || moving;
    }
    this.#running = moving;
    if (moving) this.#schedule();
  }

  // Is it still moving, and here?
  #move(sprite, seconds, size) {
    const drag = Math.exp(-DRAG * seconds);
    sprite.x += sprite.vx * seconds;
    sprite.y += sprite.vy * seconds;
    sprite.angle += sprite.spin * seconds;
    for (const name of ["vx", "vy", "spin"]) sprite[name] *= drag;
    if (Math.hypot(sprite.vx, sprite.vy) < MIN_SPEED) Object.assign(sprite, { vx: 0, vy: 0, spin: 0 });
    for (const [side, { axis, sign }] of Object.entries(SIDES)) {
      if (this.#edge(sprite, side, axis, sign, size[axis])) return false;
    }
    this.#paint(sprite);
    return sprite.vx !== 0 || sprite.vy !== 0;
  }

  // At an edge it bounces, unless there is a door. True if it left.
  #edge(sprite, side, axis, sign, length) {
    const speed = `v${axis}`;
    const beyond = sign * sprite[axis] - (sign > 0 ? length : 0) + sprite.radius; // of its rim
    if (beyond <= 0 || sprite[speed] * sign < 0) return false;
    if (this.doors.has(side) && sprite[speed] !== 0) {
      if (beyond < 2 * sprite.radius) return false;
      this.remove(sprite);
      this.#onLeave(sprite, side);
      return true;
    }
    sprite[axis] -= sign * beyond;
    sprite[speed] *= -BOUNCE;
    sprite.spin *= -BOUNCE;
    return false;
  }
}
