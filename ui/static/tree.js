// @ts-check
/* The runs of a tab as a tree: what was branched from which step of what. */
import { el } from "./dom.js";

/** @typedef {import("./types.js").JobState} JobState */
const KEY = "loom.parents", KEPT = 200;

/** @typedef {Record<string, {job: string, step: number}>} Parents by the branch's job */

/** @returns {Parents} */
export const parents = () => {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch { return {}; }
};
/** What a run of this page was branched from. @param {string} job @param {{job: string, step: number}} from */
export const branchedFrom = (job, { job: parent, step }) => {
  const all = Object.entries({ ...parents(), [job]: { job: parent, step } }).slice(-KEPT);
  try { sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(all))); } catch { /* no room: a comfort only */ }
};

/** @typedef {{state: JobState, step: number | null, children: Branch[]}} Branch */

/**
 * The trees of those runs that branch or were branched from, the oldest first.
 * @param {JobState[]} runs newest first
 * @param {Parents} from
 * @returns {Branch[]}
 */
export const treesOf = (runs, from) => {
  /** @type {Map<string | null, Branch>} */
  const found = new Map(runs.map((state) => [state.job, { state, step: from[state.job ?? ""]?.step ?? null, children: [] }]));
  /** @type {Branch[]} */
  const roots = [];
  for (const branch of [...found.values()].reverse()) {
    const parent = found.get(from[branch.state.job ?? ""]?.job ?? "");
    if (parent && parent !== branch) parent.children.push(branch);
    else roots.push(branch);
  }
  return roots.filter((branch) => branch.children.length);
};

/**
 * Draws them as nested lists; a click shows that run again.
 * @param {HTMLElement} place
 * @param {JobState[]} runs
 * @param {{shown: string | null, look: (state: JobState) => void, picture: (state: JobState) => string}} how
 */
export const drawTree = (place, runs, { shown, look, picture }) => {
  const from = parents(), trees = treesOf(runs, from);
  const key = JSON.stringify([shown, runs.map((one) => [one.job, one.state, one.results.length, from[one.job ?? ""]])]);
  place.hidden = !trees.length;
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  const list = (/** @type {Branch[]} */ branches) => {
    const node = el("ul");
    node.append(...branches.map((branch) => {
      const item = el("li"), button = el("button", "quiet");
      button.type = "button";
      button.setAttribute("aria-pressed", String(branch.state.job === shown));
      const words = branch.step === null ? "first run" : `from step ${branch.step + 1}`;
      button.title = `${words}, ${branch.state.state}`;
      const image = el("img");
      image.alt = "";
      image.src = picture(branch.state);
      button.append(image, el("span", "", words));
      button.onclick = () => look(branch.state);
      item.append(button);
      if (branch.children.length) item.append(list(branch.children));
      return item;
    }));
    return node;
  };
  place.replaceChildren(...(trees.length ? [list(trees)] : []));
};
