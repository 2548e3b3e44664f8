// @ts-check
/* A question before what cannot be undone. */
import { el } from "./dom.js";

/**
 * Asks, with the way back in focus.
 * @param {string} question
 * @param {string} deed what the button that does it says
 * @returns {Promise<boolean>}
 */
export const sure = (question, deed) => new Promise((answer) => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask sure")));
  const words = el("h2", "", question), ways = el("div", "ways");
  words.id = "loom-sure-title";
  dialog.setAttribute("aria-labelledby", words.id);
  let said = false;
  const way = (/** @type {string} */ text, /** @type {boolean} */ does) => {
    const button = el("button", does ? "chip fix" : "chip", text);
    button.type = "button";
    button.onclick = () => { said = does; dialog.close(); };
    ways.append(button);
    return button;
  };
  way(deed, true);
  const back = way("Keep it", false);
  dialog.append(words, ways);
  dialog.addEventListener("close", () => { dialog.remove(); answer(said); });
  document.body.append(dialog);
  dialog.showModal();
  back.focus();
});
