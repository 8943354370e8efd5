// How the connection is, in words that are true.
import { clock } from "./timeline.js";

export function showLink(element, feed) {
  const since = clock(feed.since, true);
  element.dataset.state = feed.state;
  element.textContent = {
    connecting: "Connecting",
    "catching up": "Catching up",
    live: `Live by ${feed.transport}`,
    lost: `${navigator.onLine ? "No connection" : "No network"} since ${since}`,
  }[feed.state];
}
