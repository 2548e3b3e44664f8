// @ts-check
/* After a reload: to presses whose answer the page never saw, else to the job that it showed. */
import { toast } from "./dom.js";
import { unanswered } from "./jobs.js";
import { loom } from "./registry.js";
import { run } from "./run.js";

/** Where a tab's job is kept in the browser. @param {string} mode */
export const jobKey = (mode) => `loom.job.${mode}`;

/** @param {string} mode */
export const comeBack = (mode) => {
  const stage = loom.stages[mode], presses = unanswered(mode);
  for (const { press, adds, body } of presses) {
    if (!body) toast("The page was reloaded before Generate got through; press it once more.", "warn");
    else {
      if (!adds) stage.begin();
      run(press, adds, /** @type {any} */ (body));
    }
  }
  const shown = localStorage.getItem(jobKey(mode));
  if (shown && !presses.some(({ adds, body }) => body && !adds)) stage.follow(shown);
};
