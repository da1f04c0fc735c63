/* The questions in this reviewer's hands: the one on the screen and the few after it, claimed before they are needed.

   Claiming gives back what is held already, on a new lease, and then more; what was answered here and is still on its
   way to the server is held too, so the page asks for so many more and leaves them out. */

import { ask, runPath } from "./api.js";

const AHEAD = 2;
const MOST = 20;

export class Upcoming {
  #questions = [];
  #asking = null;

  /** `answered` tells whether an item was answered here; `pending` how many answers are on their way. */
  constructor(run, { answered, pending }) {
    this.run = run;
    this.answered = answered;
    this.pending = pending;
    this.open = 0;
    this.heldByOthers = 0;
    this.mine = null;
  }

  get length() {
    return this.#questions.length;
  }

  next() {
    while (this.#questions.length) {
      const question = this.#questions.shift();
      if (!this.answered(question.item_id)) return question;
    }
    return null;
  }

  putBack(question) {
    this.#questions.unshift(question);
  }

  /** Have enough in hand beside `current`; renews every lease. Throws what `ask` throws. */
  fill(current) {
    this.#asking ??= this.#claim(current).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #claim(current) {
    const count = Math.min(MOST, 1 + AHEAD + this.pending());
    const told = await ask("POST", runPath(this.run, "claims"), { count, render: true });
    this.open = told.open;
    this.heldByOthers = told.held_by_others;
    this.mine = told.mine;
    const known = new Set(this.#questions.map((question) => question.item_id));
    if (current) known.add(current.item_id);
    for (const question of told.items) {
      if (!known.has(question.item_id) && !this.answered(question.item_id)) this.#questions.push(question);
    }
    return told;
  }

  /** Give back what was not looked at. The page is going, so nobody waits for the answer. */
  release(headers) {
    for (const question of this.#questions.splice(0)) {
      const path = runPath(this.run, `claims/${encodeURIComponent(question.item_id)}`);
      fetch(path, { method: "DELETE", keepalive: true, credentials: "same-origin", headers }).catch(() => {});
    }
  }
}
