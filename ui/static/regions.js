// @ts-check
/* Places of the picture with a prompt of their own. The component's value is text, a JSON list of rows with what
   differs from the standard. */
import { el, find, press, pressed } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {{name: string, weight?: number, [key: string]: any}} Use */
/** @typedef {{prompt: string, box: number[], cells: string, weight: number, on: boolean, loras: Use[]}} Region */

export const MOST = 4, CELLS = 16, MOST_LORAS = 8;
const WHOLE = [0, 0, 1, 1];
const STANDARD = { prompt: "", cells: "", weight: 1, on: true };

/** @param {string | undefined} text @returns {Region[]} */
export const regionRows = (text) => {
  try { return JSON.parse(text || "[]").map((/** @type {any} */ row) => ({ ...STANDARD, box: [...WHOLE], loras: [], ...row })); } catch { return []; }
};
/** @param {Region[]} rows */
export const regionText = (rows) => (rows.length ? JSON.stringify(rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key, value]) => (
  key === "loras" ? /** @type {any} */ (value).length : key === "box" ? JSON.stringify(value) !== JSON.stringify(WHOLE) : value !== /** @type {any} */ (STANDARD)[key]))))) : "");
/** A box from two corners, in order and to a thousandth. @param {number[]} from @param {number[]} to */
export const boxOf = ([x, y], [u, v]) => [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)].map((one) => Math.round(1000 * Math.min(1, Math.max(0, one))) / 1000);
/** The painted rows with one cell set. @param {string} cells @param {number} x @param {number} y */
export const painted = (cells, x, y) => {
  const rows = cells ? cells.split("/") : Array(CELLS).fill("0".repeat(CELLS));
  if (!rows[y] || x >= rows[y].length) return cells;
  return rows.map((row, at) => (at === y ? `${row.slice(0, x)}1${row.slice(x + 1)}` : row)).join("/");
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountRegions = (element, { mode, props, server, trigger, watch }) => {
  const map = find(element, ".region-map"), list = find(element, ".region-rows");
  const add = find(element, ".region-add"), brush = find(element, ".brush");
  /** @type {Region[]} */
  let rows = [];
  let chosen = 0;
  /** @type {number[] | null} */
  let from = null;
  /** @type {{name: string, weight: number | null}[]} */
  let known = [];
  /** @type {string | null} */
  let asked = null;

  const keep = () => {
    const text = regionText(rows);
    if (text === (props.value ?? "")) return;
    props.value = text;
    trigger("change");
  };
  const places = () => map.replaceChildren(...rows.flatMap((row, at) => {
    const kind = `place place-${at}${row.on ? "" : " off"}${at === chosen ? " chosen" : ""}`;
    if (!row.cells) {
      const box = el("i", kind), [left, top, right, bottom] = row.box.map((one) => 100 * one);
      Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
      return [box];
    }
    const lines = row.cells.split("/");
    return lines.flatMap((line, y) => [...line].flatMap((cell, x) => {
      if (cell !== "1") return [];
      const dot = el("i", kind);
      Object.assign(dot.style, { left: `${(100 * x) / line.length}%`, top: `${(100 * y) / lines.length}%`, width: `${100 / line.length}%`, height: `${100 / lines.length}%` });
      return [dot];
    }));
  }));
  /* The LoRAs of one region: a weight each, and a list to add from. @param {Region} use @param {string} name */
  const mix = (/** @type {Region} */ use, /** @type {string} */ name) => {
    const node = el("div", "region-loras");
    for (const lora of use.loras) {
      const one = el("span", "region-lora"), title = el("span", "name", lora.name);
      const weight = Object.assign(el("input"), { type: "number", min: -10, max: 10, step: 0.1, value: String(lora.weight ?? 1) });
      weight.setAttribute("aria-label", `Weight of ${lora.name} in ${name}`);
      weight.addEventListener("change", () => {
        const value = Number(weight.value);
        lora.weight = Number.isFinite(value) ? Math.min(10, Math.max(-10, value)) : 1;
        weight.value = String(lora.weight);
        keep();
      });
      const gone = Object.assign(el("button", "quiet", "×"), { type: "button" });
      gone.setAttribute("aria-label", `Remove ${lora.name} from ${name}`);
      gone.addEventListener("click", () => { use.loras = use.loras.filter((other) => other !== lora); keep(); draw(); });
      title.title = lora.name;
      one.setAttribute("translate", "no");
      one.append(title, weight, gone);
      node.append(one);
    }
    const free = known.filter((lora) => !use.loras.some((other) => other.name === lora.name));
    if (!free.length || use.loras.length >= MOST_LORAS) return node;
    const more = el("select");
    more.setAttribute("aria-label", `Add a LoRA to ${name}`);
    more.setAttribute("translate", "no");
    more.append(new Option("LoRA…", ""), ...free.map((lora) => new Option(lora.name, lora.name)));
    more.addEventListener("change", () => {
      const found = known.find((lora) => lora.name === more.value);
      if (!found) return;
      use.loras = [...use.loras, { name: found.name, weight: found.weight ?? 1 }];
      keep();
      draw();
    });
    node.append(more);
    return node;
  };
  /** @param {Region} use @param {number} at */
  const line = (use, at) => {
    const node = el("div", `region-row${at === chosen ? " chosen" : ""}`), name = `region ${at + 1}`;
    const on = Object.assign(el("input"), { type: "checkbox", checked: use.on });
    on.setAttribute("aria-label", `Use ${name}`);
    on.addEventListener("change", () => { use.on = on.checked; keep(); places(); });
    const words = Object.assign(el("input"), { type: "text", value: use.prompt, placeholder: `What ${name} shows` });
    words.setAttribute("aria-label", `Prompt of ${name}`);
    words.addEventListener("input", () => { use.prompt = words.value; keep(); });
    const weight = Object.assign(el("input"), { type: "number", min: 0, max: 3, step: 0.1, value: String(use.weight) });
    weight.setAttribute("aria-label", `Weight of ${name}`);
    weight.addEventListener("change", () => {
      const value = Number(weight.value);
      use.weight = Number.isFinite(value) ? Math.min(3, Math.max(0, value)) : 1;
      weight.value = String(use.weight);
      keep();
    });
    const gone = Object.assign(el("button", "quiet", "×"), { type: "button" });
    gone.setAttribute("aria-label", `Remove ${name}`);
    gone.addEventListener("click", () => { rows.splice(at, 1); chosen = Math.max(0, Math.min(chosen, rows.length - 1)); keep(); draw(); });
    node.addEventListener("focusin", () => { if (chosen !== at) { chosen = at; mark(); } });
    node.append(el("b", `dot place-${at}`), on, words, weight, gone, mix(use, name));
    return node;
  };
  const mark = () => {
    [...list.children].forEach((node, at) => node.classList.toggle("chosen", at === chosen));
    places();
  };
  const draw = () => {
    if (rows.length) void learn();
    list.replaceChildren(...rows.map(line));
    add.disabled = rows.length >= MOST;
    const { width = 1, height = 1 } = shape();
    map.style.aspectRatio = `${width} / ${height}`;
    places();
  };
  const shape = () => {
    const found = /^\s*(\d+)\s*[x×*]\s*(\d+)\s*$/.exec(String(loom.forms[mode]?.last?.size ?? ""));
    return found ? { width: Number(found[1]), height: Number(found[2]) } : { width: 1, height: 1 };
  };
  add.addEventListener("click", () => {
    const at = rows.length;
    rows.push({ ...STANDARD, loras: [], box: at % 2 ? [0.5, 0, 1, 1] : [0, 0, 0.5, 1] });
    chosen = at;
    keep();
    draw();
  });
  brush.addEventListener("click", () => press(brush, !pressed(brush)));
  const at = (/** @type {PointerEvent} */ event) => {
    const { left, top, width, height } = map.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const use = rows[chosen];
    if (!from || !use) return;
    const to = at(event);
    if (pressed(brush)) use.cells = painted(use.cells, Math.floor(to[0] * CELLS), Math.floor(to[1] * CELLS));
    else Object.assign(use, { cells: "", box: boxOf(from, to) });
    places();
  };
  map.addEventListener("pointerdown", (event) => {
    const pointer = /** @type {PointerEvent} */ (event);
    if (!rows.length) return;
    from = at(pointer);
    map.setPointerCapture(pointer.pointerId);
    if (pressed(brush)) move(pointer);
    event.preventDefault();
  });
  map.addEventListener("pointermove", (event) => move(/** @type {PointerEvent} */ (event)));
  for (const name of ["pointerup", "pointercancel"]) map.addEventListener(name, () => { if (from) { from = null; keep(); } });
  const take = () => {
    if (regionText(rows) === (props.value ?? "") && list.children.length === rows.length) return;
    rows = regionRows(props.value);
    chosen = Math.max(0, Math.min(chosen, rows.length - 1));
    draw();
  };
  /* Which LoRAs there are is asked once there is a region, and again for another model. */
  const learn = async () => {
    const model = String(loom.forms[mode]?.last?.model ?? "");
    if (asked === model) return;
    asked = model;
    known = await server.known_loras({ model }).catch(() => []);
    draw();
  };
  watch("value", take);
  take();
  draw();
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", draw);
};
