// @ts-check
/* Textual inversions as chips: a name goes into the prompt that was typed in last, and out again. */
import { el, find, near } from "./dom.js";
import { loom } from "./registry.js";

const FIELDS = ["prompt", "negative_prompt"];

const quoted = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/* As the server finds it: standing alone, in upper or lower case, with ComfyUI's prefix or not. */
const alone = (name) => `(?<![\\w-])(?:embedding:)?${quoted(name)}(?![\\w-])`;
const within = (text, name) => new RegExp(alone(name), "i").test(text);
const without = (text, name) => text
  .replace(new RegExp(`(?:^|,)\\s*${alone(name)}\\s*(?=,|$)|${alone(name)}`, "gi"), "")
  .replace(/^\s*,\s*/, "").trim();
const withIt = (text, name) => [text.trim().replace(/,$/, ""), name].filter(Boolean).join(", ");
export const embedded = { within, without, withIt };

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountEmbeddings = (element, { mode, server }) => {
  const chips = find(element, ".chips"), none = find(element, ".none");
  /** @type {string | null} */
  let asked = null;
  let asks = 0, last = "prompt";
  document.addEventListener("focusin", (event) => {
    for (const key of FIELDS) if (near(event).closest?.(`#${mode}-${key}`)) last = key;
  });
  const texts = () => loom.prompts?.[mode]?.texts() ?? { prompt: "", negative_prompt: "" };
  const mark = () => {
    const now = texts();
    for (const chip of chips.children)
      chip.setAttribute("aria-pressed", String(FIELDS.some((key) => within(now[key], chip.textContent ?? ""))));
  };
  const click = (name) => {
    const now = texts(), holding = FIELDS.filter((key) => within(now[key], name));
    for (const key of holding) now[key] = without(now[key], name);
    if (!holding.length) now[last] = withIt(now[last], name);
    loom.prompts[mode].fill(now);
    mark();
  };
  const chip = ({ name, vectors, why }) => {
    const button = el("button", "chip", name);
    button.type = "button";
    button.disabled = Boolean(why);
    button.title = why ?? `${vectors} ${vectors === 1 ? "token" : "tokens"}; goes into the prompt that you typed in last`;
    button.onclick = () => click(name);
    return button;
  };
  const ask = async (again) => {
    const model = String(loom.forms[mode]?.last?.model ?? "");
    if (model === asked && !again) return;
    asked = model;
    const mine = ++asks;
    const got = await server.embeddings({ model });
    if (mine !== asks || !got?.embeddings) return;
    chips.replaceChildren(...got.embeddings.map(chip));
    none.hidden = got.embeddings.length > 0;
    mark();
  };
  loom.embeddings[mode] = () => { mark(); if (chips.offsetParent) ask(false); };
  // Files come and go: look again when the fold is opened.
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => ask(true));
  ask(true);
};
