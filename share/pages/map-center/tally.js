// The tally: both candidates, the bar, and who has won.
import { ALL_VOTES, MAJORITY, PARTIES } from "./states.js";
import { tally } from "./night.js";

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// One candidate's half: the sum, and whose it is.
function side(party, { candidate, name, mark }) {
  const block = element("div", "side");
  const who = element("p", "who");
  block.dataset.party = party;
  who.append(element("strong", "candidate", candidate), " ", element("span", "party", `${mark} ${name}`), " ", element("span", "left"));
  block.append(element("p", "votes", "0"), who);
  return block;
}

export class Tally {
  #root;

  constructor(root) {
    const parties = Object.entries(PARTIES);
    const bar = element("div", "bar");
    const scale = element("p", "scale");
    bar.setAttribute("aria-hidden", "true");
    bar.append(...parties.map(([party]) => element("i", `bar-${party}`)));
    scale.append(element("span", "open"), element("span", "goal", `${MAJORITY} to win`));
    root.append(...parties.map(([party, names]) => side(party, names)), bar, scale);
    this.#root = root;
  }

  show(calls) {
    const { votes, winner, open } = tally(calls);
    for (const party of Object.keys(PARTIES)) {
      const block = this.#root.querySelector(`[data-party="${party}"]`);
      block.querySelector(".votes").textContent = votes[party];
      block.classList.toggle("winner", party === winner);
      const left = MAJORITY - votes[party];
      block.querySelector(".left").textContent = party === winner ? "has won" : `${left} to go`;
      this.#root.querySelector(`.bar-${party}`).style.width = `${(100 * votes[party]) / ALL_VOTES}%`;
    }
    this.#root.querySelector(".open").textContent = `${open} open`;
  }
}

// "Quill 12, Tolliver 40", for those who hear it.
export function score(calls) {
  const { votes, winner } = tally(calls);
  const sums = Object.entries(PARTIES).map(([party, { short }]) => `${short} ${votes[party]}`).join(", ");
  return winner ? `${sums}. ${PARTIES[winner].candidate} has ${MAJORITY} or more` : sums;
}
