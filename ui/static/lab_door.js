// @ts-check
/* The Lab's tab: what is in it is fetched when it is first seen. */
import { el, find } from "./dom.js";
import { onGathered } from "./events.js";
import { AWAY, ask } from "./jobs.js";
import { loom } from "./registry.js";

/** @typedef {{script: string, style: string, panels: {key: string, title: string, says: string}[]}} About */

const FILES = "loom/lab/files/";

/** @param {Element} node @returns {Promise<boolean>} whether it came */
const fetched = (node) => new Promise((done) => {
  node.addEventListener("load", () => done(true));
  node.addEventListener("error", () => done(false));
  document.head.append(node);
});

/** @param {About} about */
const bring = async ({ script, style }) => {
  const code = /** @type {HTMLScriptElement} */ (/** @type {unknown} */ (el("script")));
  const looks = /** @type {HTMLLinkElement} */ (/** @type {unknown} */ (el("link")));
  looks.rel = "stylesheet";
  looks.href = FILES + style;
  code.src = FILES + script;
  const came = await Promise.all([fetched(looks), fetched(code)]);
  return came.every(Boolean);
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountLab = (element, { trigger, upload }) => {
  const root = find(element, ".lab"), line = find(root, ".wait");
  let model = "", begun = false;
  /** @type {Set<() => void>} */
  const followers = new Set();
  onGathered("lab.model", (_, values) => {
    model = String(values.model ?? "");
    for (const follower of followers) follower();
  });
  const open = async () => {
    if (begun) return;
    begun = true;
    line.textContent = "Opening the Lab…";
    trigger("model", {});
    const about = await ask("loom/lab");
    if (!about?.panels || !(loom.openLab || await bring(about))) {
      begun = false; // the next look tries again
      line.textContent = about?.error ?? AWAY;
      return;
    }
    loom.openLab(root, about.panels, { upload, model: () => model, follow: (/** @type {() => void} */ one) => followers.add(one) });
  };
  const seen = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) open(); });
  seen.observe(root);
};
