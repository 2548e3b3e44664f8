// @ts-check
/* The further stages of a tab. The component's value is text, a JSON list of rows with what differs from
   what their models recommend; the stages of the chosen model stand there, off, until they are switched on. */
import { el, find, focused } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {{model: string, on: boolean, [key: string]: any}} Row */
/** @typedef {{name: string, title: string, steps: number, guidance_scale: number, noise_level: number, most_noise: number, factor: number}} Known */

/** @param {string | undefined} text @returns {Row[]} */
export const stageRows = (text) => {
  try { return JSON.parse(text || "[]").map((/** @type {any} */ row) => ({ on: true, ...row })); } catch { return []; }
};
/* A row that is off and says nothing is offered again by its model, so it is not kept. */
/** @param {Row[]} rows @returns {string} */
export const stageText = (rows) => {
  const kept = rows.map(({ on, ...rest }) => (on ? rest : { ...rest, on })).filter((row) => row.on !== false || Object.keys(row).length > 2);
  return kept.length ? JSON.stringify(kept) : "";
};
/* The rows with those of the model's own stages that are missing, in the model's order before the others; a stage may
   stand there twice. */
/** @param {Row[]} rows @param {string[]} own @returns {Row[]} */
export const withOwn = (rows, own) => {
  const first = own.map((model) => rows.find((row) => row.model === model) ?? { model, on: false });
  return [...first, ...rows.filter((row) => !first.includes(row))];
};

const MOST = 4; // as the settings take
const NUMBERS = [
  ["steps", "Steps", 1, 1000, 1],
  ["guidance_scale", "Guidance", 0, 30, 0.1],
  ["noise_level", "Noise level", 0, 999, 1],
];

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountCascade = (element, { mode, props, server, trigger, watch }) => {
  const list = find(element, ".stage-rows"), none = find(element, ".none");
  const add = /** @type {HTMLSelectElement} */ (/** @type {unknown} */ (find(element, ".stage-add")));
  /** @type {Row[]} */
  let rows = [];
  /** @type {Known[]} */
  let known = [];
  /** @type {string[]} */
  let own = [];
  /** @type {string | null} */
  let asked = null;
  let asks = 0;

  const keep = () => {
    const text = stageText(rows);
    if (text === (props.value ?? "")) return;
    props.value = text;
    trigger("change");
  };
  /** @param {Row} use @param {Known | undefined} told @param {any[]} field */
  const number = (use, told, [key, title, low, high, step]) => {
    const label = el("label", "", title);
    const input = Object.assign(el("input"), { type: "number", min: low, max: key === "noise_level" ? told?.most_noise ?? high : high, step });
    input.value = use[key] === undefined ? "" : String(use[key]);
    input.placeholder = String(/** @type {any} */ (told)?.[key] ?? "");
    input.setAttribute("aria-label", `${title} of ${use.model}`);
    input.addEventListener("change", () => {
      const value = Number(input.value);
      if (input.value === "" || !Number.isFinite(value)) delete use[key];
      else use[key] = Math.min(Number(input.max), Math.max(low, value));
      keep();
      draw();
    });
    label.append(input);
    return label;
  };
  /** @param {Row} use */
  const row = (use) => {
    const told = known.find((one) => one.name === use.model);
    const node = el("div", use.on ? "stage-row" : "stage-row off"), top = el("label", "top"), numbers = el("div", "numbers");
    const on = Object.assign(el("input"), { type: "checkbox", checked: use.on });
    on.setAttribute("aria-label", `Draw with ${use.model}`);
    on.addEventListener("change", () => { use.on = on.checked; keep(); draw(); });
    top.append(on, el("span", "", `${told?.title ?? use.model}${told ? ` · ${told.factor}x` : " – not here"}`));
    numbers.append(...NUMBERS.map((field) => number(use, told, field)));
    node.append(top, numbers);
    return node;
  };
  const draw = () => {
    rows = withOwn(rows, own);
    list.replaceChildren(...rows.map(row));
    add.replaceChildren(new Option("Add a stage", ""), ...known.map((one) => new Option(`${one.title} · ${one.factor}x`, one.name)));
    add.hidden = !known.length || rows.length >= MOST;
    none.textContent = known.length ? "" : "No model here enlarges a picture; put IF's second stage or an x4 upscaler into models/checkpoints.";
    none.hidden = !none.textContent;
  };
  add.addEventListener("change", () => {
    if (add.value) rows.push({ model: add.value, on: true });
    keep();
    draw();
  });
  const ask = async (again = false) => {
    const model = String(loom.forms[mode]?.last?.model ?? "");
    if (model === asked && !again) return;
    asked = model;
    const mine = ++asks;
    const got = await server.known_stages({ model });
    if (mine !== asks) return; // a later question's answer came, or will come
    known = got?.stages ?? [];
    own = got?.own ?? [];
    rows = stageRows(props.value); // those that another model offered go
    if (list.contains(focused())) list.addEventListener("focusout", () => setTimeout(draw), { once: true });
    else draw();
  };
  const take = () => {
    if (stageText(rows) !== (props.value ?? "")) rows = stageRows(props.value);
    draw();
  };
  watch("value", take);
  take();
  ask();
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => ask(true));
  loom.cascades[mode] = ask;
};
