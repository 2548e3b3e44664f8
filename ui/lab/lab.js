// @ts-check
/* The Lab: a row of panels, of which one is shown; each is mounted when it is first chosen. */
import { el, find } from "../static/dom.js";
import { ask } from "../static/jobs.js";
import { loom } from "../static/registry.js";
import { deskOf } from "./bench.js";
import { mountCodes } from "./codes.js";
import { mountDigits } from "./digits.js";
import { mountLatents } from "./latents.js";
import { mountSamplers } from "./samplers.js";
import { mountWords } from "./words.js";

/** @typedef {{upload: (file: File) => Promise<{path: string}>, model: () => string, follow: (told: () => void) => void}} Given */

/* A panel is one module with a function that fills its place; the server's PANEL has the same key. */
/** @type {Record<string, (root: import("../static/types.js").Found, desk: import("./bench.js").Desk) => void>} */
const PANELS = { codes: mountCodes, digits: mountDigits, latents: mountLatents, words: mountWords, samplers: mountSamplers };
const KEPT = "loom.lab.panel";

/**
 * @param {HTMLElement} root
 * @param {{key: string, title: string, says: string}[]} told
 * @param {Given} given
 */
loom.openLab = (root, told, given) => {
  const panels = told.filter(({ key }) => PANELS[key]);
  const row = el("div", "lab-row");
  row.setAttribute("role", "tablist");
  row.setAttribute("aria-label", "Panels of the Lab");
  const places = panels.map(({ key, title, says }) => {
    const button = el("button", "quiet", title), place = el("section", `lab-panel lab-${key}`);
    button.type = "button";
    button.id = `lab-tab-${key}`;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", `lab-${key}`);
    place.id = `lab-${key}`;
    place.setAttribute("role", "tabpanel");
    place.setAttribute("aria-labelledby", button.id);
    place.hidden = true;
    const unfit = el("p", "unfit warn"), inside = el("div", "inside");
    unfit.hidden = true;
    unfit.setAttribute("role", "status");
    place.append(el("p", "say", says), unfit, inside);
    button.onclick = () => show(key);
    row.append(button);
    return { key, button, place, unfit, inside, mounted: false };
  });
  const show = (/** @type {string} */ key) => {
    for (const one of places) {
      const on = one.key === key;
      one.button.setAttribute("aria-selected", String(on));
      one.button.tabIndex = on ? 0 : -1;
      one.place.hidden = !on;
      if (!on || one.mounted) continue;
      one.mounted = true;
      PANELS[key](one.inside, deskOf(key, given));
    }
    try { localStorage.setItem(KEPT, key); } catch { /* a comfort only */ }
  };
  row.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = places.findIndex(({ button }) => button === document.activeElement);
    const next = places[(at + by + places.length) % places.length];
    show(next.key);
    next.button.focus();
  });
  let turn = 0;
  const fit = async () => {
    const mine = ++turn, why = await ask(`loom/lab/fitting?${new URLSearchParams({ model: given.model() })}`);
    if (mine !== turn || !why || why.error) return;
    for (const { key, unfit, inside } of places) {
      unfit.textContent = why[key] ?? "";
      unfit.hidden = !why[key];
      inside.inert = Boolean(why[key]);
      inside.classList.toggle("greyed", Boolean(why[key]));
    }
    root.dataset.model = given.model();
  };
  root.replaceChildren(row, ...places.map(({ place }) => place));
  const kept = localStorage.getItem(KEPT);
  show(panels.some(({ key }) => key === kept) ? String(kept) : panels[0].key);
  given.follow(fit);
  fit();
  root.dataset.state = "open";
  find(root, ".lab-row").hidden = panels.length < 2;
};
