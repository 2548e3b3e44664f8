// @ts-check
/* Beside Size: width and height swapped, and the size of the picture on the canvas. */
import { all, el, find, focused, maybe } from "./dom.js";
import { loom } from "./registry.js";

/**
 * A size with its sides swapped, as the control takes it; "" where it names none.
 * @param {string} text e.g. "320 × 192  (5:3)" or "320x192"
 */
export const swapped = (text) => {
  const found = text.match(/(\d+)\s*[x×]\s*(\d+)/);
  return found && found[1] !== found[2] ? `${found[2]}x${found[1]}` : "";
};

/** The ratio of what the control shows, e.g. "3:2"; "" where that is none of the model's. @param {string} text @param {Record<string, string>} ratios */
export const ratioOf = (text, ratios) => {
  const bare = text.replaceAll(" ", ""), found = bare.match(/(\d+)[x×](\d+)/);
  if (/native/.test(bare)) return Object.keys(ratios).find((key) => ratios[key] === "native") ?? "";
  return found ? Object.keys(ratios).find((key) => ratios[key] === `${found[1]}x${found[2]}`) ?? "" : "";
};

/* The model's sizes by their ratio, a press each. */
const drawRatios = (/** @type {import("./types.js").Found} */ block, /** @type {import("./types.js").Form} */ form) => {
  let row = find(block, ":scope > .ratios");
  const names = Object.keys(form.ratios), now = ratioOf(find(block, "input")?.value ?? "", form.ratios);
  if (!row) {
    row = el("div", "ratios");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Ratio of the sides");
    row.addEventListener("keydown", (event) => {
      const chips = all(row, ".ratio"), at = chips.findIndex((chip) => chip === focused());
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || at < 0) return;
      event.preventDefault();
      chips[(at + step + chips.length) % chips.length].focus();
    });
    block.append(row);
  }
  const key = names.join();
  if (row.dataset.names !== key) {
    row.dataset.names = key;
    row.replaceChildren(...names.map((name) => {
      const chip = el("button", "ratio", name);
      chip.type = "button";
      chip.onclick = () => form.trigger("put", { changes: { size: form.ratios[name] } });
      return chip;
    }));
  }
  const held = names.includes(now) ? now : names[0];
  for (const chip of all(row, ".ratio")) {
    chip.setAttribute("aria-pressed", String(chip.textContent === now));
    chip.tabIndex = chip.textContent === held ? 0 : -1; // one of them is on the way of Tab, arrows go to the others
  }
};

/** Puts them there once the control is. @param {string} mode */
export const sizeTools = (mode) => {
  const block = maybe(`#${mode}-size`), form = loom.forms[mode];
  if (!block || !form) return;
  drawRatios(block, form);
  if (find(block, ":scope > .size-tools")) return;
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
