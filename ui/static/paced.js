// @ts-check
/* A list of jobs that enters the queue a few at a time, as the studio bounds what one person may have waiting. */
import { toast } from "./dom.js";
import { queue } from "./queue.js";

const AHEAD = 8, LOOK_MS = 400;

/**
 * @template One
 * @param {One[]} list
 * @param {string} what they are called
 * @param {(one: One) => Promise<boolean>} draw puts one into the queue; false ends it, the reason has been told
 */
export const paced = async (list, what, draw) => {
  let on = true;
  const note = list.length > AHEAD
    ? toast(`${list.length} ${what} go into the queue, ${AHEAD} at a time, while this page is open.`, "info", { keep: true, act: { label: "Add no more", run: () => { on = false; } } })
    : null;
  for (const one of list) {
    while (on && queue.open() >= AHEAD) await new Promise((go) => setTimeout(go, LOOK_MS));
    if (!on || !(await draw(one))) break;
  }
  note?.remove();
};
