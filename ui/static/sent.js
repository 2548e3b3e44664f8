// @ts-check
/* What was sent to a tab is in sight there. */
import { maybe } from "./dom.js";
import { loom } from "./registry.js";
import { onceThere } from "../gradio_compat/late_folds.js";

/** Id of the field that takes it. @param {string} to as `send` names places: a mode, or a mode and its part */
export const fieldOf = (to) => (to.includes("-") ? to : `${to}-image`);

/* What goes along with a picture, where its new tab says nothing of it yet. */
const ALONG = ["prompt", "negative_prompt", "loras"];

/**
 * Which of one form's words another one lacks.
 * @param {Record<string, any>} from
 * @param {Record<string, any>} to
 */
export const lacking = (from, to) => Object.fromEntries(ALONG.filter((key) =>
  key in to && String(from[key] ?? "").trim() && !String(to[key] ?? "").trim()).map((key) => [key, from[key]]));

/** The words of one tab go to another, which keeps what was written in it. @param {string} from @param {string} to */
export const carryWords = (from, to) => {
  const mode = to.split("-")[0], words = { ...loom.forms[from]?.last };
  if (mode === from) return;
  onceThere(() => (loom.restored[mode] && loom.forms[mode]?.last ? document.body : null), () => {
    const form = loom.forms[mode], changes = lacking(words, form.last ?? {}), field = maybe(`#${mode}-prompt textarea`);
    if (field && "prompt" in changes) {
      // At once, as typing would: by way of the server it would come over what somebody types meanwhile.
      if (!field.value) { field.setRangeText(changes.prompt, 0, 0, "end"); field.dispatchEvent(new Event("input", { bubbles: true })); }
      delete changes.prompt;
    }
    if (Object.keys(changes).length) form.trigger("put", { changes });
  }, 60);
};

/** @param {string} to */
export const showSent = (to) => onceThere(() => {
  const field = maybe(`#${CSS.escape(fieldOf(to))}`);
  return field?.offsetParent ? field : null; // its tab is still opening
}, (field) => field.scrollIntoView({ block: "nearest" }), 60);
