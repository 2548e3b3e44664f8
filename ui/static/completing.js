// @ts-check
/* While a prompt is typed: what may be meant is offered below it, and words that the model does not know are named. */
import { all, el, find, maybe, near } from "./dom.js";
import { WORDS, write } from "./prompt.js";
import { loom } from "./registry.js";

/** @typedef {import("./types.js").Found} Found */
/** @typedef {{text: string, kind: string, insert: string, more: string}} Entry */

const MOST = 8, LEAST = 2, FIELD = `${WORDS} textarea`;
/* Words of the language itself, of which no card speaks. */
const SMALL = new Set(("a an the in on at of and or with without to from by under over above below behind before between near next beside into " +
  "is are it its his her their this that these those two three four some very left right top bottom front back side as for break").split(" "));

/**
 * What is being typed at a place; null where nothing is.
 * @param {string} text
 * @param {number} at
 * @returns {{from: number, typed: string} | null}
 */
export const typedAt = (text, at) => {
  if (/[\p{L}\p{N}_]/u.test(text[at] ?? "")) return null; // in the middle of a word
  const found = text.slice(0, at).match(/(?:__[^_,<>()\s]*|<lora:[^<>:]*|[\p{L}\p{N}][\p{L}\p{N}'_-]*)$/u);
  if (!found || found[0].length < LEAST) return null;
  return { from: at - found[0].length, typed: found[0] };
};

/**
 * What may be meant, the likeliest first.
 * @param {Entry[]} entries
 * @param {string} typed
 * @returns {Entry[]}
 */
export const matching = (entries, typed) => {
  const lora = typed.startsWith("<lora:"), sought = (lora ? typed.slice(6) : typed).toLowerCase();
  const fit = entries.filter((one) => (lora ? one.kind === "LoRA" : true) && one.text.toLowerCase().includes(sought) && one.insert !== typed);
  const begins = (/** @type {Entry} */ one) => (one.text.toLowerCase().startsWith(sought) ? 0 : 1);
  return fit.sort((a, b) => begins(a) - begins(b) || a.text.length - b.text.length).slice(0, MOST);
};

/**
 * The words of a prompt that are not among the known ones.
 * @param {string} text
 * @param {string[]} known what the card lists; none where it lists nothing
 * @param {string[]} further words that mean something else here, e.g. an embedding's name
 * @returns {string[]}
 */
export const unknownIn = (text, known, further = []) => {
  if (!known.length) return [];
  const heard = new Set([...known, ...further].flatMap((one) => one.toLowerCase().split(/\s+/)));
  const plain = text.replace(/<[^<>]*>/g, " ").replace(/__[^\s,]+?__/g, " ").replace(/:[\d.]+/g, " ");
  const words = plain.toLowerCase().match(/\p{L}[\p{L}'-]*/gu) ?? [];
  const knows = (/** @type {string} */ word) => heard.has(word) || SMALL.has(word) || heard.has(word.replace(/s$/, "")) || heard.has(word.replace(/es$/, ""));
  return [...new Set(words.filter((word) => !knows(word)))];
};

/** Whether two boxes share a place. @param {DOMRect} a @param {DOMRect} b */
export const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/* One list for all fields. */
/** @type {Found | null} */
let list = null;
/** @type {Found | null} */
let field = null;
/** @type {Entry[]} */
let offered = [];
let active = -1, from = 0;

/** Closes it; whether it was open. */
export const closeWords = () => {
  if (!list || list.hidden) return false;
  list.hidden = true;
  field?.removeAttribute("aria-activedescendant");
  field?.removeAttribute("aria-controls");
  return true;
};
const take = (/** @type {Entry} */ one) => {
  const into = field;
  closeWords();
  if (into) write(into, from, into.selectionEnd ?? from, one.insert);
};
const point = (/** @type {number} */ index) => {
  active = index;
  all(/** @type {Found} */ (list), "[role=option]").forEach((option, i) => {
    option.setAttribute("aria-selected", String(i === index));
    if (i === index) option.scrollIntoView({ block: "nearest" });
  });
  if (index >= 0) field?.setAttribute("aria-activedescendant", `loom-word-${index}`);
  else field?.removeAttribute("aria-activedescendant");
};
const open = (/** @type {Found} */ on, /** @type {Entry[]} */ entries, /** @type {number} */ start) => {
  if (!list) {
    list = el("div", "words-list");
    list.id = "loom-words";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Words");
    // The field keeps the keyboard.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
  }
  [field, offered, from] = [on, entries, start];
  list.replaceChildren(...entries.map((one, i) => {
    const option = el("div", "word");
    option.id = `loom-word-${i}`;
    option.setAttribute("role", "option");
    option.append(el("span", "", one.text), el("small", "", [one.kind, one.more].filter(Boolean).join(" · ")));
    option.addEventListener("click", () => take(one));
    return option;
  }));
  on.closest(".loom-says")?.append(list);
  list.hidden = false;
  list.classList.remove("aside");
  // Below the field, unless Generate lies there.
  const go = on.closest(".loom-left")?.querySelector("button.go");
  if (go && meets(list.getBoundingClientRect(), go.getBoundingClientRect())) list.classList.add("aside");
  on.setAttribute("aria-controls", list.id);
  on.setAttribute("aria-autocomplete", "list");
  point(-1);
};

document.addEventListener("keydown", (event) => {
  if (!list || list.hidden || event.isComposing || near(event) !== field || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step) point((active + step + offered.length + (active < 0 && step < 0 ? 1 : 0)) % offered.length);
  else if (event.key === "Enter" && active >= 0) take(offered[active]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("focusout", (event) => { if (near(event) === field) closeWords(); });

/**
 * Completes and marks the prompts of a tab.
 * @param {string} mode
 * @param {(asked: unknown) => Promise<any>} words the server's answer for a model
 */
export const mountWords = (mode, words) => {
  /** @type {{model: string, known: string[], entries: Entry[]}} */
  let told = { model: "", known: [], entries: [] };
  let asking = "";
  const learn = async () => {
    const model = loom.forms[mode]?.last?.model ?? "";
    if (!model || told.model === model || asking === model) return;
    asking = model;
    const got = await words({ model }).catch(() => null);
    asking = "";
    if (got?.entries) { told = { model, ...got }; mark(); }
  };
  const mark = () => {
    const block = maybe(`#${mode}-prompt`), row = block?.parentElement?.closest(".loom-words") ?? null;
    if (!block || !row) return;
    const text = find(block, "textarea")?.value ?? "", typing = document.activeElement === find(block, "textarea");
    // The word that is still being typed is not judged.
    const said = typing ? text.replace(/[\p{L}'-]+$/u, "") : text;
    const strange = unknownIn(said, told.known, told.entries.map((one) => one.text));
    let line = find(row, ".unknown");
    if (!line) {
      line = el("p", "unknown");
      line.setAttribute("role", "status");
      find(row, ".loom-prompt-row")?.after(line);
    }
    const said_ = strange.length ? `Not among the words that this model knows: ${strange.slice(0, 8).join(", ")}${strange.length > 8 ? ", …" : ""}` : "";
    if (line.textContent !== said_) line.textContent = said_;
    line.hidden = !said_;
  };
  document.addEventListener("input", (event) => {
    const on = near(event);
    if (!on.matches?.(FIELD) || !on.closest(`[id^="${mode}-"]`)) return;
    void learn();
    mark();
    const typed = typedAt(on.value, on.selectionEnd ?? 0), found = typed ? matching(told.entries, typed.typed) : [];
    if (typed && found.length && document.activeElement === on) open(on, found, typed.from);
    else closeWords();
  });
  return { look: () => { void learn(); mark(); } };
};
