// @ts-check
/* What went wrong, over the picture that stays: the sentence, where to look, and the fix as a button. */
import { el, maybe } from "./dom.js";
import { exampleChip, placesOf } from "./examples.js";
import { onceThere } from "../gradio_compat/late_folds.js";
import { loom } from "./registry.js";
import { fieldOf } from "./sent.js";

/** @typedef {import("./types.js").Failure} Failure */

const CLIP = "clip-clip"; // its field

/**
 * Shows a control: its fold opened, in sight, with the keyboard in it.
 * @param {string} mode
 * @param {{key: string, fold: string}} place
 */
export const goTo = (mode, { key, fold }) => {
  const there = () => maybe(`#${CSS.escape(`${mode}-${key}`)}`);
  if (fold && !there()) maybe(`#${CSS.escape(fold)} > button.label-wrap`)?.click();
  onceThere(there, (block) => {
    block.scrollIntoView({ block: "center" });
    /** @type {HTMLElement | null} */ (block.querySelector("input, textarea, select, button"))?.focus({ preventScroll: true });
  }, 60);
};

/**
 * Whether a change of the form has taken the cause away.
 * @param {Failure | null} failure
 * @param {Record<string, unknown>} values of the form, now
 */
export const isMended = (failure, values) =>
  Boolean(failure?.place) && JSON.stringify(values[failure?.place?.key ?? ""]) !== failure?.was;

/**
 * Fills the remedies below the sentence.
 * @param {HTMLElement} box
 * @param {string} mode
 * @param {Failure | null} failure
 * @param {(changes: Record<string, unknown>) => void} change
 */
export const drawRemedies = (box, mode, failure, change) => {
  const key = JSON.stringify(failure);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const buttons = [];
  if (failure?.fix) {
    const { label, changes } = failure.fix, button = el("button", "chip fix", label);
    button.type = "button";
    button.onclick = () => change(changes);
    buttons.push(button);
  }
  for (const place of failure?.wants ?? []) {
    const title = loom.targets.find((one) => one.mode === place)?.title ?? "", of = title.split(", ")[1];
    const button = el("button", "chip", place === CLIP ? "Choose a clip" : of ? `Choose ${of}` : "Choose a picture");
    button.type = "button";
    button.onclick = () => maybe(`#${CSS.escape(fieldOf(place))} input[type=file]`)?.click();
    buttons.push(button);
  }
  const example = failure?.wants?.length ? exampleChip(mode, []) : null;
  if (example) buttons.push(example);
  if (failure?.place) {
    const { place } = failure, button = el("button", "chip", `Show “${place.label}”`);
    button.type = "button";
    button.onclick = () => goTo(mode, place);
    buttons.push(button);
  }
  box.replaceChildren(...buttons);
};

/** Where a tab takes pictures, or a clip, and has none. @param {string} mode */
const empty = (mode) => {
  const field = (/** @type {string} */ place) => maybe(`#${CSS.escape(fieldOf(place))}`);
  const bare = placesOf(loom.targets, mode).map((one) => one.mode).filter((place) => { const at = field(place); return at && !at.querySelector("img"); });
  return field(CLIP)?.querySelector("input[type=file]") && mode === "clip" ? [...bare, CLIP] : bare;
};

/**
 * What the server said of a refusal, as the stage keeps it.
 * @param {string} mode
 * @param {{field?: {key: string, label: string, fold: string} | null, fix?: {label: string, changes: Record<string, unknown>} | null}} said
 * @returns {Failure | null}
 */
export const failureOf = (mode, { field, fix }) => {
  const wants = field || fix ? [] : empty(mode);
  if (!field && !fix && !wants.length) return null;
  const was = JSON.stringify(loom.forms[mode]?.last?.[field?.key ?? ""]);
  return { place: field ?? null, fix: fix ?? null, was, wants };
};
