// A page that follows a run: it is told that something changed, fetches itself again, and puts in the parts that differ.
// Where events do not come it asks every few seconds instead. A hidden page is told nothing: browsers allow few
// connections to a site, and a row of forgotten tabs would use them up.

const ASK_MS = 5000;
const RETRY_MS = 30000;
const head = document.querySelector("[data-follow]");
const state = document.querySelector("[data-live-state]");
const status = document.querySelector("[data-live-status]");
let seen = head.dataset.pulse;
let source = null;
let asking = null;
let retry = null;
let busy = false;
let later = null;
const made = new WeakMap();

function show(how) {
  state.dataset.state = how;
  state.textContent = state.dataset[how];
}

function listen() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(head.dataset.follow);
  source.addEventListener("open", () => {
    stopAsking();
    show("live");
  });
  source.addEventListener("pulse", (event) => changed(event.data));
  source.addEventListener("error", () => {
    ask();
    // A stream that was refused is closed for good; one that broke comes again by itself.
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(listen, RETRY_MS);
  });
}

function ask() {
  if (asking !== null) return;
  show("asking");
  asking = setInterval(once, ASK_MS);
  once();
}

function stopAsking() {
  clearInterval(asking);
  asking = null;
}

async function once() {
  try {
    const answer = await fetch(head.dataset.pulseAddress, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 401) {
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    if (asking !== null) show("asking");
    await changed((await answer.json()).pulse);
  } catch {
    if (asking !== null) show("lost");
  }
}

async function changed(pulse) {
  if (pulse === seen) return;
  if (busy) {
    later = pulse;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      seen = pulse;
    }
  } catch {
    ask();
  } finally {
    busy = false;
    const next = later;
    later = null;
    if (next !== null) changed(next);
  }
}

function put(fresh) {
  let differs = false;
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (other === null || other.innerHTML === (made.get(part) ?? part.innerHTML)) continue;
    made.set(part, other.innerHTML);
    const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = part.contains(document.activeElement) ? place(part, document.activeElement) : -1;
    part.replaceChildren(...other.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused >= 0) focusables(part)[focused]?.focus({ preventScroll: true });
    differs = true;
  }
  if (differs) status.textContent = status.dataset.text;
}

function focusables(part) {
  return [...part.querySelectorAll("a[href], summary, [tabindex]")];
}

function place(part, element) {
  return focusables(part).indexOf(element);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(retry);
    stopAsking();
    source?.close();
    source = null;
  } else if (source === null) {
    once();
    listen();
  }
});
if (!document.hidden) listen();
