// @ts-check
/* The hint of a control stays inside the window: above it, or where that is not in sight, below. */
import { near } from "./dom.js";

const place = (/** @type {Event} */ event) => {
  const block = near(event).closest?.(".loom-controls .block"), hint = block?.querySelector(".info-text");
  if (!block || !hint) return;
  const bar = document.querySelector(".loom-actions")?.getBoundingClientRect(), box = block.getBoundingClientRect();
  // Generate stays at the window's top where its place has gone, and lies over what is below it.
  const top = bar && bar.top < 60 ? bar.bottom : 0;
  block.classList.toggle("hint-below", box.top - hint.getBoundingClientRect().height - 6 < top);
};
document.addEventListener("pointerover", place, { passive: true });
document.addEventListener("focusin", place);
