/* How fast somebody answers, from the answers of the last quarter of an hour; a pause longer than two minutes is a pause. */

const WINDOW_MS = 15 * 60_000;
const PAUSE_MS = 2 * 60_000;
const FEWEST = 5;

export class Pace {
  #times = [performance.now()];

  count() {
    this.#times.push(performance.now());
  }

  uncount() {
    if (this.#times.length > 1) this.#times.pop();
  }

  /** Answers an hour, or 0 while there are too few to say. */
  get perHour() {
    const times = this.#times.filter((time) => time > performance.now() - WINDOW_MS);
    let worked = 0;
    for (let i = 1; i < times.length; i++) worked += Math.min(times[i] - times[i - 1], PAUSE_MS);
    return times.length > FEWEST ? Math.round(((times.length - 1) / worked) * 3_600_000) : 0;
  }
}
