// @ts-check
/* Prompt fields: writing into them so that undo works, and weights by keyboard. */
import { near } from "./dom.js";

/** Fields of words, and not of numbers or colours. */
export const WORDS = ".loom-says[id*='prompt']";
const FIELD = `${WORDS} textarea`;
const WORD_ENDS = /[\s.,\\/!?%^*;:{}=`~()[\]<>|"]/;
const WEIGHT = /^\s*:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)/;

/* Replaces a stretch of a field's text as typing would. */
export const write = (field, from, to, text, select = [from + text.length, from + text.length]) => {
  field.focus();
  field.setSelectionRange(from, to);
  const typed = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
  if (!typed) {
    field.setRangeText(text, from, to, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  field.setSelectionRange(...select);
};

const rounded = (value) => Number(value.toFixed(4));

/* The innermost round brackets about a place: where they open and close. */
const brackets = (text, at) => {
  let open = -1;
  for (let i = at - 1, depth = 0; i >= 0; i--) {
    if (text[i - 1] === "\\") continue;
    if (text[i] === ")") depth++;
    else if (text[i] === "(" && depth-- === 0) { open = i; break; }
  }
  if (open < 0) return null;
  for (let i = at, depth = 0; i < text.length; i++) {
    if (text[i - 1] === "\\") continue;
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && depth-- === 0) return [open, i];
  }
  return null;
};

/* What is meant by a cursor: what stands in the brackets about it, else its word. */
const meant = (text, at) => {
  const about = brackets(text, at);
  if (about) {
    const inside = text.slice(about[0] + 1, about[1]);
    const plain = inside.match(/^(.*?)\s*:\s*[+-]?[\d.]+\s*$/s)?.[1] ?? inside;
    return [about[0] + 1, about[0] + 1 + plain.length];
  }
  let from = at, to = at;
  while (from > 0 && !WORD_ENDS.test(text[from - 1])) from--;
  while (to < text.length && !WORD_ENDS.test(text[to])) to++;
  return [from, to];
};

const extra = (text, at, up) => {
  for (const tag of text.matchAll(/<lora:([^:<>]+)(?::([+-]?[\d.]+))?([^<>]*)>/g)) {
    const end = tag.index + tag[0].length;
    if (at <= tag.index || at >= end) continue;
    const weight = rounded(Number(tag[2] ?? 1) + (up ? 0.05 : -0.05));
    return { from: tag.index, to: end, text: `<lora:${tag[1]}:${weight}${tag[3]}>`, select: [at, at] };
  }
  return null;
};

/* What Ctrl+Up or Down makes of a text: {from, to, text, select}, or null. */
export const weigh = (text, from, to, up) => {
  if (from === to) {
    const tag = extra(text, from, up);
    if (tag) return tag;
    [from, to] = meant(text, from);
  }
  while (from < to && /\s/.test(text[from])) from++;
  while (to > from && /\s/.test(text[to - 1])) to--;
  const whole = text.slice(from, to).match(/^\(([^()]*?)\s*:\s*[+-]?[\d.]+\s*\)$/s);
  if (whole) { from += 1; to = from + whole[1].length; }
  if (from === to) return null;
  const words = text.slice(from, to);
  let weight = 1, open = from, close = to;
  const said = text.slice(to).match(WEIGHT);
  if (text[from - 1] === "(" && said) {
    weight = Number(said[1]);
    open = from - 1;
    close = to + said[0].length;
  } else {
    const attention = { "(": [")", 1.1], "[": ["]", 1 / 1.1] };
    for (let kind; (kind = attention[text[open - 1]]); open--, close++) {
      const schedule = text[open - 1] === "[" && /[:|]/.test(words);
      if (text[close] !== kind[0] || text[open - 2] === "\\" || schedule) break;
      weight *= kind[1];
    }
  }
  weight = rounded(Number(weight.toFixed(2)) + (up ? 0.1 : -0.1));
  const plain = weight === 1;
  const start = open + (plain ? 0 : 1);
  return {
    from: open, to: close, text: plain ? words : `(${words}:${weight})`,
    select: [start, start + words.length],
  };
};

document.addEventListener("keydown", (event) => {
  const up = event.key === "ArrowUp";
  const field = near(event);
  if (!(up || event.key === "ArrowDown") || !(event.ctrlKey || event.metaKey) || event.altKey ||
      event.shiftKey || event.isComposing || !field.matches?.(FIELD)) return;
  event.preventDefault();
  const change = weigh(field.value, field.selectionStart, field.selectionEnd, up);
  if (change) write(field, change.from, change.to, change.text, change.select);
});
