// @ts-check
/* What an empty dropdown shows. `gr.Dropdown` (6.31) has no placeholder of its own, so an empty one
   looks broken; gradio-app/gradio#12128 asks for one. */
import { maybe } from "../static/dom.js";
import { onceThere } from "./late_folds.js";

/** @param {string} id of the dropdown @param {string} text */
export const placeholder = (id, text) =>
  onceThere(() => maybe(`#${CSS.escape(id)} input`), (field) => { field.placeholder = text; });
