/* The desk: questions in, answers out. Everything a reviewer does goes through `act`, whether it came by key, click or
   touch. An answer is written down before the next question shows (outbox.js), and the next question is there already
   (upcoming.js), so that the network is never waited for. */

import { Refused, csrf } from "./api.js";
import { helpDialog, reasonDialog, skipDialog, verdictDialog } from "./dialogs.js";
import { Draft } from "./draft.js";
import { actionOf, acts } from "./hotkeys.js";
import { Outbox } from "./outbox.js";
import { Pace } from "./pace.js";
import { QuestionView } from "./question.js";
import settings, { element, say } from "./saying.js";
import { Upcoming } from "./upcoming.js";
import { ask, runPath } from "./api.js";

const SETTLE_MS = 300; // a press sooner than this after a question appeared was meant for the one before
const ASK_AGAIN_MS = 15_000;
const at = (id) => document.getElementById(id);
const keys = settings.keys;
const choices = new Map(settings.actions.filter((one) => one.group === "verdict").map((one) => [one.name, one.title]));

const view = new QuestionView();
const draft = new Draft(() => keys);
const pace = new Pace();
const done = []; // what was answered on this page, for undo: { question, key, body, kind }
const answered = new Set();
let current = null;
let shownAt = 0;
let heldBack = false; // at_once: the next question waits for the verdict

const outbox = new Outbox(settings.account, { sent, refused, changed });
for (const entry of outbox.entries()) if (entry.run === settings.run) remember(entry);
const upcoming = new Upcoming(settings.run, {
  answered: (id) => answered.has(id),
  pending: () => outbox.entries().filter((entry) => entry.run === settings.run).length,
});

const openSkip = skipDialog((cause) => skip(cause));
const openReason = reasonDialog((text) => {
  draft.setReason(text);
  if (text) tell(say("reason_kept"));
});
const openVerdict = verdictDialog(goOn);
const openHelp = helpDialog(keys, drawKeys);

const ACTIONS = {
  reason: () => current && openReason(draft.reason),
  flag: () => current && tell(say(draft.toggleFlag() ? "flagged" : "unflagged")),
  skip: () => ready() && openSkip(),
  undo,
  scroll_down: () => view.scroll(true),
  scroll_up: () => view.scroll(false),
  words: toggleWords,
  source: toggleSource,
  prompt: () => current && view.toggleFold(),
  help: openHelp,
};

function act(name) {
  if (choices.has(name)) vote(name);
  else if (name.startsWith("principle_")) {
    const told = current && draft.turn(Number(name.slice(-1)) - 1);
    if (told) tell(told);
  } else ACTIONS[name]();
}

/** Whether an answer given now is meant for the question on the screen. */
function ready() {
  return current !== null && !heldBack && document.visibilityState === "visible" && performance.now() - shownAt >= SETTLE_MS;
}

function vote(choice) {
  if (!ready()) return;
  const seconds = Math.min(86_400, Math.round(performance.now() - shownAt) / 1000);
  const { marks, reason, flagged } = draft;
  answer("vote", { item_id: current.item_id, choice, marks, reason, flagged, seconds });
  pace.count();
  tell(say("saved", { choice: choices.get(choice) }), choice);
}

function skip(cause) {
  if (!current) return;
  answer("skip", { item_id: current.item_id, cause, reason: draft.reason });
  tell(say("skipped"), "skip");
}

function answer(kind, body) {
  const question = current;
  answered.add(question.item_id);
  done.push({ question, kind, body, key: outbox.add(settings.run, kind, body) });
  current = null;
  heldBack = kind === "vote" && settings.mode === "at_once" && outbox.reachable && navigator.onLine;
  if (!heldBack) advance();
  drawBar();
}

/** The verdict of an answer that waits for the network comes later, among the batches; the next question comes now. */
function changed() {
  if (heldBack && !outbox.reachable) goOn();
  drawBar();
}

function goOn() {
  heldBack = false;
  advance();
}

async function undo() {
  if (heldBack) return;
  const last = done.pop();
  if (!last) return undoElsewhere();
  if (!outbox.withdraw(last.key)) {
    outbox.add(settings.run, "undo", { item_id: last.question.item_id });
  }
  bringBack(last.question, last.body);
  if (last.kind === "vote") pace.uncount();
}

/** Take back what was answered before this page was loaded: the server has the question. */
async function undoElsewhere() {
  const waiting = outbox.entries().filter((entry) => entry.run === settings.run);
  await outbox.wake();
  if (waiting.length && outbox.waiting) return tell(say("undo_needs"));
  try {
    const { item } = await ask("POST", runPath(settings.run, "undo"), { render: true });
    bringBack(item, {});
  } catch (error) {
    if (!(error instanceof Refused)) tell(say("undo_needs"));
    else tell(say(upcoming.mine?.votes ? "too_late" : "nothing_to_undo"));
  }
}

function bringBack(question, body) {
  answered.delete(question.item_id);
  if (current && current.item_id !== question.item_id) upcoming.putBack(current);
  show(question);
  draft.restore(question.principles, body);
  tell(say("undone"));
}

async function advance() {
  const next = upcoming.next();
  if (next) show(next);
  else if (!current) idle(say("loading"), true);
  await refill();
}

async function refill() {
  try {
    await upcoming.fill(current);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) outbox.lockedOut = true;
    else outbox.reachable = false;
    if (!current) idle(say(outbox.lockedOut ? "locked_out" : "stuck"));
    drawBar();
    return;
  }
  outbox.reachable = true;
  if (!current && !heldBack) {
    const next = upcoming.next();
    if (next) show(next);
    else if (upcoming.heldByOthers) idle(say("others", { n: upcoming.heldByOthers }));
    else idle(say("empty"));
  }
  drawBar();
}

function show(question) {
  current = question;
  const before = document.activeElement;
  delete at("verdict").dataset.idle;
  at("idle").textContent = "";
  view.show(question);
  draft.reset(question.principles);
  press("words", view.words);
  shownAt = performance.now();
  // Whoever pressed a button stands before the new question, and not on a button that would answer it.
  if (before === document.body || before?.closest(".desk-verdict, .desk-place")) at("prompt-title").focus({ preventScroll: true });
  drawBar();
}

/** No question is there: say why, where the reader stands, and whether one is on its way. */
function idle(text, coming = false) {
  const stood = document.activeElement;
  view.clear(text, coming);
  at("verdict").dataset.idle = "";
  if (stood?.closest(".desk-verdict, .desk-prompt, .desk-sides") && stood.dataset.action !== "undo") at("place").focus();
  if (at("idle").textContent !== text) at("idle").textContent = text;
}

function toggleWords() {
  if (!current) return;
  const on = view.toggleWords();
  press("words", on === true);
  tell(say(on === null ? "words_too_many" : on ? "words_on" : "words_off"));
}

function toggleSource() {
  if (!current) return;
  const on = view.toggleSource();
  press("source", on);
  press("words", view.words);
  tell(say(on ? "source_on" : "source_off"));
}

function press(name, on) {
  document.querySelector(`[data-action="${name}"]`).setAttribute("aria-pressed", String(on));
}

function sent(entry, told) {
  if (entry.run !== settings.run || !told) return;
  upcoming.mine = told.mine ?? upcoming.mine;
  if (entry.kind !== "vote") return;
  const complete = settings.mode === "batch" && upcoming.mine.in_batch === 0 && upcoming.mine.votes > 0;
  if (complete) at("batch-done").firstElementChild.textContent = say("batch_done", { batch: upcoming.mine.batch - 1 });
  at("batch-done").hidden = !complete;
  if (told.revealed) forget(entry);
  if (!heldBack) return;
  if (told.revealed) openVerdict(told.revealed);
  else goOn();
}

/** What was shown to its reviewer cannot be taken back here. */
function forget(entry) {
  const place = done.findIndex((one) => one.key === entry.key);
  if (place >= 0) done.splice(place, 1);
}

function refused(entry, error) {
  if (entry.kind === "undo") {
    notice(say("too_late"));
    answered.add(entry.body.item_id);
    if (current?.item_id === entry.body.item_id) {
      current = null;
      advance();
    }
  } else notice(error.status === 404 || error.status === 410 ? say("gone") : say("refused", { status: error.status, detail: error.detail }));
  if (heldBack) goOn();
}

/** Stays until it was read: an answer that was lost must not be missed. */
function notice(text) {
  const close = element("button", { type: "button", class: "small", text: "×" });
  const note = element("div", { class: "note warn" }, element("span", { text }), close);
  close.addEventListener("click", () => note.remove());
  at("notices").append(note);
}

/** Say what was done, to the eye and to the ear; an answer lights up for a moment and can be taken back beside it. */
function tell(text, choice = null) {
  at("said").textContent = text;
  at("live").textContent = text;
  at("take-back").hidden = choice === null;
  for (const button of document.querySelectorAll(".desk-choices button")) button.classList.remove("chosen");
  const button = document.querySelector(`.desk-choices [data-action="${choice}"]`);
  if (!button) return;
  void button.offsetWidth; // so that the same choice lights up again
  button.classList.add("chosen");
}

function remember(entry) {
  if (entry.kind === "undo") answered.delete(entry.body.item_id);
  else answered.add(entry.body.item_id);
}

function drawBar() {
  const waiting = outbox.waiting;
  const offline = !outbox.reachable || !navigator.onLine;
  const connection = at("connection");
  const state = offline || outbox.lockedOut ? "offline" : waiting > 1 ? "waiting" : "online";
  const text = [say(offline ? "offline" : "online"), ...(waiting > 1 || (offline && waiting) ? [say("waiting", { n: waiting })] : [])];
  connection.dataset.state = state;
  connection.textContent = state === "online" ? text[0] : text.slice(offline ? 0 : 1).join(" · ");
  connection.title = outbox.kept ? "" : say("unkept");
  if (outbox.lockedOut && !at("locked-out")) {
    const link = element("a", { href: `/login?next=${encodeURIComponent(location.pathname)}`, text: say("log_in") });
    at("notices").append(element("div", { class: "note bad", id: "locked-out" }, element("span", { text: say("locked_out") }), link));
  }
  const { mine, open } = upcoming ?? {};
  at("pace").textContent = pace.perHour ? say("pace", { n: pace.perHour }) : "";
  if (!mine) return;
  const more = open >= settings.counted ? "+" : "";
  at("open").textContent = say("open", { n: `${open + upcoming.length + (current ? 1 : 0)}${more}` });
  const ahead = outbox.entries().filter((entry) => entry.run === settings.run && entry.kind === "vote").length;
  const inBatch = Math.min(mine.in_batch + ahead, mine.batch_size);
  at("progress").max = mine.batch_size;
  at("progress").value = inBatch;
  at("progress-text").textContent =
    settings.mode === "batch"
      ? say("progress", { n: inBatch, size: mine.batch_size, batch: mine.batch })
      : say("votes", { n: mine.votes + ahead });
}

function drawKeys() {
  for (const shown of document.querySelectorAll("[data-key]")) {
    const key = keys[shown.dataset.key];
    shown.textContent = key.toUpperCase();
    shown.closest("[aria-keyshortcuts]")?.setAttribute("aria-keyshortcuts", key);
  }
}

addEventListener("keydown", (event) => {
  if (!acts(event)) return;
  const action = actionOf(event, keys);
  if (!action) return;
  event.preventDefault();
  act(action);
});
addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-action], [data-place]") : null;
  if (!button) return;
  if (button.dataset.action) act(button.dataset.action);
  else {
    const told = draft.turn(Number(button.dataset.place));
    if (told) tell(told);
  }
});
// A button held down with the keyboard would click on and on.
addEventListener("keydown", (event) => event.repeat && ["Enter", " "].includes(event.key) && event.target.closest?.("button") && event.preventDefault(), true);
addEventListener("offline", drawBar);
addEventListener("online", () => (current ? drawBar() : refill()));
addEventListener("visibilitychange", () => document.visibilityState === "visible" && !current && refill());
addEventListener("pagehide", (event) => event.persisted || upcoming.release({ "X-CSRF-Token": csrf() }));
addEventListener("beforeunload", (event) => !outbox.kept && outbox.waiting && event.preventDefault());
setInterval(() => document.visibilityState === "visible" && !heldBack && !current && refill(), ASK_AGAIN_MS);
setInterval(() => document.visibilityState === "visible" && refill(), (settings.lease * 1000) / 3);

outbox.wake();
advance();
