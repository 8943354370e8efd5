// The viewers' page: the map, the tally and the time line, live or as they were at an earlier time.
import { Feed } from "./feed.js";
import { showLink } from "./link.js";
import { StateMap, describe } from "./map.js";
import { Night } from "./night.js";
import { STATES } from "./states.js";
import { Tally, score } from "./tally.js";
import { Timeline, clock, plural, words } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const night = new Night();
const map = new StateMap($("map"), () => showState());
const tally = new Tally($("tally"));
const timeline = new Timeline($("timeline"));

let until = null; // the time that is looked at; null: now
let joined = false; // has everything come once?
let heard = false; // has anything of this night come since the server last sent all that it has?
let told = new Set(); // entries that have been announced
let scheduled = 0;

// --- What is seen

function showState() {
  const state = STATES.get(map.selected);
  if (!state) return;
  $("state-name").textContent = describe(state, night.callOf(state.id, until ?? Infinity));
  const past = night.history(state.id).map((entry) => {
    const item = document.createElement("li");
    item.textContent = `${clock(entry.at)} ${words(entry)[0]}`;
    if (entry.gone) item.className = "gone";
    return item;
  });
  $("state-past").replaceChildren(...past);
  $("state").hidden = false;
}

function showScrubber(entries) {
  const moments = entries.filter(({ at }) => at <= (until ?? Infinity)).length;
  $("scrubber").max = entries.length;
  $("scrubber").value = until === null ? entries.length : moments;
  $("scrubber").disabled = entries.length < 2;
  const text = until === null ? "Now" : `As it was at ${clock(until, true)}`;
  $("moment").textContent = text;
  $("scrubber").setAttribute("aria-valuetext", text);
  const newer = entries.length - moments;
  $("live").hidden = until === null;
  $("live").textContent = newer > 0 ? `Back to now (${newer} newer)` : "Back to now";
  document.body.classList.toggle("past", until !== null);
}

function showNotice() {
  let text = "";
  if (feed.state === "lost" && !joined) text = "The server cannot be reached. The page goes on by itself.";
  else if (feed.state === "lost") text = `This is what was known at ${clock(feed.since, true)}. The page goes on by itself.`;
  else if (joined && night.id === 0) text = "The desk has not begun the night yet. This page fills by itself.";
  else if (joined && !heard) text = "The server was restarted. This is what was known before; the desk has not come back yet.";
  $("notice").textContent = text;
  $("notice").hidden = text === "";
}

function render(still = false) {
  scheduled = 0;
  const entries = night.timeline();
  const calls = night.calls(until ?? Infinity);
  $("title").textContent = night.title;
  map.show(calls, { still });
  tally.show(calls);
  timeline.show(entries, until ?? Infinity);
  $("empty").hidden = entries.length > 0;
  showScrubber(entries);
  showState();
  showNotice();
  announce(entries);
}

// What comes together is shown together; what was missed, once all of it is here.
function schedule() {
  if (!scheduled && feed.state === "live") scheduled = setTimeout(render, 0);
}

// --- What is heard

function announce(entries) {
  if (!joined) return;
  const news = entries.filter(({ id, gone }) => !told.has(id) && !gone);
  for (const { id } of entries) told.add(id);
  if (news.length === 0) return;
  const calls = night.calls();
  const what = news.length > 3 ? `${plural(news.length, "new entry", "new entries")}` : news.map((entry) => words(entry).join(", ")).join(". ");
  $("announcer").textContent = `${what}. ${score(calls)}.`;
}

function welcome() {
  joined = true;
  const calls = night.calls();
  told = new Set(night.timeline().map(({ id }) => id));
  if (night.id) $("announcer").textContent = `${plural(calls.size, "state")} called so far. ${score(calls)}.`;
}

// --- What comes

const feed = new Feed("map-center", ["night", "state", "note"], {
  state() {
    showLink($("link"), feed);
    document.body.dataset.link = feed.state;
    if (feed.state === "lost") render();
    else showNotice();
  },
  message(kind, document) {
    if (document?.night >= night.id) heard = true;
    if (night.accept(kind, document)) schedule();
    else showNotice();
  },
  fresh() {
    heard = false;
  },
  caughtUp() {
    const first = !joined;
    if (first) welcome();
    render(first);
  },
});

// --- What the viewer does

function lookAt(index) {
  const entries = night.timeline();
  until = index >= entries.length ? null : entries[index - 1].at;
  render();
}

$("scrubber").addEventListener("input", ({ target }) => lookAt(Number(target.value)));
$("live").addEventListener("click", () => {
  lookAt(Infinity);
  $("scrubber").focus();
});

showLink($("link"), feed);
render(true);
feed.start();
