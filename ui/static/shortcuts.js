// @ts-check
/* The keys of the page, shown on "?". */
import { el } from "./dom.js";

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Everywhere", [
    ["Ctrl Enter", "Generate, or add to the queue"], ["Esc", "Close what is open, else stop"],
    ["Ctrl Z · Ctrl Shift Z", "Take the form back and forth"], ["Space", "The picture over the whole window"], ["?", "These keys"],
  ]],
  ["In a prompt", [["Ctrl ↑ · Ctrl ↓", "Weight of the word or of what is selected"], ["↓ Enter", "Take a word that is offered"]]],
  ["Painting on the picture", [
    ["B · L · E · I", "Brush, lasso, eraser, colour from the picture"], ["M · S · X", "Mask, sketch, the other one"],
    ["[ ]", "Brush smaller, larger"], ["Ctrl Z · Ctrl Shift Z", "Strokes back and forth"], ["Shift", "A straight line from the last stroke"],
    ["Wheel · Space · 0", "Nearer and farther, move, all of it"], ["Esc", "Back to the results"],
  ]],
  ["A picture over the window", [["← →", "Before, next"], ["Home · End", "First, last"], ["+ −", "Nearer, farther"], ["Space · Esc", "Close"]]],
  ["History", [["Arrows · Page ↑↓ · Home · End", "From picture to picture"], ["Enter", "Open"], ["Delete", "Put aside, with Undo"]]],
  ["Pad", [["Arrows, with Shift far", "Move the point"]]],
];

/** What stands on the right where there is room for two sides, of about equal length. */
const RIGHT = ["Painting on the picture", "History"];

export const showShortcuts = () => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask shortcuts")));
  dialog.setAttribute("aria-labelledby", "loom-keys-title");
  const title = el("h2", "", "Keys"), close = el("button", "close quiet", "×");
  title.id = "loom-keys-title";
  close.setAttribute("aria-label", "Close");
  close.onclick = () => dialog.close();
  const parts = el("div", "parts"), sides = [el("div"), el("div")];
  parts.append(...sides);
  dialog.append(close, title, parts);
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  for (const [where, keys] of KEYS) {
    const table = el("dl");
    for (const [key, what] of keys) table.append(el("dt", "", mac ? key.replaceAll("Ctrl", "⌘") : key), el("dd", "", what));
    sides[RIGHT.includes(where) ? 1 : 0].append(el("h3", "", where), table);
  }
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
};
