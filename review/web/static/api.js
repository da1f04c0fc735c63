/* Asks the API of one run. What goes wrong is one of two things: the server said no, and will say so again (Refused),
   or there was no answer that means anything (Unreachable), and the same request may be sent later. */

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

export class Unreachable extends Error {}

const PATIENCE_MS = 20_000;

/** The session's own token, without which the server changes nothing. */
export function csrf() {
  return document.querySelector('meta[name="csrf"]')?.content ?? "";
}

/** JSON in, JSON out. Throws Refused and Unreachable. */
export async function ask(method, path, body, headers = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: stop.signal,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf(), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status >= 500 || answer.status === 429) throw new Unreachable(String(answer.status));
    const told = answer.status === 204 ? null : await answer.json();
    if (!answer.ok) throw new Refused(answer.status, told?.detail || told?.title || "");
    return told;
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Unreachable(error.message);
  } finally {
    clearTimeout(timer);
  }
}

/** Where a run is asked. */
export function runPath(run, rest) {
  return `/api/v1/runs/${encodeURIComponent(run)}/${rest}`;
}
