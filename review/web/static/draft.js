/* The answer being made, beside the verdict itself: marks by principle, a reason, a flag. */

import { element, say } from "./saying.js";

const TURNS = ["left", "right", "same", null];
const SIGNS = { left: "◀", right: "▶", same: "=" };
const at = (id) => document.getElementById(id);

export class Draft {
  #principles = [];
  #keys;

  constructor(keys) {
    this.#keys = keys;
    this.reset([]);
  }

  reset(principles) {
    this.#principles = principles;
    this.marks = {};
    this.reason = "";
    this.flagged = false;
    this.#draw();
  }

  /** As it was when its verdict was taken back. */
  restore(principles, { marks = {}, reason = "", flagged = false }) {
    this.reset(principles);
    Object.assign(this, { marks: { ...marks }, reason, flagged });
    this.#draw();
  }

  /** The next mark for a principle by its place; what to say, or null where there is none there. */
  turn(place) {
    const principle = this.#principles[place];
    if (!principle) return null;
    const mark = TURNS[(TURNS.indexOf(this.marks[principle.id] ?? null) + 1) % TURNS.length];
    if (mark) this.marks[principle.id] = mark;
    else delete this.marks[principle.id];
    this.#draw();
    return say("mark", { principle: principle.id, side: say(`mark_${mark ?? "none"}`) });
  }

  setReason(text) {
    this.reason = text;
    this.#draw();
  }

  toggleFlag() {
    this.flagged = !this.flagged;
    this.#draw();
    return this.flagged;
  }

  #draw() {
    document.querySelector('[data-action="reason"]').setAttribute("aria-pressed", String(this.reason !== ""));
    document.querySelector('[data-action="flag"]').setAttribute("aria-pressed", String(this.flagged));
    const box = at("principles");
    if (box.childElementCount !== this.#principles.length || box.dataset.of !== this.#principles.map((p) => p.id).join(" ")) {
      box.dataset.of = this.#principles.map((p) => p.id).join(" ");
      box.replaceChildren(...this.#principles.map((principle, place) => this.#button(principle, place)));
      at("principle-texts").replaceChildren(
        element("dl", {}, ...this.#principles.flatMap((p) => [element("dt", { text: p.id }), element("dd", { text: p.text, dir: "auto" })])),
      );
    }
    this.#principles.forEach((principle, place) => {
      const mark = this.marks[principle.id];
      const button = box.children[place];
      button.dataset.mark = mark ?? "";
      button.querySelector(".side").textContent = SIGNS[mark] ?? "·";
      button.setAttribute("aria-label", say("mark", { principle: principle.id, side: say(`mark_${mark ?? "none"}`) }));
    });
  }

  #button(principle, place) {
    const name = `principle_${place + 1}`;
    const key = this.#keys()[name];
    const children = key ? [element("kbd", { "data-key": name, "aria-hidden": "true", text: key.toUpperCase() })] : [];
    children.push(element("span", { text: principle.id }), element("span", { class: "side", "aria-hidden": "true" }));
    const button = element("button", { type: "button", "data-place": place, title: principle.text }, ...children);
    if (key) button.setAttribute("aria-keyshortcuts", key);
    return button;
  }
}
