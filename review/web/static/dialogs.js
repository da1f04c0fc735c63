/* The dialogs of the desk: each opens, asks, and tells what was chosen. A dialog in front keeps the keys to itself. */

import { Refused, ask } from "./api.js";
import { REFUSED, character } from "./hotkeys.js";
import settings, { element, percent, say } from "./saying.js";

const at = (id) => document.getElementById(id);

/** Why a question is skipped; `choose(cause)` is called with a cause. */
export function skipDialog(choose) {
  const dialog = at("skip-dialog");
  const causes = [...dialog.querySelectorAll("[data-cause]")];
  const take = (button) => {
    dialog.close();
    choose(button.dataset.cause);
  };
  causes.forEach((button) => button.addEventListener("click", () => take(button)));
  dialog.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const button = causes[Number(character(event)) - 1];
    if (!button) return;
    event.preventDefault();
    take(button);
  });
  return () => dialog.showModal();
}

/** The reason for a verdict to come. */
export function reasonDialog(keep) {
  const dialog = at("reason-dialog");
  const text = at("reason");
  dialog.addEventListener("close", () => dialog.returnValue === "keep" && keep(text.value.trim()));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) dialog.close("keep");
  });
  return (now) => {
    text.value = now;
    dialog.returnValue = "";
    dialog.showModal();
    text.focus();
  };
}

/** What the judge said of the vote just made, where a run tells at once. */
export function verdictDialog(onward) {
  const dialog = at("verdict-dialog");
  dialog.addEventListener("close", onward);
  return (revealed) => {
    const parts = revealed.verdicts.flatMap((verdict) => [
      element("p", { text: saidBy(verdict, revealed.agrees) }),
      ...(verdict.rationale ? [element("blockquote", { class: "soft", dir: "auto", text: verdict.rationale })] : []),
    ]);
    if (!parts.length) parts.push(element("p", { text: say("judge_unscored") }));
    at("verdict-said").replaceChildren(...parts);
    dialog.showModal();
  };
}

function saidBy(verdict, agrees) {
  if (verdict.p_left === null) return say("judge_unscored");
  const name = agrees === null ? "judge_said" : agrees ? "judge_agrees" : "judge_disagrees";
  return say(name, { percent: percent(verdict.p_left) });
}

/** Help, and the keys to be changed. `keys` is changed in place; `changed` is called after. */
export function helpDialog(keys, changed) {
  const dialog = at("help-dialog");
  const said = at("keys-said");
  const titles = Object.fromEntries(settings.actions.map((action) => [action.name, action.title]));
  const first = Object.fromEntries(settings.actions.map((action) => [action.name, action.key]));
  let waiting = null;

  const wait = (button) => {
    waiting?.classList.remove("waiting");
    waiting = button;
    waiting?.classList.add("waiting");
    said.textContent = waiting ? say("press") : "";
  };
  const save = async (wanted) => {
    try {
      await ask("PUT", "/review/keys", wanted);
      Object.assign(keys, wanted);
      changed();
      said.textContent = say("keys_saved");
    } catch (error) {
      said.textContent = say("keys_unsaved", { detail: error instanceof Refused ? error.detail : say("offline") });
    }
  };
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remap]");
    if (button) wait(button === waiting ? null : button);
  });
  dialog.addEventListener("keydown", (event) => {
    if (!waiting || event.key === "Tab" || event.key === "Shift") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") return wait(null);
    const action = waiting.dataset.remap;
    const key = character(event);
    const holder = Object.keys(keys).find((name) => keys[name] === key && name !== action);
    if (REFUSED.has(event.key) || !key || event.ctrlKey || event.altKey || event.metaKey) {
      said.textContent = say("key_refused");
    } else if (holder) {
      said.textContent = say("key_taken", { key: key.toUpperCase(), action: titles[holder] });
    } else {
      wait(null);
      save({ ...keys, [action]: key });
    }
  });
  dialog.addEventListener("close", () => wait(null));
  at("keys-reset").addEventListener("click", () => save(first));
  return () => dialog.showModal();
}
