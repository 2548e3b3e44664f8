// @ts-check
/* What is chosen in a list, in another language: it is laid over the field (`data-spoken`), whose own text stays what the
   page put there and reads. */
import { all } from "./dom.js";
import { asPartsCome } from "../gradio_compat/late_folds.js";
import { loom } from "./registry.js";

/** Fields of Gradio's dropdowns. */
const LISTS = ".secondary-wrap > input";

/**
 * Lays the translation over a field; nothing where there is none, e.g. for a name.
 * @param {{value: string, parentElement: Pick<Element, "setAttribute" | "removeAttribute"> | null}} field
 * @param {(text: string) => string | null} say
 */
export const speakOver = (field, say) => {
  const said = field.value ? say(field.value) : null;
  if (said) field.parentElement?.setAttribute("data-spoken", said);
  else field.parentElement?.removeAttribute("data-spoken");
};

/** Follows what is chosen. @param {(text: string) => string | null} say */
export const speakLists = (say) => {
  let due = 0;
  const look = () => {
    due = 0;
    for (const field of all(document, LISTS)) speakOver(field, say);
  };
  // A field's text is no node of the page: it is looked at after whatever may have changed it.
  loom.spoken = () => { due ||= requestAnimationFrame(look); };
  for (const event of ["change", "focusout", "click"]) document.addEventListener(event, () => setTimeout(loom.spoken, 50), true);
  asPartsCome(loom.spoken);
};
