// The time line: everything that happened, the newest first, in words.
import { PARTIES, STATES } from "./states.js";

export const clock = (time, seconds = false) =>
  new Date(time).toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) });

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// What an entry says: a headline, and perhaps a line below it.
export function words(entry) {
  const state = STATES.get(entry.state)?.name;
  switch (entry.kind) {
    case "begin":
      return ["The night begins"];
    case "rewind":
      return [`Back to ${clock(entry.rewind.to)}`, `${plural(entry.rewind.count, "call")} withdrawn`];
    case "note":
      return [entry.text];
  }
  if (entry.call === null) return [`${state} is open again`, `it had been called for ${PARTIES[entry.was]?.short ?? "nobody"}`];
  const { candidate, name } = PARTIES[entry.call];
  const votes = plural(STATES.get(entry.state).votes, "vote");
  if (entry.was) return [`${state} corrected: ${candidate}`, `${votes}; it had been called for ${PARTIES[entry.was].short}`];
  return [`${state} for ${candidate}`, `${votes}, ${name}`];
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Timeline {
  #root;
  #items = new Map();
  #actions;

  // `actions` gives the buttons of an entry: [[text, function], ...]. Only the desk has some.
  constructor(root, actions = () => []) {
    this.#root = root;
    this.#actions = actions;
  }

  #make(entry) {
    const item = element("li", "entry");
    const [headline, detail] = words(entry);
    const time = element("time", "", clock(entry.at));
    time.dateTime = new Date(entry.at).toISOString();
    const text = element("div", "text");
    text.append(element("strong", "", headline));
    if (detail) text.append(element("small", "", detail));
    item.append(time, text);
    item.dataset.kind = entry.kind;
    if (entry.call !== undefined) item.dataset.call = entry.call ?? "";
    return item;
  }

  #addActions(item, actions) {
    if (actions.length === 0) return;
    const row = element("div", "actions");
    for (const [text, label, act] of actions) {
      const button = element("button", "", text);
      button.type = "button";
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      row.append(button);
    }
    item.append(row);
  }

  // Entries that are the same stay the same elements, so that the focus stays where it is.
  #item(entry) {
    const actions = entry.gone ? [] : this.#actions(entry);
    const content = JSON.stringify([entry, actions]); // of the actions, their texts
    const known = this.#items.get(entry.id);
    if (known?.content === content) return known.item;
    const item = this.#make(entry);
    if (entry.gone) {
      item.classList.add("gone");
      item.querySelector(".text").append(element("small", "withdrawn", `withdrawn at ${clock(entry.gone)}`));
    }
    this.#addActions(item, actions);
    known?.item.replaceWith(item);
    this.#items.set(entry.id, { item, content });
    return item;
  }

  // `until` greys out what comes after it: the map shows an earlier time.
  show(entries, until = Infinity) {
    const items = [...entries].reverse().map((entry) => {
      const item = this.#item(entry);
      item.classList.toggle("later", entry.at > until);
      return item;
    });
    const kept = new Set(items);
    for (const [id, { item }] of this.#items) {
      if (kept.has(item)) continue;
      item.remove();
      this.#items.delete(id);
    }
    items.forEach((item, i) => {
      if (this.#root.children[i] !== item) this.#root.insertBefore(item, this.#root.children[i] ?? null);
    });
  }
}
