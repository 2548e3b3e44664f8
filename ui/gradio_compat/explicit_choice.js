// @ts-check
/* A choice by Enter in a dropdown that searches. `gr.Dropdown` (6.31) sends "select" for the mouse alone,
   and "input" for Enter and each time that the field is left; no issue upstream was found for it. */
import { maybe } from "../static/dom.js";
import { onceThere } from "./late_folds.js";

/** @type {Set<string>} ids of dropdowns in which Enter chose, until the page has asked */
const chosen = new Set();

/**
 * Notes that Enter chose: the field is left, and nothing else was pressed in between.
 * @param {string} id of the dropdown
 * @param {EventTarget} field
 * @param {EventTarget} page where a press elsewhere is heard
 */
export const notesEnter = (id, field, page) => {
  let enters = false;
  const other = () => { enters = false; };
  field.addEventListener("keydown", (event) => { enters = /** @type {KeyboardEvent} */ (event).key === "Enter"; }, true);
  page.addEventListener("pointerdown", other, true);
  field.addEventListener("blur", () => {
    if (enters) chosen.add(id);
    enters = false;
  }, true);
};

/** @param {string} id of a dropdown whose choices by Enter are noted */
export const chosenByKey = (id) => onceThere(
  () => maybe(`#${CSS.escape(id)} input`),
  (field) => notesEnter(id, field, document));

/**
 * What an "input" event hands on: the value that Enter chose, nothing when the field was only left. The page
 * asks late where an earlier event still waits for the server, so no clock tells the one from the other.
 * @param {string} id
 * @param {unknown} value
 */
export const explicit = (id, value) => (chosen.delete(id) ? value : null);
