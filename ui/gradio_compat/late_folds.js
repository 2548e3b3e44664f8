// @ts-check
/* Calls back as parts of the page come. A component's script (`js_on_load`) runs before the components
   below it are there, and Gradio (6.31) says nothing when they are; since gradio-app/gradio#12906 those
   of a tab come as it opens. */

const WAITS_MS = [0, 100, 300, 1000, 3000, 10_000];

/** @param {() => void} look finds what is there by now; called some times over the next seconds */
export const asPartsCome = (look) => { for (const wait of WAITS_MS) setTimeout(look, wait); };

/**
 * Calls back once a node is there; gives up after a minute, the most of which it looks twice a second.
 * @template {Element} T
 * @param {() => T | null} find
 * @param {(node: T) => void} found
 * @param {number} [tries]
 */
export const onceThere = (find, found, tries = 220) => {
  const node = find();
  if (node) found(node);
  else if (tries) setTimeout(() => onceThere(find, found, tries - 1), tries > 120 ? 50 : 500);
};
