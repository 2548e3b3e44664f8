// @ts-check
/* Folds that remember whether they were open, and marks of what differs from its default. */
import { showActing } from "./acting.js";
import { all, el, find } from "./dom.js";
import { showIdle } from "./idle.js";
import { loom } from "./registry.js";

/* Marks what differs from its default; one click sets it back. */
export const mark = (mode, values) => {
  const form = loom.forms[mode];
  if (!form) return;
  form.last = values;
  for (const [key, standard] of Object.entries(form.defaults)) {
    const block = document.getElementById(`${mode}-${key}`);
    if (!block) continue;
    const changed = String(values[key] ?? "") !== String(standard ?? "");
    block.classList.toggle("loom-changed", changed);
    let reset = find(block, ":scope > .loom-reset");
    if (changed && !reset) {
      reset = el("button", "loom-reset", "↺");
      const title = block.dataset.title || key.replaceAll("_", " ");
      reset.title = "Back to the default";
      reset.setAttribute("aria-label", `Reset ${title}`);
      reset.onclick = () => form.reset([key]);
      block.append(reset);
    } else if (!changed && reset) reset.remove();
  }
  showIdle(mode, values);
  showActing(mode, values);
};

export const rememberAccordions = (root) => {
  for (const block of all(root, ".loom-fold")) {
    if (block.dataset.remembered) continue;
    block.dataset.remembered = "1";
    const button = find(block, "button.label-wrap");
    if (!button) continue;
    const key = `loom.open.${block.id}`;
    const isOpen = () => button.classList.contains("open");
    if (localStorage.getItem(key) === "1" && !isOpen()) button.click();
    // At once, so that a reload right after the click finds it.
    button.addEventListener("click", () => setTimeout(() => localStorage.setItem(key, isOpen() ? "1" : "0")));
    button.addEventListener("click", () => setTimeout(() => {
      for (const [mode, form] of Object.entries(loom.forms)) {
        if (form.last) mark(mode, form.last);
        loom.prompts?.[mode]?.look();
      }
    }, 120));
  }
};
