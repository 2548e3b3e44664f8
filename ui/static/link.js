// @ts-check
/* Links that carry a recipe behind the "#", which browsers keep to themselves. */
import { el, find, toast } from "./dom.js";
import { loom } from "./registry.js";

const MARK = "#recipe=";

export const copyLink = async (recipe) => {
  const url = location.origin + location.pathname + MARK + recipe;
  try {
    await navigator.clipboard.writeText(url);
    toast("The link is copied. It fills the form with these settings and runs nothing.");
  } catch {
    // Without a secure connection, or where the browser forbids it: to be copied by hand.
    const note = toast("Copy this link; it fills the form with these settings and runs nothing.", "info", { keep: true });
    const field = el("input");
    field.readOnly = true;
    field.value = url;
    field.setAttribute("aria-label", "Link");
    find(note, "p").append(field);
    field.focus();
    field.select();
  }
};

const take = () => {
  if (!location.hash.startsWith(MARK)) return;
  const recipe = location.hash.slice(MARK.length);
  // A reload keeps what was changed since.
  history.replaceState(history.state, "", location.pathname + location.search);
  loom.openLink?.(recipe);
};
/* Called by the page once it is there: what the browser kept of the forms comes first. */
export const watchLinks = async (modes) => {
  while (!loom.openLink || !modes.every((mode) => loom.restored[mode])) await new Promise((go) => setTimeout(go, 50));
  take();
  addEventListener("hashchange", take);
};
