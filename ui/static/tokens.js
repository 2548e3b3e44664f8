// @ts-check
/* The quiet count of tokens under each prompt field, in the tokens of the chosen model. */
import { el, find, maybe, toast } from "./dom.js";
import { mountWords } from "./completing.js";
import { mountPast } from "./past.js";
import { WORDS } from "./prompt.js";
import { loom } from "./registry.js";

const WAIT_MS = 200, AGAIN_MS = 2000, TRIES = 60;

const told = ({ chunks, size }) => {
  const used = chunks.reduce((sum, tokens) => sum + tokens, 0);
  const room = `${used}/${chunks.length * size} tokens`;
  return chunks.length > 1 ? `${room}, ${chunks.length} chunks` : room;
};
/* Without the tokenizer: a word is about one token and a third. */
const guess = (text) => {
  const words = text.replace(/<lora:[^<>]*>/g, " ").match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}()[\]]/gu)?.length ?? 0;
  const used = Math.round(words * 1.3);
  return { chunks: [used, ...Array(Math.max(0, Math.ceil(used / 75) - 1)).fill(0)], size: 75 };
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountPrompt = (element, { mode, server, trigger }) => {
  const main = find(element, ".tokens");
  const counted = new Map();
  let timer = 0, turn = 0, tries = 0;

  const fields = () => [...document.querySelectorAll(`${WORDS}[id^="${mode}-"]`)]
    .map((block) => ({ block, text: find(block, "textarea")?.value }))
    .filter(({ text }) => text !== undefined);
  const place = (block) => {
    if (block.id === `${mode}-prompt`) return main;
    let label = find(block, ":scope > .tokens");
    if (!label) block.append((label = el("small", "tokens")));
    return label;
  };
  const show = ({ block, text }, count) => {
    const label = place(block);
    const rough = !count || /__[^\s,]+?__/.test(text); // what a wildcard draws is not known yet
    const shown = count ?? guess(text);
    label.textContent = text || label === main ? `${rough ? "~" : ""}${told(shown)}` : "";
    label.title = shown.chunks.length > 1 && !rough
      ? `Tokens in each chunk of ${shown.size}: ${shown.chunks.join(" + ")}` : "";
  };
  /* What another tool's prompt is told by: its record, else a look at the text. */
  const button = find(element, ".translate"), note = find(element, ".said");
  let hint = "", dialect = "";
  const offer = (/** @type {any} */ got) => {
    dialect = got?.dialect?.name ?? "";
    button.hidden = !dialect;
    button.textContent = dialect ? `Translate ${got.dialect.title}'s weights` : "";
    note.textContent = (got?.said ?? []).join(" ");
    note.hidden = !note.textContent;
  };
  button.onclick = async () => {
    const got = await server.translate({ texts: texts(), dialect });
    if (!got?.texts) return;
    fill(got.texts);
    hint = "";
    toast(got.said.join(" ") || "There was nothing to translate.", "info",
      { act: { label: "Undo", run: () => { loom.forms[mode]?.step("undo"); } } });
    look();
  };
  const ask = async () => {
    const model = loom.forms[mode]?.last?.model;
    const open = fields().filter(({ block, text }) => counted.get(block.id) !== `${model}\n${text}`);
    if (!model || !open.length) return;
    const own = ++turn;
    let counts = [];
    try {
      const named = open.map(({ block }) => block.id.slice(mode.length + 1));
      const wanted = open.map(({ text }) => text);
      const got = await server.tokens({ model, texts: wanted, fields: named, dialect: hint });
      counts = got?.counts ?? [];
      const asked = open.map(({ block }) => block.id);
      if (own === turn && asked.includes(`${mode}-prompt`)) offer(got);
    } catch { /* the server is away: a guess will do */ }
    if (own !== turn) return;
    open.forEach((field, i) => {
      show(field, counts[i]);
      if (counts[i]) counted.set(field.block.id, `${model}\n${field.text}`);
    });
    if (counts.some((count) => count)) tries = 0;
    else if (tries++ < TRIES) timer = setTimeout(ask, AGAIN_MS); // the engine may be starting
  };
  const words = mountWords(mode, server.words);
  const look = () => {
    words.look();
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  };
  /* Prompt and negative prompt as they stand; a fold that was never open has no field yet. */
  const field = (key) => maybe(`#${mode}-${key} textarea`);
  const texts = () => Object.fromEntries(["prompt", "negative_prompt"].map((key) =>
    [key, String(field(key)?.value ?? loom.forms[mode]?.last?.[key] ?? "")]));
  /* Puts both into the form; what is filled in is shown. */
  const fill = (filled) => {
    const form = loom.forms[mode];
    if (form?.last) Object.assign(form.last, filled);
    const missing = Object.keys(filled).filter((key) => !field(key));
    for (const [key, text] of Object.entries(filled)) {
      const into = field(key);
      if (!into || into.value === text) continue;
      into.setRangeText(text, 0, into.value.length, "end");
      into.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (missing.length) trigger("fill", filled);
    const fold = maybe(`#${mode}-negative > button.label-wrap`);
    if (filled.negative_prompt && fold && !fold.classList.contains("open")) fold.click();
  };
  const written = (/** @type {string} */ name) => {
    hint = name;
    counted.delete(`${mode}-prompt`);
    look();
  };
  loom.prompts[mode] = { look, fill, texts, written };
  mountPast(element, mode);
  look();
};
