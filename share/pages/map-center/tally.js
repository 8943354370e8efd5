// The tally: both candidates, the bar, and who has won.
import { ALL_VOTES, MAJORITY, PARTIES } from "./states.js";
import { tally } from "./night.js";

export class Tally {
  #root;

  constructor(root) {
    this.#root = root;
    for (const [party, { candidate, name, mark }] of Object.entries(PARTIES)) {
      const block = root.querySelector(`[data-party="${party}"]`);
      block.querySelector(".candidate").textContent = candidate;
      block.querySelector(".party").textContent = `${mark} ${name}`;
    }
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
