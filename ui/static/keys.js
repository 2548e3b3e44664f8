// @ts-check
/* The keyboard: Ctrl+Enter generates, Ctrl+Z undoes the form, Space enlarges, "?" shows them, Escape closes what is open, or stops. */
import { find, focused, maybe } from "./dom.js";
import { closeWords } from "./completing.js";
import { closePast } from "./past.js";
import { closeQueue } from "./queue.js";
import { loom } from "./registry.js";
import { showShortcuts } from "./shortcuts.js";

/** Where Space types or presses. */
const TAKES_SPACE = "a, button, canvas, input, label, select, summary, textarea, video, [contenteditable], [role=button], [role=option], [role=tab]";

/** Where Ctrl+Z takes back what was typed, or painted. */
const TYPES = "canvas, .image-container, input:not([type=range], [type=checkbox], [type=radio], [type=file]), textarea, [contenteditable]";

/** The tab that is in sight. */
export const activeMode = () => {
  for (const [mode, stage] of Object.entries(loom.stages))
    if (find(stage.root, ".canvas").offsetParent !== null) return mode;
  return null;
};

document.addEventListener("keydown", (event) => {
  if (maybe("dialog[open]")) {
    if (event.key === "Escape" && loom.closeCheck?.()) event.preventDefault();
    return; // nothing behind it hears the keys
  }
  const mode = activeMode();
  const buttons = mode ? loom.forms[mode] : null;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.stopPropagation();
    // A field hands its value over when it is left; wait for that before starting.
    focused()?.blur?.();
    setTimeout(() => buttons?.go.click(), 60);
  } else if ((event.ctrlKey || event.metaKey) && /^[zy]$/i.test(event.key) && !focused()?.closest(TYPES)) {
    const redo = event.shiftKey || event.key.toLowerCase() === "y";
    if (buttons?.step(redo ? "redo" : "undo")) event.preventDefault();
  } else if (event.key === " " && !event.ctrlKey && !event.metaKey && !event.altKey && !focused()?.closest(TAKES_SPACE)) {
    if (mode && loom.stages[mode].enlarge()) {
      event.preventDefault();
      event.stopPropagation(); // in the open picture, it would close it again
    }
  } else if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.altKey && !focused()?.closest(TYPES)) {
    event.preventDefault();
    showShortcuts();
  } else if (event.key === "Escape") {
    if (closeWords() || closePast() || closeQueue() || loom.closeOverlay?.()) return;
    const panel = document.getElementById("loom-preset-close");
    if (panel) return panel.click();
    buttons?.calm();
    if (buttons && !buttons.stop.disabled) buttons.stop.click();
  }
}, true);
