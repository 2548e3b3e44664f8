// @ts-check
/* Beside Size: width and height swapped, and the size of the picture on the canvas. */
import { el, find, maybe } from "./dom.js";
import { loom } from "./registry.js";

/**
 * A size with its sides swapped, as the control takes it; "" where it names none.
 * @param {string} text e.g. "320 × 192  (5:3)" or "320x192"
 */
export const swapped = (text) => {
  const found = text.match(/(\d+)\s*[x×]\s*(\d+)/);
  return found && found[1] !== found[2] ? `${found[2]}x${found[1]}` : "";
};

/** Puts them there once the control is. @param {string} mode */
export const sizeTools = (mode) => {
  const block = maybe(`#${mode}-size`), form = loom.forms[mode];
  if (!block || !form || find(block, ":scope > .size-tools")) return;
  const tools = el("span", "size-tools");
  const tool = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => string} */ size) => {
    const button = el("button", "quiet", text);
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => {
      const now = size();
      if (now) form.trigger("put", { changes: { size: now } });
    };
    tools.append(button);
  };
  tool("⇄", "Swap width and height", () => swapped(find(block, "input")?.value ?? ""));
  tool("▣", "Size of the picture on the canvas", () => {
    const stage = loom.stages[mode], one = stage?.value.results[stage.selected()];
    return one?.width ? `${one.width}x${one.height}` : "";
  });
  block.append(tools);
};
