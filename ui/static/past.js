// @ts-check
/* The last prompts of this browser: a list under the prompt field, by mouse and by keyboard. */
import { all, el, find, focused, maybe, near } from "./dom.js";
import { loom } from "./registry.js";

const KEY = "loom.past", KEPT = 50;
const FIELDS = ["prompt", "negative_prompt"];
/** @type {((back?: boolean) => void) | null} */
let open = null;

const kept = () => {
  try {
    const list = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => FIELDS.every((key) => typeof one?.[key] === "string")) : [];
  } catch { return []; }
};
const keep = (list) => {
  try { localStorage.setItem(KEY, JSON.stringify(list)); } catch { /* no room: the list is a comfort only */ }
};

/* Called by Generate: what is asked for now goes to the top of the list. */
export const rememberPrompt = (mode) => {
  const now = loom.prompts?.[mode]?.texts() ?? {};
  const [prompt, negative_prompt] = FIELDS.map((key) => (now[key] ?? "").trim());
  if (!prompt) return;
  const others = kept().filter((one) => one.prompt !== prompt || one.negative_prompt !== negative_prompt);
  keep([{ prompt, negative_prompt }, ...others].slice(0, KEPT));
};
export const closePast = () => {
  if (!open) return false;
  open();
  return true;
};
document.addEventListener("pointerdown", (event) => { if (!near(event).closest(".prompt-row")) open?.(false); });

export const mountPast = (element, mode) => {
  const toggle = find(element, ".past-open"), box = find(element, ".past-list");
  const list = find(box, "[role=listbox]"), clear = find(box, ".past-clear");
  const hide = (back = true) => {
    box.hidden = true;
    open = null;
    toggle.setAttribute("aria-expanded", "false");
    if (back) toggle.focus();
  };
  const option = (one) => {
    const row = el("div", "past-prompt");
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    row.tabIndex = -1;
    row.append(el("span", "words", one.prompt));
    if (one.negative_prompt) row.append(el("small", "", `not: ${one.negative_prompt}`));
    row.onclick = () => {
      hide(false);
      loom.prompts[mode].fill({ prompt: one.prompt, negative_prompt: one.negative_prompt });
      maybe(`#${mode}-prompt textarea`)?.focus();
    };
    return row;
  };
  const show = () => {
    open?.(false);
    const past = kept();
    list.replaceChildren(...past.map(option));
    list.hidden = clear.hidden = !past.length;
    find(box, ".none").hidden = past.length > 0;
    box.hidden = false;
    open = hide;
    toggle.setAttribute("aria-expanded", "true");
    const first = /** @type {import("./types.js").Found | null} */ (list.firstElementChild);
    if (first) { first.tabIndex = 0; first.focus(); }
  };
  toggle.addEventListener("click", () => (box.hidden ? show() : hide()));
  clear.addEventListener("click", () => { keep([]); hide(); });
  list.addEventListener("keydown", (event) => {
    const rows = all(list, ":scope > *"), at = rows.findIndex((row) => row === focused());
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
      rows.forEach((row) => { row.tabIndex = row === next ? 0 : -1; });
      next.focus();
    } else if ((event.key === "Enter" || event.key === " ") && !event.ctrlKey && !event.metaKey && at >= 0) {
      event.preventDefault();
      rows[at].click();
    }
  });
};
