// @ts-check
/* Rough colours for the steering: a small grid to paint, or what a picture of one's own has. */
import { el, finder, press, pressed, toast } from "./dom.js";
import { loom } from "./registry.js";

export const CELLS = 8;
const MOST = 8, LEVELS = 32;

/** @typedef {(string | null)[][]} Grid rows from the top; null is free */

/** @returns {Grid} */
export const blank = () => Array.from({ length: CELLS }, () => Array(CELLS).fill(null));
/** What the field says of a grid; "" where nothing is painted. @param {Grid} grid */
export const asText = (grid) => (grid.flat().some(Boolean) ? grid.map((row) => row.map((cell) => cell ?? ".").join(" ")).join(" / ") : "");
/** The grid that a field says; a blank one where it is none of this size. @param {string} text @returns {Grid} */
export const asGrid = (text) => {
  const rows = text.split("/").map((row) => row.trim().split(/\s+/));
  if (rows.length !== CELLS || rows.some((row) => row.length !== CELLS)) return blank();
  return rows.map((row) => row.map((cell) => (/^#?[0-9a-f]{6}$/i.test(cell) ? cell.replace("#", "").toLowerCase() : null)));
};

const hex = (/** @type {number[]} */ rgb) => rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("");
/**
 * The colours of a picture and how much of each: alike ones together, the most frequent first.
 * @param {Uint8ClampedArray} data rgba
 */
export const paletteOf = (data) => {
  /** @type {Map<number, number[]>} */
  const found = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
    const key = ((r / LEVELS) | 0) * 64 + ((g / LEVELS) | 0) * 8 + ((b / LEVELS) | 0);
    const sum = found.get(key) ?? [0, 0, 0, 0];
    found.set(key, [sum[0] + r, sum[1] + g, sum[2] + b, sum[3] + 1]);
  }
  const all = [...found.values()].sort((a, b) => b[3] - a[3]).slice(0, MOST);
  const total = all.reduce((sum, one) => sum + one[3], 0);
  return all.map(([r, g, b, n]) => `#${hex([r / n, g / n, b / n])}:${Math.max(1, Math.round((100 * n) / total))}`).join(" ");
};

/** @param {File} file @param {number} side @returns {Promise<Uint8ClampedArray>} */
const pixels = async (file, side) => {
  const picture = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, side, side);
  picture.close();
  return context.getImageData(0, 0, side, side).data;
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountPainter = (element, { mode }) => {
  const $ = finder(element);
  const box = $(".cells"), tint = $("input[type=color]"), rubber = $(".rubber");
  let grid = blank(), said = "";
  const cells = Array.from({ length: CELLS * CELLS }, (_, at) => {
    const cell = el("i");
    cell.dataset.at = String(at);
    return cell;
  });
  box.replaceChildren(...cells);
  const draw = () => cells.forEach((cell, at) => {
    const colour = grid[(at / CELLS) | 0][at % CELLS];
    cell.style.background = colour ? `#${colour}` : "";
  });
  const put = (/** @type {Record<string, unknown>} */ changes) => loom.forms[mode]?.trigger("put", { changes });
  const tell = () => {
    said = asText(grid);
    put({ steer_places: said, ...(said ? { steer: "places" } : {}) });
  };
  const paint = (/** @type {PointerEvent} */ event) => {
    const at = Number(/** @type {HTMLElement | null} */ (document.elementFromPoint(event.clientX, event.clientY))?.dataset?.at ?? -1);
    if (at < 0 || !box.contains(document.elementFromPoint(event.clientX, event.clientY))) return;
    grid[(at / CELLS) | 0][at % CELLS] = pressed(rubber) ? null : tint.value.replace("#", "");
    draw();
  };
  let down = false;
  box.addEventListener("pointerdown", (event) => { down = true; event.preventDefault(); paint(/** @type {PointerEvent} */ (event)); });
  box.addEventListener("pointermove", (event) => { if (down) paint(/** @type {PointerEvent} */ (event)); });
  addEventListener("pointerup", () => { if (down) { down = false; tell(); } });
  rubber.addEventListener("click", () => press(rubber, !pressed(rubber)));
  $(".clear").addEventListener("click", () => { grid = blank(); draw(); tell(); });
  const file = /** @type {HTMLInputElement} */ (/** @type {unknown} */ ($("input[type=file]")));
  let wanted = "places";
  for (const which of ["places", "palette"]) $(`.from-${which}`).addEventListener("click", () => { wanted = which; file.click(); });
  file.addEventListener("change", async () => {
    const [picture] = file.files ?? [];
    file.value = "";
    if (!picture) return;
    try {
      if (wanted === "palette") { put({ steer: "palette", steer_palette: paletteOf(await pixels(picture, 64)) }); return; }
      const data = await pixels(picture, CELLS);
      grid = blank().map((row, y) => row.map((_, x) => hex([...data.slice(4 * (y * CELLS + x), 4 * (y * CELLS + x) + 3)])));
      draw();
      tell();
    } catch { toast("That picture cannot be read; take a PNG, JPEG or WebP.", "warn"); }
  });
  loom.painters[mode] = (text) => {
    if (down || text === said) return;
    said = text;
    grid = asGrid(text);
    draw();
  };
  draw();
};
