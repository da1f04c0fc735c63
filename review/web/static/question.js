/* The question on the screen: prompt and answers, rendered or as written, folded, marked, scrolled.

   `html` of a question is the server's own safe rendering; everything else goes in as text. */

import settings, { element, say } from "./saying.js";
import { markWords, unmarkWords } from "./words.js";

const FOLDED_FROM = 0.2; // of the window's height: longer prompts are folded at first
const AT_ONCE = 200_000; // characters of a text as written that are laid out unasked
const ACTING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const HARMLESS = new Set(["\n", "\t", "\u200c", "\u200d"]);

/** Characters that would hide or reorder text, spelled out: the same rule as on the server. */
export function visible(text) {
  return text
    .replaceAll("\r\n", "\n")
    .replace(ACTING, (c) =>
      HARMLESS.has(c) ? c : `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
    );
}

const at = (id) => document.getElementById(id);

export class QuestionView {
  shown = null;
  #source = false;
  #words = false;

  constructor() {
    this.prompt = at("prompt");
    this.promptText = at("prompt-text");
    this.sides = at("sides");
    this.left = at("left-text");
    this.right = at("right-text");
    for (const button of this.sides.querySelectorAll("button[data-side]")) {
      button.addEventListener("click", () => this.showSide(button.dataset.side));
    }
    this.showSide("left");
  }

  show(question) {
    this.shown = question;
    at("place").hidden = true;
    this.prompt.hidden = this.sides.hidden = false;
    this.#draw();
    const long = this.promptText.scrollHeight > FOLDED_FROM * innerHeight;
    document.querySelector('[data-action="prompt"]').hidden = !long;
    this.#fold(long);
    this.showSide("left");
    for (const box of [this.left, this.right]) box.scrollTop = box.scrollLeft = 0;
  }

  /** No question: say why, and whether one is on its way. */
  clear(text, coming = false) {
    this.shown = null;
    this.prompt.hidden = this.sides.hidden = true;
    for (const box of [this.promptText, this.left, this.right]) box.replaceChildren();
    at("place-text").textContent = text;
    at("place").setAttribute("aria-busy", String(coming));
    at("place").hidden = false;
  }

  showSide(side) {
    this.sides.dataset.shown = side;
    for (const button of this.sides.querySelectorAll("button[data-side]")) {
      button.setAttribute("aria-pressed", String(button.dataset.side === side));
    }
  }

  toggleSource() {
    this.#source = !this.#source;
    this.#draw();
    return this.#source;
  }

  /** true and false as the marks are on, null where they cannot be. */
  toggleWords() {
    this.#words = !this.#words;
    if (!this.#words) unmarkWords(this.left, this.right);
    else if (!this.#mark()) return null;
    return this.#words;
  }

  get words() {
    return this.#words;
  }

  toggleFold() {
    this.#fold(!this.prompt.classList.contains("folded"));
  }

  scroll(down) {
    const page = Math.max(80, 0.7 * this.left.clientHeight);
    for (const box of [this.left, this.right]) box.scrollBy({ top: down ? page : -page, behavior: "instant" });
  }

  #draw() {
    const { prompt, left, right } = this.shown;
    const turns = prompt.map((turn) =>
      prompt.length === 1
        ? this.#text(turn)
        : element("div", { class: "desk-turn" }, element("div", { class: "desk-role", text: say(turn.role) }), this.#text(turn)),
    );
    this.promptText.replaceChildren(...turns);
    this.left.replaceChildren(this.#text(left));
    this.right.replaceChildren(this.#text(right));
    if (this.#words) this.#mark();
  }

  #mark() {
    this.#words = markWords(this.left, this.right);
    return this.#words;
  }

  #text({ text, html }) {
    const box = element("div", { class: "rendered" });
    if (!text.trim()) {
      box.append(element("p", { class: "missing", text: say("empty_answer") }));
    } else if (this.#source || html == null) {
      box.append(...asWritten(text));
    } else {
      box.innerHTML = html;
      const cut = box.querySelector(":scope > .cut:last-child");
      if (cut) cut.textContent = say("cut", { shown: settings.longest, all: text.length });
    }
    return box;
  }

  /** Folded, a conversation shows the message that is answered. */
  #fold(folded) {
    const turns = this.promptText.querySelectorAll(".desk-turn");
    this.prompt.classList.toggle("folded", folded);
    this.prompt.classList.toggle("talk", turns.length > 1);
    this.promptText.scrollTop = folded && turns.length ? turns[turns.length - 1].offsetTop - this.promptText.offsetTop : 0;
    at("prompt-fold").textContent = say(folded ? "unfold" : "fold");
    document.querySelector('[data-action="prompt"]').setAttribute("aria-expanded", String(!folded));
  }
}

function asWritten(text) {
  const shown = element("pre", { class: "source", dir: "auto", text: visible(text.slice(0, AT_ONCE)) });
  if (text.length <= AT_ONCE) return [shown];
  const more = element("button", { type: "button", class: "small", text: say("more", { n: text.length }) });
  more.addEventListener("click", () => {
    shown.textContent = visible(text);
    more.remove();
  });
  return [shown, more];
}
