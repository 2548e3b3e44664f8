// @ts-check
/* Several ControlNets of a tab, a row each. The component's value is text, a JSON list of rows with what
   differs from the defaults; without a row the tab's one ControlNet acts. */
import { el, find, focused } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {{name: string, image?: string, detector?: string, weight?: number, start?: number, end?: number}} Row */
/** @typedef {{name: string, detector: string}} Known */

const STANDARD = { image: "control_image", detector: "identity", weight: 1, start: 0, end: 1 };
const PICTURES = [["image", "the source picture"], ["control_image", "the control picture"]];
const NUMBERS = [["weight", "Weight", 2], ["start", "Start", 1], ["end", "End", 1]];

/** @param {string | undefined} text @returns {Row[]} */
export const controlRows = (text) => {
  try { return JSON.parse(text || "[]"); } catch { return []; }
};
/** @param {Row[]} rows @returns {string} */
export const controlText = (rows) => {
  const said = rows.map((row) => Object.fromEntries(
    Object.entries(row).filter(([key, value]) => value !== (/** @type {any} */ (STANDARD))[key])));
  return said.length ? JSON.stringify(said) : "";
};
/* A new row takes from the source what its ControlNet was trained on. */
/** @param {Known} net @returns {Row} */
export const newRow = (net) => ({ name: net.name, image: "image", detector: net.detector });

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountControls = (element, { mode, props, server, trigger, watch }) => {
  const list = find(element, ".stage-rows"), none = find(element, ".none");
  const add = /** @type {HTMLSelectElement} */ (/** @type {unknown} */ (find(element, ".stage-add")));
  /** @type {Row[]} */
  let rows = [];
  /** @type {{nets: Known[], detectors: string[][], most: number}} */
  let known = { nets: [], detectors: [], most: 4 };
  /** @type {string | null} */
  let asked = null;
  let asks = 0;

  const keep = () => {
    const text = controlText(rows);
    if (text === (props.value ?? "")) return;
    props.value = text;
    trigger("change");
  };
  /** @param {Row} use @param {"image" | "detector"} key @param {string} title @param {string[][]} offered */
  const choice = (use, key, title, offered) => {
    const label = el("label", "", title), select = el("select");
    select.replaceChildren(...offered.map(([name, words]) => new Option(words, name)));
    select.value = use[key] ?? STANDARD[key];
    select.setAttribute("aria-label", `${title} of ${use.name}`);
    select.addEventListener("change", () => { use[key] = select.value; keep(); });
    label.append(select);
    return label;
  };
  /** @param {Row} use @param {any[]} field */
  const number = (use, [key, title, high]) => {
    const label = el("label", "", title), row = /** @type {any} */ (use);
    const input = Object.assign(el("input"), { type: "number", min: 0, max: high, step: 0.05 });
    input.value = String(row[key] ?? (/** @type {any} */ (STANDARD))[key]);
    input.setAttribute("aria-label", `${title} of ${use.name}`);
    input.addEventListener("change", () => {
      const value = Number(input.value);
      if (input.value !== "" && Number.isFinite(value)) row[key] = Math.min(high, Math.max(0, value));
      keep();
      draw();
    });
    label.append(input);
    return label;
  };
  /** @param {Row} use */
  const row = (use) => {
    const node = el("div", "stage-row"), top = el("div", "top"), words = el("div", "numbers two"), numbers = el("div", "numbers");
    const away = el("button", "quiet", "Remove");
    away.setAttribute("type", "button");
    away.setAttribute("aria-label", `Remove ${use.name}`);
    away.addEventListener("click", () => { rows = rows.filter((other) => other !== use); keep(); draw(); });
    const here = known.nets.some((net) => net.name === use.name);
    top.append(el("span", "", here ? use.name : `${use.name} – does not fit here`), away);
    words.append(choice(use, "image", "From", PICTURES), choice(use, "detector", "Takes", known.detectors));
    numbers.append(...NUMBERS.map((field) => number(use, field)));
    node.append(top, words, numbers);
    return node;
  };
  const draw = () => {
    list.replaceChildren(...rows.map(row));
    add.replaceChildren(new Option("Add a ControlNet", ""), ...known.nets.map((net) => new Option(net.name, net.name)));
    add.hidden = !known.nets.length || rows.length >= known.most;
    none.textContent = known.nets.length ? "" : "No ControlNet that fits the model is here; put one into models/controlnet.";
    none.hidden = !none.textContent;
  };
  add.addEventListener("change", () => {
    const net = known.nets.find((one) => one.name === add.value);
    if (net) rows.push(newRow(net));
    keep();
    draw();
  });
  const ask = async (again = false) => {
    const model = String(loom.forms[mode]?.last?.model ?? "");
    if (model === asked && !again) return;
    asked = model;
    const mine = ++asks;
    const got = await server.known_controls({ model });
    if (mine !== asks || !got) return; // a later question's answer came, or will come
    known = got;
    if (list.contains(focused())) list.addEventListener("focusout", () => setTimeout(draw), { once: true });
    else draw();
  };
  const take = () => {
    if (controlText(rows) !== (props.value ?? "")) rows = controlRows(props.value);
    draw();
  };
  watch("value", take);
  take();
  ask();
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => ask(true));
  loom.cascades[mode] = ask;
};
