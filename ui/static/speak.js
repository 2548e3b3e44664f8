// @ts-check
/* The page in another language: what stands in it is looked up in a table, wherever it comes from. English is what
   everything is written in; what a table lacks stays English. What people wrote, and names of files, is left alone. */
import { el, maybe } from "./dom.js";
import { onceThere } from "../gradio_compat/late_folds.js";
import { ask } from "./jobs.js";
import { speakLists } from "./speak_lists.js";

/** @typedef {{language: string, dir: "ltr" | "rtl", words: Record<string, string>}} Table */

const KEY = "loom.language", LANGUAGES = { en: "English", de: "Deutsch" }, MOST_CHARS = 400, MOST_KNOWN = 4000;
const OTHERS = "textarea, pre, code, script, style, .past-prompt, .queue-list .words, .past .words, .lightbox .words, .words-list, .pick b, .loom-scripts, [translate=no]";
const SAID = ["title", "aria-label", "placeholder", "alt"];
const RANGE = /^(.*[.)]) (-?[\d.]+) to (-?[\d.]+)(?: (.+?))?\.$/s;

/**
 * A table's way with a text; null where the text is not in it.
 * @param {Table} table
 * @returns {(text: string) => string | null}
 */
export const translator = ({ words }) => {
  const escaped = (/** @type {string} */ text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const patterns = Object.entries(words).filter(([key]) => key.includes("{}"))
    .map(([key, value]) => /** @type {const} */ ([new RegExp(`^${key.split("{}").map(escaped).join("(.+?)")}$`, "s"), value]))
    .sort(([a], [b]) => b.source.length - a.source.length); // what says more is tried first
  /** @type {Map<string, string | null>} */
  const known = new Map();
  const find = (/** @type {string} */ text) => {
    const whole = Object.hasOwn(words, text) ? words[text] : undefined;
    if (whole !== undefined) return whole;
    const range = RANGE.exec(text);
    if (range && Object.hasOwn(words, range[1])) {
      const [, said, low, high, unit] = range;
      return `${words[said]} ${low} ${words.to ?? "to"} ${high}${unit ? ` ${words[unit] ?? unit}` : ""}.`;
    }
    for (const [pattern, value] of patterns) {
      const found = pattern.exec(text);
      if (!found) continue;
      let at = 1;
      return value.replaceAll("{}", () => { const part = found[at++]; return words[part] ?? (part.includes(" · ") ? one(part) : null) ?? part; });
    }
    if (text.includes(" · ")) {
      const parts = text.split(" · "), said = parts.map((part) => one(part));
      if (said.some((part) => part !== null)) return said.map((part, i) => part ?? parts[i]).join(" · ");
    }
    return null;
  };
  const one = (/** @type {string} */ text) => {
    if (!text || text.length > MOST_CHARS) return null;
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size > MOST_KNOWN) known.clear();
    const said = find(text);
    known.set(text, said);
    return said;
  };
  return (text) => {
    const bare = text.trim().replace(/\s+/g, " "), said = one(bare);
    return said === null || said === bare ? null : text.replace(text.trim(), () => said);
  };
};

/** @returns {string} the language that was chosen, else the browser's where there is a table for it */
export const language = () => {
  const chosen = localStorage.getItem(KEY) ?? "", first = (navigator.language ?? "en").slice(0, 2);
  return chosen in LANGUAGES ? chosen : first in LANGUAGES ? first : "en";
};

/** @param {(text: string) => string | null} say */
const follow = (say) => {
  const ours = new WeakMap(); // what we have put there, so that it is not looked up again
  const text = (/** @type {Text} */ node) => {
    const now = node.data;
    if (ours.get(node) === now || !/[A-Za-z]{2}/.test(now) || node.parentElement?.closest(OTHERS)) return;
    const said = say(now);
    if (said === null) return;
    ours.set(node, said);
    node.data = said;
  };
  const attributes = (/** @type {Element} */ node, names = SAID) => {
    for (const name of names) {
      const now = node.getAttribute(name), said = now && say(now);
      if (said) node.setAttribute(name, said);
    }
  };
  const tree = (/** @type {Node} */ root) => {
    if (root instanceof Text) { text(root); return; }
    if (!(root instanceof Element) || root.matches("script, style")) return;
    attributes(root);
    for (const node of root.querySelectorAll("[title], [aria-label], [placeholder], [alt]")) attributes(node);
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) text(/** @type {Text} */ (walk.currentNode));
  };
  tree(document.body);
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes, attributeName } of changes) {
      if (type === "childList") for (const node of addedNodes) tree(node);
      else if (type === "characterData") text(/** @type {Text} */ (target));
      else attributes(/** @type {Element} */ (target), [attributeName ?? ""]);
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: SAID });
};

/** The choice at the foot of the page, and the page in what was chosen. */
export const mountLanguage = async () => {
  const now = language();
  onceThere(() => maybe(".loom-foot"), (foot) => {
    const select = /** @type {any} */ (el("select", "quiet language"));
    select.setAttribute("aria-label", "Language");
    select.setAttribute("translate", "no");
    select.append(...Object.entries(LANGUAGES).map(([key, name]) => new Option(name, key)));
    select.value = now;
    select.onchange = () => { localStorage.setItem(KEY, select.value); location.reload(); };
    foot.append(select);
  });
  if (now === "en") return;
  const table = await ask(`loom/words/${now}`);
  if (!table?.words) return;
  document.documentElement.lang = now;
  document.documentElement.dir = table.dir;
  const say = translator(table);
  follow(say);
  speakLists(say);
};
