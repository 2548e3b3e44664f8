// @ts-check
/* What was sent to a tab is in sight there. */
import { maybe } from "./dom.js";
import { onceThere } from "../gradio_compat/late_folds.js";

/** Id of the field that takes it. @param {string} to as `send` names places: a mode, or a mode and its part */
export const fieldOf = (to) => (to.includes("-") ? to : `${to}-image`);

/** @param {string} to */
export const showSent = (to) => onceThere(() => {
  const field = maybe(`#${CSS.escape(fieldOf(to))}`);
  return field?.offsetParent ? field : null; // its tab is still opening
}, (field) => field.scrollIntoView({ block: "nearest" }), 60);
