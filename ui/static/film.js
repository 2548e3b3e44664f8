// @ts-check
/* The runs of this page: a strip of tiles beside the canvas, each of which shows its run again. */
import { all, el, focused } from "./dom.js";
import { WAITS, address } from "./jobs.js";

/** @typedef {import("./types.js").JobState} JobState */

const KEY = "loom.film", KEPT = 60;
/** @type {Record<string, JobState[]> | null} newest first, by tab */
let kept = null;

const read = () => {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch { return {}; }
};
/** @param {string} mode @returns {JobState[]} */
const runs = (mode) => (kept ??= read())?.[mode] ?? [];

export const film = {
  runs,
  /**
   * The latest run that has pictures.
   * @param {string} mode
   */
  newest: (mode) => runs(mode).find((one) => one.results.length),
  /**
   * Keeps a run that has ended and left something to see; whether it is new.
   * @param {string} mode
   * @param {JobState} state
   */
  add: (mode, state) => {
    if (!state.job || WAITS.includes(state.state) || !(state.results?.length || state.timeline?.steps)) return false;
    const before = runs(mode), at = before.findIndex((one) => one.job === state.job);
    const after = at < 0 ? [state, ...before].slice(0, KEPT) : before.with(at, state);
    kept = { ...kept, [mode]: after };
    try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* no room: a comfort only */ }
    return at < 0;
  },
  /**
   * Takes a run out, e.g. when its files are gone.
   * @param {string} mode
   * @param {string | null} job
   */
  remove: (mode, job) => {
    kept = { ...kept, [mode]: runs(mode).filter((one) => one.job !== job) };
    try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* as above */ }
  },
};

/** What a tile shows: the first picture or the whole of a grid, else the last prediction. @param {JobState} state */
export const tilePicture = (state) => {
  const last = state.results.at(-1);
  const one = last?.sheet ? last : state.results[0];
  if (one) return one.url;
  return state.timeline?.steps ? `${address(state.job ?? "")}/timeline/${state.timeline.steps - 1}?kind=x0&image=0` : "";
};

/** @param {JobState} state */
const told = (state) => {
  const count = state.results.length, seed = state.results[0]?.seed;
  const what = count > 1 ? `${count} pictures` : count ? "1 picture" : "no finished picture";
  return `${what}${seed == null ? "" : `, seed ${seed}`}${state.state === "done" ? "" : `, ${state.state}`}`;
};

/**
 * Draws the strip of a tab.
 * @param {HTMLElement} strip
 * @param {string} mode
 * @param {{shown: string | null, live: JobState, look: (state: JobState) => void, back: () => void}} now
 *   `live` is the run that goes on or ended last, `look` shows an ended one, `back` the live one
 */
export const drawFilm = (strip, mode, { shown, live, look, back }) => {
  const goes = WAITS.includes(live.state);
  const key = JSON.stringify([runs(mode).map((one) => [one.job, one.results.length, one.state]), goes && [live.job, live.state]]);
  if (strip.dataset.key !== key) {
    strip.dataset.key = key;
    const held = strip.contains(focused()) ? focused()?.dataset.job : null;
    const tile = (/** @type {string | null} */ job, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const button = el("button", "tile");
      button.type = "button";
      button.dataset.job = job ?? "";
      button.title = label;
      button.setAttribute("aria-label", label);
      button.onclick = act;
      return button;
    };
    const now = tile(live.job, live.state === "queued" ? "The run that waits" : "The run that goes on", back);
    now.classList.add("going");
    const tiles = runs(mode).map((state) => {
      const button = tile(state.job, told(state), () => look(state));
      const img = el("img");
      img.setAttribute("loading", "lazy");
      img.alt = "";
      img.src = tilePicture(state);
      img.onerror = () => {
        film.remove(mode, state.job);
        button.remove();
      };
      button.append(img);
      if (state.results.length > 1) button.append(el("b", "", String(state.results.length)));
      return button;
    });
    strip.replaceChildren(...(goes ? [now] : []), ...tiles);
    strip.hidden = !strip.children.length;
    if (held) all(strip, ".tile").find((one) => one.dataset.job === held)?.focus();
  }
  for (const one of all(strip, ".tile")) one.setAttribute("aria-pressed", String((one.dataset.job || null) === shown));
};
