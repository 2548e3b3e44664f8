// @ts-check
/* The window's title says how far the runs are, for those who look at another window meanwhile. */
import { WAITS } from "./jobs.js";

/** @typedef {import("./types.js").JobState} JobState */

/**
 * The title under these runs.
 * @param {string} name of the studio
 * @param {JobState[]} runs the last one of each tab
 */
export const titleOf = (name, runs) => {
  const goes = runs.find((one) => one.state === "running" && one.total > 0);
  if (goes) return `${Math.floor((100 * goes.step) / goes.total)} % · ${name}`;
  return runs.some((one) => WAITS.includes(one.state)) ? `… · ${name}` : name;
};
/** @type {string | null} */
let own = null;
/** @param {JobState[]} runs */
export const showTitle = (runs) => {
  own ??= document.title;
  const title = titleOf(own, runs);
  if (document.title !== title) document.title = title;
};
