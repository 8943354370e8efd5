// The welcome page: listens to one room over the native protocol, and shows what comes.
// After a lost connection it goes on where it was (`since`), so nothing is missed.

const MAX_SHOWN = 200;
const $ = (id) => document.getElementById(id);

let socket = null;
let room = new URLSearchParams(location.search).get("room") || "news";
let since = null;
let retry = 500;

function setState(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
}

function show(label, text) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const name = document.createElement("strong");
  const body = document.createElement("code");
  time.textContent = new Date().toLocaleTimeString([], { hour12: false });
  name.textContent = label;
  body.textContent = text;
  item.append(time, name, body);
  $("messages").prepend(item);
  $("empty").hidden = true;
  while ($("messages").children.length > MAX_SHOWN) $("messages").lastChild.remove();
}

function receive(message) {
  switch (message.type) {
    case "hello":
      since = message.seq;
      break;
    case "message":
      since = message.seq;
      show(message.event, JSON.stringify(message.data ?? message.args));
      break;
    case "gap":
      if (message.room === room)
        show("gap", `Messages ${message.from} to ${message.to} came too long ago to be kept.`);
      break;
  }
}

function connect() {
  const url = new URL("ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  url.searchParams.set("room", room);
  if (since !== null) url.searchParams.set("since", since);
  const mine = (socket = new WebSocket(url, "stentor.json"));
  mine.onopen = () => {
    retry = 500;
    setState("live", `listening to ${room}`);
  };
  mine.onmessage = (event) => receive(JSON.parse(event.data));
  mine.onclose = () => {
    if (mine !== socket) return; // another room was chosen meanwhile
    setState("lost", "connecting again");
    // Spread over time, so that not all pages come back in the same moment.
    setTimeout(() => mine === socket && connect(), retry * (0.5 + Math.random()));
    retry = Math.min(retry * 2, 15000);
  };
}

function choose(name) {
  room = name;
  since = null;
  $("room").value = room;
  $("command").textContent =
    `curl -d '{"text":"hello"}' http://127.0.0.1:8081/publish/${encodeURIComponent(room)}/hello`;
  history.replaceState(null, "", `?room=${encodeURIComponent(room)}`);
  const old = socket;
  socket = null;
  old?.close();
  setState("connecting", "connecting");
  connect();
}

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("room").value !== "") choose($("room").value);
});
choose(room);
