// @ts-check
/* What is typed in the very instant a tab or a fold opens stays typed. Gradio's page (6.31) tells the
   fields of what opens for the first time once more, a frame after they are there, what they held; no
   hand is that quick, but a script, or a browser that hangs, is. Since gradio-app/gradio#12906 what is
   closed is drawn only as it opens. */
import { near } from "../static/dom.js";

const SETTLES_MS = 3000;
const FRAMES = 3;
let opened = -Infinity;
/** @type {WeakMap<EventTarget, string>} */
const held = new WeakMap();
/** @type {WeakMap<EventTarget, string>} */
const typed = new WeakMap();
addEventListener("click", (event) => {
  if (near(event).closest?.("[role=tab], .label-wrap")) opened = performance.now();
}, true);
addEventListener("focusin", (event) => { held.set(near(event), near(event).value); }, true);
addEventListener("input", async (event) => {
  const target = near(event);
  if (performance.now() - opened > SETTLES_MS || !held.has(target)) return;
  typed.set(target, target.value);
  for (let i = 0; i < FRAMES; i++) await new Promise(requestAnimationFrame);
  const wanted = typed.get(target);
  if (target.value === wanted || target.value !== held.get(target)) return;
  target.value = wanted;
  target.dispatchEvent(new Event("input", { bubbles: true }));
}, true);
