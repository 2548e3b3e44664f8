// @ts-check
/* Jobs over the server's own routes: asking for one, its states as they change, stopping and moving. */

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {{press: string, mode: string, at: number, adds: boolean, body?: Record<string, any>}} Pressed */

const ROOT = "loom/jobs", PRESSED = "loom.pressed", PAGE = "loom.page", TRIES = 4, AGAIN_MS = 700;
const FORGOTTEN_MS = 120_000;
export const AWAY = "The studio does not answer; is it still running?";
export const WAITS = ["queued", "loading", "running"];
const OVER = ["done", "stopped", "failed", "gone"];

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
/** @param {Storage} storage @param {string} key */
const kept = (storage, key) => { try { return JSON.parse(storage.getItem(key) ?? "null"); } catch { return null; } };
/** @param {Storage} storage @param {string} key @param {unknown} value */
const keep = (storage, key, value) => { try { storage.setItem(key, JSON.stringify(value)); } catch { /* no room: a comfort only */ } };

/** Who asks, for a fair queue: this browser. */
export const page = () => {
  const known = kept(localStorage, PAGE);
  if (typeof known === "string") return known;
  const made = random();
  keep(localStorage, PAGE, made);
  return made;
};

/** @param {string} job */
export const address = (job) => `${ROOT}/${encodeURIComponent(job)}`;

/**
 * Asks for JSON; null where the server is away.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export const ask = async (path, options) => {
  try {
    return await (await fetch(path, options)).json();
  } catch {
    return null;
  }
};
/** @param {string} path */
export const post = (path) => ask(path, { method: "POST" });
/**
 * Sends JSON, and with it who asks.
 * @param {string} path
 * @param {Record<string, unknown>} told
 */
export const send = (path, told) =>
  ask(path, { method: "POST", body: JSON.stringify({ ...told, page: page() }), headers: { "Content-Type": "application/json" } });
/** @param {string} job */
export const cancel = (job) => post(`${address(job)}/cancel`);
/** Passes over one run of a job of several. @param {string} job @param {number} part */
export const skip = (job, part) => post(`${address(job)}/skip/${part}`);
/** Lets a running job go on with what a form says now: {} or {error}. @param {string} job @param {{mode: string, values: Record<string, unknown>}} asked */
export const change = (job, asked) => ask(`${address(job)}/change`, { method: "POST", body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } });
/** Lets a job rest before its next step. @param {string} job */
export const pauseJob = (job) => post(`${address(job)}/pause`);
/** Lets it go on. @param {string} job @param {number | null} step stored one to go on from @param {number} [steps] after which it rests again */
export const resumeJob = (job, step, steps) => post(`${address(job)}/resume?${new URLSearchParams({ ...(step === null ? {} : { step: String(step) }), ...(steps ? { steps: String(steps) } : {}) })}`);
/** Asks for an ended job once more: {job} or {error}. @param {string} job */
export const retry = (job) => post(`${address(job)}/retry`);
/** @param {string} job */
export const promote = (job) => post(`${address(job)}/promote`);

/**
 * A picture or film as an address for this page, or why there is none.
 * @param {string} path
 * @returns {Promise<{src?: string, error?: string}>}
 */
export const picture = async (path) => {
  try {
    const answer = await fetch(path);
    if (!answer.ok) return await answer.json();
    return { src: URL.createObjectURL(await answer.blob()) };
  } catch {
    return {};
  }
};

/* Presses: one each, also when the page is reloaded before the server has answered. */

/** @returns {Pressed[]} */
const pressedAll = () => (kept(sessionStorage, PRESSED) ?? []).filter((/** @type {Pressed} */ one) => one?.press && Date.now() - one.at < FORGOTTEN_MS);
/** @param {string} press */
const answered = (press) => keep(sessionStorage, PRESSED, pressedAll().filter((one) => one.press !== press));

/**
 * Notes a press the moment it happens.
 * @param {string} mode
 * @param {boolean} adds whether it adds to the queue
 */
export const newPress = (mode, adds) => {
  const press = random();
  keep(sessionStorage, PRESSED, [...pressedAll(), { press, mode, at: Date.now(), adds }]);
  return press;
};

/**
 * Sends what a press asks for; the same press again gets the same answer.
 * @param {string} press
 * @param {Record<string, any>} asked mode, values, and branch or grid
 * @returns {Promise<{job?: string, words?: string, error?: string, field?: any, fix?: any}>} a refusal may name a field and a fix
 */
export const submit = async (press, asked) => {
  const body = { ...asked, press, page: page() };
  keep(sessionStorage, PRESSED, pressedAll().map((one) => (one.press === press ? { ...one, body } : one)));
  const text = JSON.stringify(body);
  for (let turn = 0; turn < TRIES; turn++) {
    // With keepalive it arrives although the page goes; browsers allow that for small ones.
    const got = await ask(ROOT, { method: "POST", body: text, keepalive: text.length < 60_000, headers: { "Content-Type": "application/json" } });
    if (got) {
      answered(press);
      return got;
    }
    await new Promise((go) => setTimeout(go, AGAIN_MS));
  }
  answered(press);
  return { error: AWAY };
};

/**
 * The presses of a tab whose answer the page never saw, as it was reloaded.
 * @param {string} mode
 */
export const unanswered = (mode) => {
  const found = pressedAll().filter((one) => one.mode === mode);
  for (const { press, body } of found) if (!body) answered(press);
  return found;
};

/* States: one event stream for all jobs that somebody on this page watches. */

/** @type {Map<string, Set<(state: JobState) => void>>} */
const watchers = new Map();
/** @type {Map<string, JobState>} the latest of each, for those who join later */
const latest = new Map();
/** @type {EventSource | null} */
let source = null;
/** @type {string | null} what the stream was opened for */
let listed = null;
let turning = false;

/** @param {JobState} state */
const tell = (state) => {
  const job = state.job ?? "";
  const heard = [...(watchers.get(job) ?? [])];
  latest.set(job, state);
  if (OVER.includes(state.state)) {
    watchers.delete(job);
    latest.delete(job);
    listed = null; // whoever asks for it again gets its end again
    turn();
  }
  for (const listener of heard) listener(state);
};
const open = () => {
  turning = false;
  const jobs = [...watchers.keys()].sort().join(",");
  if (jobs === listed && source?.readyState !== EventSource.CLOSED) return;
  listed = jobs;
  source?.close();
  source = null;
  if (!jobs) return;
  const mine = (source = new EventSource(`${ROOT}/events?jobs=${encodeURIComponent(jobs)}`));
  mine.onmessage = ({ data }) => { if (mine === source) tell(JSON.parse(data)); };
  mine.addEventListener("end", () => mine.close());
  // A cut connection is made up for by the browser; a refused one is not.
  mine.onerror = () => { if (mine === source && mine.readyState === EventSource.CLOSED) setTimeout(turn, AGAIN_MS); };
};
/* Several may begin and end at once. */
const turn = () => {
  if (turning) return;
  turning = true;
  setTimeout(open);
};

/**
 * Tells of a job's states until it has ended ("gone" when the server does not know it).
 * @param {string} job
 * @param {(state: JobState) => void} listener
 * @returns {() => void} stops listening
 */
export const watch = (job, listener) => {
  const set = watchers.get(job) ?? new Set();
  set.add(listener);
  watchers.set(job, set);
  const known = latest.get(job);
  if (known) queueMicrotask(() => { if (set.has(listener)) listener(known); });
  turn();
  return () => {
    set.delete(listener);
    if (!set.size && watchers.get(job) === set) {
      watchers.delete(job);
      latest.delete(job);
    }
    turn();
  };
};
addEventListener("pagehide", () => source?.close());
