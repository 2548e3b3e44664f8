// @ts-check
/* A choice by Enter in a dropdown that searches. `gr.Dropdown` (6.31) sends "select" for the mouse alone,
   and "input" for Enter and each time that the field is left; no issue upstream was found for it. */
import { maybe } from "../static/dom.js";
import { onceThere } from "./late_folds.js";

const SOON_MS = 300;
/** @type {Record<string, number>} when Enter was pressed, by the dropdown's id */
const entered = {};

/** @param {string} id of a dropdown whose choices by Enter are noted */
export const chosenByKey = (id) => onceThere(
  () => maybe(`#${CSS.escape(id)} input`),
  (field) => field.addEventListener("keydown", (event) => { if (event.key === "Enter") entered[id] = Date.now(); }, true));

/**
 * What an "input" event hands on: the value that Enter chose, nothing when the field was only left.
 * @param {string} id
 * @param {unknown} value
 */
export const explicit = (id, value) => (Date.now() - (entered[id] ?? 0) < SOON_MS ? value : null);
