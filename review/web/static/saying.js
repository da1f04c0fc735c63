/* What the page says: texts come from the server in the reader's language. */

const settings = JSON.parse(document.body.dataset.settings);
export default settings;

const numbers = new Intl.NumberFormat(document.documentElement.lang);

/** A text with its `%(name)s` filled in; numbers are written as the language writes them. */
export function say(name, values = {}) {
  return settings.texts[name].replace(/%\((\w+)\)s/g, (whole, key) => {
    const value = values[key];
    if (value === undefined) return whole;
    return typeof value === "number" ? numbers.format(value) : String(value);
  });
}

export function percent(share) {
  return new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(share);
}

/** An element with text in it and nothing parsed. */
export function element(tag, { text = "", ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...(text ? [text] : []), ...children);
  return made;
}
