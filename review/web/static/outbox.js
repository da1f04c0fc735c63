/* What a reviewer did and the server has not confirmed yet, in the order it was done.

   Each entry is a key of localStorage, written before the page moves on, so that it survives a reload, a closed tab
   and a crash. Entries are sent one after the other, each under the idempotency key it was born with: sent twice, it
   counts once. An entry goes when the server has answered; one that the server refuses goes too, and is told.
   Entries belong to an account: another one on the same browser neither sees nor sends them. */

import { Refused, ask, runPath } from "./api.js";

const PATHS = { vote: "votes", skip: "skips", undo: "undo" };
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  #prefix;
  #memory = new Map();
  #born = 0;
  #sending = null;
  #current = null;
  #timer = null;
  #wait = FIRST_WAIT_MS;

  /** `on` has `sent(entry, answer)`, `refused(entry, error)` and `changed()`. */
  constructor(account, on) {
    this.#prefix = `rlaif outbox ${account} `;
    this.on = on;
    this.kept = true;
    this.lockedOut = false;
    this.reachable = true;
    addEventListener("online", () => this.wake());
    addEventListener("storage", (event) => event.key?.startsWith(this.#prefix) && this.on.changed());
  }

  /** All that waits, oldest first. */
  entries() {
    const found = new Map(this.#memory);
    try {
      for (const name of Object.keys(localStorage)) {
        if (name.startsWith(this.#prefix)) found.set(name, JSON.parse(localStorage.getItem(name)));
      }
    } catch {
      this.kept = false;
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, entry]) => ({ name, ...entry }));
  }

  get waiting() {
    return this.entries().length;
  }

  /** Keep an entry, then send it. */
  add(run, kind, body) {
    const order = `${String(Date.now()).padStart(15, "0")}.${String(this.#born++).padStart(6, "0")}`;
    const key = randomKey();
    const name = `${this.#prefix}${order}.${key}`;
    this.#write(name, { run, kind, body, key, tried: false });
    this.on.changed();
    this.wake();
    return key;
  }

  /** Forget an entry that was never sent; whether it could be. */
  withdraw(key) {
    const entry = this.entries().find((one) => one.key === key);
    if (!entry || entry.tried) return false;
    this.#remove(entry.name);
    this.on.changed();
    return true;
  }

  /** Send what waits, now. */
  wake() {
    clearTimeout(this.#timer);
    this.#sending ??= this.#exclusively(() => this.#send()).finally(() => {
      this.#sending = null;
      this.on.changed();
    });
    return this.#sending;
  }

  async #send() {
    for (let entry = this.entries()[0]; entry; entry = this.entries()[0]) {
      this.#write(entry.name, { ...entry, name: undefined, tried: true });
      try {
        const answer = await ask("POST", runPath(entry.run, PATHS[entry.kind]), entry.body, {
          "Idempotency-Key": entry.key,
        });
        this.#confirmed(entry);
        this.on.sent(entry, answer);
      } catch (error) {
        if (!(error instanceof Refused)) return this.#later();
        if (error.status === 401 || error.status === 403) {
          this.lockedOut = true;
          return undefined;
        }
        this.#confirmed(entry);
        this.on.refused(entry, error);
      }
      this.on.changed();
    }
    return undefined;
  }

  #confirmed(entry) {
    this.#remove(entry.name);
    this.#wait = FIRST_WAIT_MS;
    this.reachable = true;
    this.lockedOut = false;
  }

  #later() {
    this.reachable = false;
    this.#timer = setTimeout(() => this.wake(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
  }

  /** One tab sends at a time, where the browser has locks; where not, the idempotency keys keep it right. */
  #exclusively(work) {
    return navigator.locks ? navigator.locks.request(this.#prefix, work) : work();
  }

  #write(name, entry) {
    try {
      localStorage.setItem(name, JSON.stringify(entry));
      this.#memory.delete(name);
    } catch {
      this.kept = false;
      this.#memory.set(name, entry);
    }
  }

  #remove(name) {
    this.#memory.delete(name);
    try {
      localStorage.removeItem(name);
    } catch {
      this.kept = false;
    }
  }
}
