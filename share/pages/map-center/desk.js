// The broadcaster's desk: calls states, posts notes, takes back.
import { Broadcaster } from "./broadcaster.js";
import { Feed } from "./feed.js";
import { showLink } from "./link.js";
import { StateMap } from "./map.js";
import { PARTIES, STATES } from "./states.js";
import { Tally } from "./tally.js";
import { Timeline, clock, plural, words } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const desk = new Broadcaster(() => schedule());
const map = new StateMap($("map"), () => render());
const tally = new Tally($("tally"));
const timeline = new Timeline($("timeline"), actionsOf);

let scheduled = 0;
let rewindTo = null;
let lastCall = 0; // when it was made
let asked = false; // for the key

// --- What is seen

function statusText() {
  const waiting = plural(desk.pending.length, "change");
  switch (desk.status.kind) {
    case "key":
      return `Not on air: a key is needed. ${waiting} waiting.`;
    case "failed":
      return `Not on air: ${desk.status.message}. ${waiting} waiting; trying again.`;
    case "sending":
      return "Sending";
    case "air": {
      const { viewers, ms, count } = desk.status;
      return `On air: ${plural(count, "change")} sent to ${plural(viewers, "viewer")} in ${ms} ms`;
    }
  }
  return desk.pending.length > 0 ? `Not on air yet: ${waiting} waiting` : "";
}

function showState() {
  const state = STATES.get(map.selected);
  const call = state ? desk.night.callOf(state.id) : null;
  $("state-name").textContent = state ? state.name : "Choose a state";
  $("state-votes").textContent = state ? plural(state.votes, "vote") : "On the map, or by typing its name there";
  for (const button of document.querySelectorAll("[data-to]")) {
    button.disabled = !state || desk.night.id === 0;
    button.setAttribute("aria-pressed", String(Boolean(state) && (call ?? "") === button.dataset.to));
  }
}

function actionsOf(entry) {
  const actions = [];
  const text = words(entry)[0];
  if (entry.kind === "note") actions.push(["Remove", `Remove the note: ${text}`, () => desk.apply(desk.night.removeNote(entry.note))]);
  if (entry.at < lastCall) actions.push(["Back to here", `Back to ${clock(entry.at)}: ${text}`, () => askRewind(entry.at)]);
  return actions;
}

function render() {
  clearTimeout(scheduled);
  scheduled = 0;
  const calls = desk.night.calls();
  lastCall = desk.night.callsAfter(0).at(-1)?.at ?? 0;
  $("title").textContent = desk.night.id ? desk.night.title : "No night has begun";
  $("air").textContent = statusText();
  $("air").dataset.kind = desk.status.kind;
  $("begin").textContent = desk.night.id ? "New night" : "Begin the night";
  $("begin").classList.toggle("main", desk.night.id === 0);
  $("undo").disabled = lastCall === 0;
  for (const field of $("note-form").elements) field.disabled = desk.night.id === 0;
  map.show(calls);
  tally.show(calls);
  timeline.show(desk.night.timeline());
  showState();
  askKey();
}

// Once each time that it turns out to be needed: whoever closes the dialog may go on without.
function askKey() {
  const needed = desk.status.kind === "key";
  if (needed && !asked && !document.querySelector("dialog[open]")) $("key-dialog").showModal();
  asked = needed && (asked || $("key-dialog").open);
}

function schedule() {
  if (!scheduled && feed.state !== "catching up") scheduled = setTimeout(render, 0);
}

// --- What the broadcaster does

function call(to) {
  if (!map.selected || desk.night.id === 0) return;
  desk.apply(desk.night.call(map.selected, to || null));
}

for (const button of document.querySelectorAll("[data-to]")) {
  const party = PARTIES[button.dataset.to];
  if (party) button.querySelector("span").textContent = `${party.mark} ${party.candidate}`;
  button.addEventListener("click", () => call(button.dataset.to));
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea") || event.ctrlKey || event.altKey || event.metaKey) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button && !document.querySelector("dialog[open]")) button.click();
});

$("note-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("note").value.trim();
  if (text === "") return;
  desk.apply(desk.night.note(text));
  $("note").value = "";
});

function askRewind(time) {
  const calls = desk.night.callsAfter(time);
  const names = [...new Set(calls.map(({ state }) => STATES.get(state).name))].join(", ");
  rewindTo = time;
  $("rewind-text").textContent = `${plural(calls.length, "call")} made after ${clock(time, true)} will be withdrawn: ${names}. Every viewer sees it at once.`;
  $("rewind-dialog").showModal();
}

$("undo").addEventListener("click", () => askRewind(lastCall - 1));
$("begin").addEventListener("click", () => $("begin-dialog").showModal());

function onClose(id, act) {
  $(id).addEventListener("close", () => {
    const { returnValue } = $(id);
    $(id).returnValue = "";
    act(returnValue);
  });
}

onClose("rewind-dialog", (answer) => answer === "yes" && desk.apply(desk.night.rewind(rewindTo)));
onClose("begin-dialog", (answer) => answer === "yes" && desk.apply(desk.night.begin($("night-title").value.trim() || "Election night")));
onClose("saved-dialog", (answer) => answer === "yes" && desk.restore());
onClose("key-dialog", (answer) => answer === "yes" && (desk.key = $("key").value));
for (const button of document.querySelectorAll("dialog [data-cancel]")) {
  button.addEventListener("click", () => button.closest("dialog").close(""));
}

function askSaved() {
  $("saved-text").textContent = `The server has no night. This browser has one: ${desk.saved.title}, begun ${new Date(desk.saved.id).toLocaleString()}, with ${plural(desk.saved.calls().size, "state")} called.`;
  $("saved-dialog").showModal();
}

addEventListener("beforeunload", (event) => {
  if (desk.pending.length > 0) event.preventDefault();
});

// --- What comes

const feed = new Feed("map-center", ["night", "state", "note"], {
  state() {
    showLink($("link"), feed);
    schedule();
  },
  message: (kind, document) => desk.heard(kind, document),
  fresh: () => desk.fresh(),
  caughtUp() {
    if (desk.caughtUp()) askSaved();
    schedule();
  },
});

// The key comes behind the # of the address, which no server sees; and it does not stay there, where
// everybody who looks at the screen would see it.
if (location.hash.length > 1) {
  desk.key = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
showLink($("link"), feed);
render();
feed.start();
