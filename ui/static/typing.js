/* What is typed in the very instant a tab or a fold opens stays typed. Gradio (6.31) tells the
   fields of what opens for the first time once more, a frame after they are there, what they held;
   no hand is that quick, but a script, or a browser that hangs, is. */
(() => {
  const SETTLES_MS = 3000, FRAMES = 3;
  let opened = -Infinity;
  const held = new WeakMap(), typed = new WeakMap();
  addEventListener("click", (event) => {
    if (event.target.closest?.("[role=tab], .label-wrap")) opened = performance.now();
  }, true);
  addEventListener("focusin", ({ target }) => held.set(target, target.value), true);
  addEventListener("input", async ({ target }) => {
    if (performance.now() - opened > SETTLES_MS || !held.has(target)) return;
    typed.set(target, target.value);
    for (let i = 0; i < FRAMES; i++) await new Promise(requestAnimationFrame);
    const wanted = typed.get(target);
    if (target.value === wanted || target.value !== held.get(target)) return;
    target.value = wanted;
    target.dispatchEvent(new Event("input", { bubbles: true }));
  }, true);
})();
