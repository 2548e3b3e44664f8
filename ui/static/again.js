// @ts-check
/* One picture after another until a person stops: each run that is done begins the next. */
import { press, pressed, toast } from "./dom.js";

/** @typedef {import("./types.js").Found} Found */

/**
 * Whether a run's end begins another one.
 * @param {string} state how it ended
 * @param {number | undefined} seed of the form
 * @returns {"again" | "over" | "same"} "same": it would make the same picture once more
 */
export const next = (state, seed) => (state !== "done" ? "over" : Number(seed ?? -1) >= 0 ? "same" : "again");

/**
 * @param {Found} button that switches it
 * @param {{go: Found, busy: () => boolean, seed: () => number | undefined}} form
 * @returns {{stop: () => void, ended: (state: string) => void}}
 */
export const mountAgain = (button, { go, busy, seed }) => {
  const stop = () => press(button, false);
  const same = () => {
    stop();
    toast("The seed is fixed: each picture would be the same. Set it to -1 first.", "warn");
  };
  button.addEventListener("click", () => {
    if (pressed(button)) { stop(); return; }
    if (next("done", seed()) === "same") { same(); return; }
    press(button, true);
    if (!busy()) go.click();
  });
  return {
    stop,
    ended: (state) => {
      if (!pressed(button)) return;
      const then = next(state, seed());
      if (then === "over") stop();
      else if (then === "same") same();
      else setTimeout(() => { if (pressed(button) && !busy()) go.click(); }); // once the stage has shown its end
    },
  };
};
