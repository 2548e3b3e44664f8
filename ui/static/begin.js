// @ts-check
/* What a tab begins with: a person's own settings in the place of the usual ones, kept in this browser. */
import { el, find, maybe, toast } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {Record<string, any>} Values */

const KEY = "loom.begin.", OTHERS = /prompt|seed|^model$|^stages$/;

/** @param {string} mode @returns {Values} what a person has kept of a tab */
export const ownOf = (mode) => {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY + mode) ?? "{}");
    return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
  } catch { return {}; }
};

/** What of a form's values differs from the usual and may be kept: no words, seeds or model. @param {Values} values @param {Values} usual @returns {Values} */
export const worthKeeping = (values, usual) =>
  Object.fromEntries(Object.entries(usual).filter(([key, standard]) => !OTHERS.test(key) && key in values && String(values[key] ?? "") !== String(standard ?? ""))
    .map(([key]) => [key, values[key]]));

/** The usual values with a person's own in their place. @param {string} mode @param {Values} usual @returns {Values} */
export const withOwn = (mode, usual) =>
  ({ ...usual, ...Object.fromEntries(Object.entries(ownOf(mode)).filter(([key]) => key in usual)) });

/** Two ways at the end of a tab's last fold. @param {string} mode @param {(usual: boolean) => void} changed */
export const offerBegin = (mode, changed) => {
  const fold = maybe(`#${mode}-advanced`), form = loom.forms[mode];
  if (!fold || !form || find(fold, ":scope > .begin-with")) return;
  const box = el("div", "begin-with"), own = el("button", "quiet", "Begin with these settings"), usual = el("button", "quiet", "Begin as usual");
  own.type = usual.type = "button";
  own.title = "This tab begins with the settings that stand here now, and its resets lead to them; prompts, seeds and the model are left out";
  const look = () => { usual.hidden = !Object.keys(ownOf(mode)).length; };
  own.onclick = () => {
    const kept = worthKeeping(form.last ?? {}, form.usual);
    try { localStorage.setItem(KEY + mode, JSON.stringify(kept)); } catch { /* no room: a comfort only */ }
    changed(false);
    look();
    const count = Object.keys(kept).length;
    toast(count ? `This tab begins with these settings from now on (${count} differ from the usual).` : "This tab begins as usual: nothing differs.");
  };
  usual.onclick = () => {
    localStorage.removeItem(KEY + mode);
    changed(true);
    look();
  };
  box.append(own, usual);
  fold.append(box);
  look();
};
