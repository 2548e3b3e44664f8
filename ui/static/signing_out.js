// @ts-check
/* Signing out: it ends this browser's session alone. */
import { find, toast } from "./dom.js";
import { post } from "./jobs.js";

/** @param {Element} element */
export const mountSignOut = (element) => {
  const button = find(element, ".sign-out");
  const user = /** @type {any} */ (window).gradio_config?.username;
  if (!user) return;
  button.title = `Signed in as ${user}`;
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (await post("loom/sign-out")) location.reload();
    else toast("You could not be signed out; the studio did not answer.", "warn");
  });
};
