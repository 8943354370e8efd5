// The page: sprites on this screen, doors to the others.
import { DRAWINGS, draw } from "./drawings.js";
import { Screens } from "./screens.js";
import { SIDES, Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const AT_START = 3;
const MOST = 30; // may be made here
const SAMPLES = 40;
const LAST = 5;

const counts = { thrown: 0, caught: 0, "on the way": 0 };
const latencies = [];

const stage = new Stage($("stage"), { onLeave: leave, onChange: showCounts });
const screens = new Screens({ change: showScreens, sprite: arrive, latency: showLatency });

// --- Throwing and catching

async function leave(sprite, side) {
  counts["on the way"]++;
  showCounts();
  const { ok, error } = await screens.throw(side, stage.describe(sprite, side));
  counts["on the way"]--;
  if (ok) counts.thrown++;
  else {
    stage.comeBack(sprite, side);
    announce(`The ${nameOf(sprite)} came back: ${error}`);
  }
  showCounts();
}

function arrive(sprite) {
  if (!stage.arrive(sprite)) return;
  counts.caught++;
  announce(`A ${nameOf(sprite)} came from the ${sprite.side}`);
  showCounts();
}

const nameOf = ({ kind }) => DRAWINGS.get(kind).name.toLowerCase();

// --- What is seen and heard

function announce(text) {
  $("announcer").textContent = text;
}

function showCounts() {
  $("here").textContent = stage.sprites.size;
  $("thrown").textContent = counts.thrown;
  $("caught").textContent = counts.caught;
  $("stage").dataset.onTheWay = counts["on the way"];
  for (const button of $("shelf").children) button.disabled = stage.sprites.size >= MOST;
}

// Each screen has a colour, which everybody works out from its id.
function hueOf(id) {
  let hash = 7;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash * 137) % 360;
}

function showLink() {
  const text = {
    connecting: "Connecting",
    live: `Live by ${transport() === "polling" ? "long-polling" : "WebSocket"}`,
    lost: "No connection; trying again",
    refused: `This server has no grid of screens: ${screens.reason}`,
  }[screens.state];
  $("link").dataset.state = screens.state === "refused" ? "lost" : screens.state;
  $("link").textContent = text;
}

function showScreens() {
  const open = Object.keys(screens.neighbours);
  stage.doors = new Set(open);
  showLink();
  for (const side of Object.keys(SIDES)) {
    const id = screens.neighbours[side];
    for (const element of document.querySelectorAll(`[data-side="${side}"]`)) {
      element.classList.toggle("open", Boolean(id));
      if (id) element.style.setProperty("--hue", hueOf(id));
    }
  }
  if (screens.id) document.body.style.setProperty("--hue", hueOf(screens.id));
  $("cell").textContent = screens.cell ? `${screens.cell.x}, ${screens.cell.y}` : "–";
  $("members").textContent = screens.members ?? "–";
  $("neighbourhood").textContent = open.length > 0 ? `Neighbours: ${open.join(", ")}` : "No neighbours yet";
  $("alone").hidden = screens.state !== "live" || open.length > 0;
}

// The line shows each, the number the middle one of the last few.
function showLatency(ms) {
  latencies.push(ms);
  if (latencies.length > SAMPLES) latencies.shift();
  const last = latencies.slice(-LAST).sort((a, b) => a - b);
  const middle = last[last.length >> 1];
  const most = Math.max(...latencies, 10);
  const points = latencies.map((value, i) => `${(100 * i) / (SAMPLES - 1)},${30 - (28 * value) / most}`);
  $("spark").setAttribute("points", points.join(" "));
  $("latency").textContent = middle < 10 ? middle.toFixed(1) : Math.round(middle);
}

// --- What the visitor does

const transport = () => document.querySelector("[name=transport]:checked").value;

function connect() {
  const url = new URL(location);
  url.searchParams.set("transport", transport());
  history.replaceState(null, "", url);
  latencies.length = 0;
  screens.connect(transport());
}

for (const kind of DRAWINGS.keys()) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Make a ${nameOf({ kind })}`);
  button.append(draw(kind));
  button.addEventListener("click", () => stage.add(kind).element.focus());
  $("shelf").append(button);
}
for (const input of document.querySelectorAll("[name=transport]")) {
  input.checked = input.value === (new URLSearchParams(location.search).get("transport") === "polling" ? "polling" : "websocket");
  input.addEventListener("change", connect);
}

const kinds = [...DRAWINGS.keys()].sort(() => Math.random() - 0.5);
for (const kind of kinds.slice(0, AT_START)) stage.add(kind);
connect();
