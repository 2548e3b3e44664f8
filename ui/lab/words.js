// @ts-check
/* How a model reads a prompt: tokens, their likeness, where a run looks, and what lies between two prompts. */
import { el } from "../static/dom.js";
import { busy, button, chart, exporter, field, figure, labelled } from "./bench.js";

const REST_MS = 250;
/** @typedef {{id: number, text: string, chunk: number, weight: number, ends: boolean, learned: boolean}} Token */

/** @param {import("../static/types.js").Found} root @param {import("./bench.js").Desk} desk */
export const mountWords = (root, desk) => {
  const reading = desk.runner(), looking = desk.runner(), mixing = desk.runner();
  const prompt = field("text", "Prompt to read", { value: "a red house beside a small boat", maxLength: 1000 });
  const seed = field("number", "Seed of the run", { min: "0", value: "0" });
  const tokens = el("div", "lab-tokens"), counted = el("p", "facts"), table = el("div", "lab-alike");
  const picture = el("div", "lab-seen"), chosen = el("div", "lab-row"), step = field("range", "Step", { min: "0", max: "0", value: "0", disabled: true }), told = el("output"), shares = el("div", "lab-curve");
  const other = field("text", "Second prompt", { value: "a blue mushroom in the snow", maxLength: 1000 });
  const mix = field("range", "Mix of the two prompts", { min: "0", max: "1", step: "0.1", value: "0.5" }), mixed = el("div", "lab-pictures"), share = el("output");
  let rest = 0;
  tokens.setAttribute("role", "list");
  tokens.setAttribute("aria-label", "Tokens of the prompt");
  chosen.setAttribute("role", "group");
  chosen.setAttribute("aria-label", "Words of the run");

  const showTokens = (/** @type {any} */ v) => {
    const found = v.told?.lab;
    if (v.state !== "done" || !found) return;
    counted.textContent = `${found.tokens.length} tokens in ${found.chunks} ${found.chunks === 1 ? "chunk" : "chunks"} of ${found.chunk_tokens}`;
    let last = -1;
    tokens.replaceChildren(...found.tokens.flatMap((/** @type {Token} */ one) => {
      const node = el("span", `token${one.ends ? " ends" : ""}`), marks = one.chunk !== last ? [el("span", "chunk", `chunk ${one.chunk + 1}`)] : [];
      last = one.chunk;
      node.append(el("b", "", one.text), el("small", "", one.learned ? "learned" : String(one.id)));
      if (one.weight !== 1) node.append(el("small", "", `× ${one.weight}`));
      for (const item of [...marks, node]) item.setAttribute("role", "listitem");
      return [...marks, node];
    }));
    const grid = el("table"), head = el("tr");
    head.append(el("td"), ...found.alike.map((/** @type {string} */ text) => el("th", "", text)));
    grid.append(head, ...found.likeness.map((/** @type {number[]} */ row, /** @type {number} */ i) => {
      const line = el("tr"), name = el("th", "", found.alike[i]);
      name.setAttribute("scope", "row");
      line.append(name, ...row.map((value) => {
        const cell = el("td", "", value.toFixed(2));
        cell.style.setProperty("--share", `${Math.round(Math.max(0, value) * 70)}%`);
        return cell;
      }));
      return line;
    }));
    table.replaceChildren(grid);
  };
  const read = () => reading.run("read", { prompt: prompt.value }, showTokens);

  /** @type {any} */
  let seen = null;
  const lay = (/** @type {number} */ word) => {
    const { found, job, url } = seen, at = Number(step.value);
    const figure_ = el("div", "lit"), img = el("img"), veil = el("i");
    img.src = url;
    img.alt = `The picture, bright where step ${at + 1} looks at ${found.words[word]}`;
    veil.style.backgroundImage = `url("loom/jobs/${encodeURIComponent(job)}/pictures/0/word-${word}")`;
    veil.style.backgroundSize = `${found.steps * 100}% 100%`;
    veil.style.backgroundPosition = `${found.steps > 1 ? (at / (found.steps - 1)) * 100 : 0}% 0`;
    figure_.append(img, veil);
    picture.replaceChildren(figure_);
    told.textContent = `step ${at + 1} of ${found.steps} · ${found.words[word]} has ${(found.shares[word][at] * 100).toFixed(1)} % of all looking`;
    shares.replaceChildren(chart([{ name: found.words[word], values: found.shares[word] }], at));
    seen.word = word;
    picture.dataset.word = found.words[word];
    for (const [i, one] of [...chosen.children].entries()) one.setAttribute("aria-pressed", String(i === word));
  };
  const showLooks = (/** @type {any} */ v) => {
    if (busy(v) || v.state !== "done" || !v.told?.lab || !v.results?.[0]) return;
    const found = v.told.lab;
    seen = { found, job: v.job, url: v.results[0].url, word: 0 };
    step.max = String(found.steps - 1);
    step.value = String(Math.floor(found.steps / 2));
    step.disabled = false;
    chosen.replaceChildren(...found.words.map((/** @type {string} */ word, /** @type {number} */ i) => button(word, "Where the run looks at this word", () => lay(i))));
    lay(0);
  };
  step.addEventListener("input", () => { if (seen) lay(seen.word); });

  const between = () => {
    share.textContent = `${Math.round((1 - Number(mix.value)) * 100)} % first, ${Math.round(Number(mix.value) * 100)} % second`;
    clearTimeout(rest);
    rest = setTimeout(() => {
      mixing.run("mix", { prompt: prompt.value, prompt_b: other.value, prompt_mix: Number(mix.value), seed: Number(seed.value) || 0 }, (v) => {
        const made = v.results?.[0];
        if (v.state !== "done" || !made) return;
        mixed.replaceChildren(figure(made.url, "Between the two", share.textContent ?? ""));
        mixed.dataset.mix = mix.value;
      });
    }, REST_MS);
  };
  mix.addEventListener("input", between);

  const asked = el("div", "lab-slider"), first = el("div", "lab-do"), second = el("div", "lab-do"), steps = el("div", "lab-slider two"), third = el("div", "lab-do"), blend = el("div", "lab-slider two");
  asked.append(labelled("Prompt", prompt), labelled("Seed", seed));
  first.append(button("Read it", "The tokens of the prompt", read), exporter(reading, "words"), reading.node);
  second.append(button("Draw and look", "Draws the prompt and keeps where each step looks at each word", () => {
    looking.run("attention", { prompt: prompt.value, seed: Number(seed.value) || 0 }, showLooks);
  }), exporter(looking, "attention"), looking.node);
  steps.append(labelled("Step", step), told);
  blend.append(labelled("Second prompt", other), labelled("Mix", mix), share);
  third.append(button("Draw the mix", "The picture between the two prompts", between), exporter(mixing, "mix"), mixing.node);
  root.append(
    asked, first, counted, tokens, el("h3", "", "How alike the tokens' embeddings are"), table,
    el("h3", "", "Where the run looks at each word"), second, chosen, steps, picture, shares,
    el("h3", "", "Between two prompts"), blend, third, mixed,
  );
};
