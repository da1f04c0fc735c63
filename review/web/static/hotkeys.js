/* From a key to an action. A key counts once, by itself, and only where nobody is typing. */

const TYPED = "input, textarea, select, [contenteditable]";
export const REFUSED = new Set([" ", "Backspace", "Enter", "Tab", "Escape", "Delete"]);

/** The character a key stands for. A keyboard set to another script is read by where the key is. */
export function character(event) {
  if (event.key.length === 1 && event.key >= " " && event.key <= "~") return event.key.toLowerCase();
  const place = /^(?:Key([A-Z])|Digit([0-9])|Numpad([0-9]))$/.exec(event.code);
  if (place) return (place[1] ?? place[2] ?? place[3]).toLowerCase();
  return event.key.length === 1 ? event.key.toLowerCase() : "";
}

/** Whether this press may act on the question: not held down, not part of a chord or a word, no dialog in front. */
export function acts(event) {
  if (event.defaultPrevented || event.repeat || event.isComposing) return false;
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  if (event.shiftKey && /^[a-z0-9]$/i.test(event.key)) return false;
  if (event.target instanceof Element && event.target.closest(TYPED)) return false;
  return !document.querySelector("dialog[open]");
}

/** The action of a press, or null. `keys` maps actions to characters. */
export function actionOf(event, keys) {
  const pressed = character(event);
  return Object.keys(keys).find((action) => keys[action] === pressed) ?? null;
}
