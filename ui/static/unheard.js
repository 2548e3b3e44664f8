// @ts-check
/* A page that is left in the moment after something was typed or pressed loses nothing. Gradio's page hands a field's
   value on some frames later, and only then the browser keeps the form: what it has not heard by then is kept here. */
import { maybe, near } from "./dom.js";
import { loom } from "./registry.js";

const KEY = "loom.unheard", FIELD = ".loom-says textarea";
/** @typedef {string | number | boolean} Value */
/** @typedef {Record<string, Record<string, Value>>} Values by tab and control */

/** @returns {Values} */
const left = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
};
/** @param {Values} values */
const leave = (values) => {
  if (Object.keys(values).length) localStorage.setItem(KEY, JSON.stringify(values));
  else localStorage.removeItem(KEY);
};

/** Put into a field, and not yet among the form's values. @type {Values} */
const put = {};
/** @param {string} mode @param {string} key @param {Value} value */
export const wrote = (mode, key, value) => { (put[mode] ??= {})[key] = value; };

/**
 * A form's values are known: what of the fields is among them needs no keeping.
 * @param {string} mode
 * @param {Record<string, any>} now
 */
export const heard = (mode, now) => {
  for (const [key, value] of Object.entries(put[mode] ?? {})) if ((now[key] ?? "") === value) delete put[mode][key];
};

/**
 * What a page that was left had of a tab and the form has not, once.
 * @param {string} mode
 * @param {Record<string, any>} now
 * @returns {Record<string, Value>}
 */
export const foundAgain = (mode, now) => {
  const values = left(), own = values[mode] ?? {};
  if (!(mode in values)) return {};
  delete values[mode];
  leave(values);
  return Object.fromEntries(Object.entries(own).filter(([key, value]) => key in now && (now[key] ?? "") !== value));
};

/**
 * The page is left: what stands in its fields as it was put there, and was not heard.
 * @param {(mode: string, key: string) => Value | null} shown what is in sight; null where that cannot be told
 */
export const keepUnheard = (shown) => {
  const some = Object.entries(put).map(([mode, values]) =>
    [mode, Object.fromEntries(Object.entries(values).filter(([key, value]) => (shown(mode, key) ?? value) === value))]);
  const kept = some.filter(([, values]) => Object.keys(values).length);
  if (kept.length) leave({ ...left(), ...Object.fromEntries(kept) });
};

/** What a field holds, as the form has it. @param {any} field @returns {Value | null} */
const held = (field) => {
  if (field?.type === "checkbox") return field.checked;
  if (field?.type === "number" || field?.type === "range") return field.value === "" ? null : Number(field.value);
  return field?.matches?.(FIELD) ? field.value : null;
};
const noticed = (/** @type {Event} */ event) => {
  const field = near(event), value = held(field);
  if (value === null) return;
  for (let block = field.closest("[id]"); block; block = block.parentElement?.closest("[id]") ?? null) {
    const [mode, key] = block.id.split("-"), last = loom.forms[mode]?.last;
    if (!last || !(key in last)) continue;
    if (typeof value === typeof (last[key] ?? "")) wrote(mode, key, value);
    return;
  }
};
addEventListener("input", (event) => { if (near(event).matches?.(FIELD)) noticed(event); }, true);
addEventListener("change", noticed, true);
addEventListener("pagehide", () => keepUnheard((mode, key) =>
  held(maybe(`#${mode}-${key} :is(textarea, input[type=number], input[type=checkbox])`))));
