// @ts-check
/* The LoRA rows of a tab. The component's value is text, a JSON list of rows with what differs from
   the defaults; the rows are made from it and write it back. */
import { all, el, find, focused } from "./dom.js";
import { openPicker, portraitOf } from "./picker.js";
import { loom } from "./registry.js";
import { wrote } from "./unheard.js";

const number = (text, otherwise) => (text === "" || !Number.isFinite(Number(text)) ? otherwise : Number(text));
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const short = (x) => String(Math.round(x * 1000) / 1000);

const STANDARD = { weight: 1, start: 0, end: 1, on: true, blocks: "" };
const BLOCKS = "Factors of its blocks: MID=0, OUT03=0.5, or a list, or a name as OUTALL";
export const loraRows = (text) => {
  try { return JSON.parse(text || "[]").map((row) => ({ ...STANDARD, ...row })); } catch { return []; }
};
export const loraText = (rows) => (rows.length ? JSON.stringify(rows.map(({ name, ...rest }) =>
  ({ name, ...Object.fromEntries(Object.entries(rest).filter(([key, value]) => value !== STANDARD[key])) }))) : "");

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountLoras = (element, { mode, props, server, trigger, watch }) => {
  const list = find(element, ".lora-rows");
  const add = find(element, ".lora-add");
  const none = find(element, ".none");
  /** @type {any[]} */
  let rows = [];
  /** @type {any[]} */
  let known = [];
  /** @type {string | null} */
  let asked = null;
  let asks = 0;

  const field = (type, label, value, options, take) => {
    const input = Object.assign(el("input"), { type, ...options, value });
    input.setAttribute("aria-label", label);
    input.addEventListener(type === "range" ? "input" : "change", () => take(input));
    return input;
  };
  const button = (text, label, act, disabled = false) => {
    const made = el("button", "quiet", text);
    made.type = "button";
    made.title = label;
    made.setAttribute("aria-label", label);
    made.disabled = disabled;
    made.onclick = act;
    return made;
  };
  const keep = () => {
    for (const row of rows) for (const key of ["weight", "start", "end"]) row[key] = Number(short(row[key]));
    const text = loraText(rows);
    if (text === (props.value ?? "")) return;
    props.value = text;
    wrote(mode, "loras", text);
    trigger("change");
  };
  const change = (edit) => { edit(); keep(); draw(); };

  /* What is known of one: its kind, and the words it was trained on, each a press away from the prompt. */
  const card = ({ name, rank, bytes, words, base, about, picture }) => {
    const node = el("div", "card"), size = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : bytes ? `${Math.ceil(bytes / 1e3)} kB` : "";
    if (picture) {
      const img = el("img", "portrait");
      img.alt = "";
      img.src = portraitOf("lora", name);
      node.append(img);
    }
    node.append(el("span", "", [base, rank && `rank ${rank}`, size].filter(Boolean).join(" · ")));
    if (about) node.append(el("p", "about", about));
    for (const word of words ?? []) {
      const chip = el("button", "chip", word);
      chip.type = "button";
      chip.title = "Put this word into the prompt";
      chip.setAttribute("aria-label", `Word of ${name}: ${word}`);
      chip.onclick = () => {
        const { prompt } = loom.prompts[mode].texts();
        if (!prompt.includes(word)) loom.prompts[mode].fill({ prompt: prompt.trim() ? `${prompt.trimEnd()}, ${word}` : word });
      };
      node.append(chip);
    }
    return node;
  };

  const row = (use, i) => {
    const node = el("div", use.on ? "lora-row" : "lora-row off");
    const top = el("div", "top"), weight = el("div", "weight"), when = el("div", "when");
    const on = field("checkbox", `Use ${use.name}`, "", { checked: use.on }, (box) => change(() => { use.on = box.checked; }));
    const name = el("select");
    name.setAttribute("aria-label", "LoRA");
    for (const lora of known.some((l) => l.name === use.name) ? known : [...known, { name: use.name, problem: "not here" }]) {
      const option = new Option(lora.problem && lora.name !== use.name ? `${lora.name} – does not fit` : lora.name, lora.name);
      option.disabled = Boolean(lora.problem) && lora.name !== use.name;
      option.title = lora.problem ?? "";
      name.append(option);
    }
    name.value = use.name;
    name.onchange = () => change(() => { use.name = name.value; });
    top.append(on, name,
      button("↑", `Move ${use.name} up`, () => change(() => { rows.splice(i - 1, 2, rows[i], rows[i - 1]); }), i === 0),
      button("↓", `Move ${use.name} down`, () => change(() => { rows.splice(i, 2, rows[i + 1], rows[i]); }), i === rows.length - 1),
      button("×", `Remove ${use.name}`, () => change(() => { rows.splice(i, 1); })));
    const slider = field("range", `Weight of ${use.name}`, clamp(use.weight, -1, 2), { min: -1, max: 2, step: 0.05 },
      (input) => { use.weight = Number(input.value); exact.value = short(use.weight); keep(); });
    const exact = field("number", `Exact weight of ${use.name}`, short(use.weight), { min: -10, max: 10, step: 0.05 },
      (input) => change(() => { use.weight = clamp(number(input.value, 1), -10, 10); }));
    weight.append(slider, exact);
    const part = (key, label) => field("number", `${label} of ${use.name}, share of the run`, short(use[key]), { min: 0, max: 1, step: 0.05 },
      (input) => change(() => {
        use[key] = clamp(number(input.value, key === "end" ? 1 : 0), 0, 1);
        if (use.start > use.end) [use.start, use.end] = [use.end, use.start];
      }));
    when.append(el("span", "", "acts from"), part("start", "Start"), el("span", "", "to"), part("end", "End"), el("span", "", "of the run"));
    node.append(top, weight, when);
    const lora = known.find((l) => l.name === use.name);
    if (lora?.blocks || use.blocks) {
      const blocks = el("label", "when blocks"), input = field("text", `Blocks of ${use.name}`, use.blocks, { placeholder: "all alike", title: BLOCKS, spellcheck: false },
        (typed) => change(() => { use.blocks = typed.value.trim(); }));
      input.setAttribute("list", `${mode}-lora-blocks`);
      blocks.append(el("span", "", "blocks"), input);
      node.append(blocks);
    }
    const said = lora?.problem ?? (known.length && !lora ? "This LoRA is not in the folder." : "");
    if (said) node.append(el("p", "why warn", said));
    else if (lora) node.append(card(lora));
    if (lora?.notes?.length && !lora.problem) node.append(el("p", "why", lora.notes.join(" ")));
    return node;
  };

  const fresh = (/** @type {any} */ lora) => ({ on: true, name: lora.name, weight: lora.weight ?? 1, start: 0, end: 1, blocks: "" });
  const pickable = (/** @type {any} */ lora) => ({
    name: lora.name, title: lora.name, problem: lora.problem ?? "", about: lora.about, words: lora.words ?? [],
    facts: [lora.base, lora.rank && `rank ${lora.rank}`, lora.weight != null && `weight ${lora.weight}`, rows.some((r) => r.name === lora.name) && "in use"].filter(Boolean),
    picture: lora.picture ? portraitOf("lora", lora.name) : "",
  });

  const draw = () => {
    const free = known.filter((l) => !l.problem && !rows.some((r) => r.name === l.name));
    const misfits = known.filter((l) => l.problem);
    const held = list.contains(focused()) ? focused()?.getAttribute("aria-label") : null;
    list.replaceChildren(...rows.map(row));
    if (held) all(list, "[aria-label]").find((node) => node.getAttribute("aria-label") === held)?.focus();
    add.disabled = !free.length;
    none.textContent = !known.length ? "Put LoRA files (.safetensors) into models/loras; they appear here."
      : rows.length ? "" : misfits.length ? `${known.length - misfits.length} fit this model; ${misfits.map((l) => l.name).join(", ")} ${misfits.length === 1 ? "does" : "do"} not.`
      : `${known.length} at hand. Add one and move its weight.`;
    none.title = misfits.map((l) => `${l.name}: ${l.problem}`).join("\n");
    none.hidden = !none.textContent;
  };
  add.onclick = () => change(() => {
    const free = known.find((l) => !l.problem && !rows.some((r) => r.name === l.name));
    if (free) rows.push(fresh(free));
  });
  find(element, ".lora-choose").onclick = () => openPicker({
    title: "Choose a LoRA",
    items: async () => { await ask(true); return known.map(pickable); },
    choose: (name) => {
      const lora = known.find((one) => one.name === name);
      if (lora && !rows.some((r) => r.name === name)) change(() => rows.push(fresh(lora)));
    },
  });

  const ask = async (again = false) => {
    const model = String(loom.forms[mode]?.last?.model ?? "");
    if (model === asked && !again) return;
    asked = model;
    const mine = ++asks;
    const got = await server.known({ model });
    if (mine !== asks) return; // a later question's answer came, or will come
    known = got?.loras ?? [];
    // What is being typed stays: the field hands its value over when it is left.
    if (list.contains(focused())) list.addEventListener("focusout", () => setTimeout(draw), { once: true });
    else draw();
  };
  const take = () => {
    if (loraText(rows) !== loraText(loraRows(props.value))) rows = loraRows(props.value);
    draw();
  };
  watch("value", take);
  take();
  ask();
  // Files come and go: look again when the rows are opened, and when another model is chosen.
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => { asked = null; ask(); });
  loom.loras[mode] = ask;
  loom.loraFits[mode] = async () => { await ask(true); return known.filter((one) => !one.problem).map((one) => one.name); };
  loom.loraWeights[mode] = (weights) => change(() => {
    for (const [name, weight] of weights) {
      const row = rows.find((r) => r.name === name && r.on);
      if (row) row.weight = weight;
      else rows.push({ on: true, name, weight, start: 0, end: 1, blocks: "" });
    }
  });
  loom.loraAdd[mode] = async (name) => {
    await ask(true);
    if (!rows.some((r) => r.name === name)) change(() => rows.push({ on: true, name, weight: 1, start: 0, end: 1, blocks: "" }));
  };
};
