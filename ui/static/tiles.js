// @ts-check
/* All pictures of a run at once, as labelled tiles over the whole canvas. */
import { el } from "./dom.js";
import { WAITS, address } from "./jobs.js";

const GAP_PX = 3;
/** What each box of tiles does when its room changes. @type {WeakMap<Element, () => void>} */
const fits = new WeakMap();
/** @type {ResizeObserver | null} */
let watched = null;

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").Tile} Tile */

/**
 * The pictures of a run that can be chosen: its results; of a batch that was stopped, each as far as it came.
 * @param {JobState} v
 * @returns {Tile[]}
 */
export const tilesOf = (v) => {
  if (v.results.length || WAITS.includes(v.state)) return v.results;
  const { steps = 0, batch = 1 } = v.timeline ?? {};
  if (!steps || batch < 2) return [];
  return Array.from({ length: batch }, (_, i) => ({
    url: `${address(v.job ?? "")}/timeline/${steps - 1}?kind=x0&image=${i}`, name: "", seed: null, width: 0, height: 0,
    label: `picture ${i + 1} · step ${steps}`, sheet: false, views: [], obedience: null,
  }));
};

/** What a tile says. @param {Tile} tile */
export const wordsOf = (tile) => tile.label || (tile.seed == null ? "" : `seed ${tile.seed}`);

/**
 * How many in a row make the tiles largest.
 * @param {number} count
 * @param {number} ratio width of a picture over its height
 * @param {number} width of the room
 * @param {number} height
 */
export const columnsFor = (count, ratio, width, height) => {
  let best = 1, most = 0;
  for (let columns = 1; columns <= count; columns++) {
    const side = Math.min(width / columns / ratio, height / Math.ceil(count / columns));
    if (side > most * 1.001) [best, most] = [columns, side];
  }
  return best;
};

/**
 * How high a cell is whose picture fills it, in pixels.
 * @param {number} columns
 * @param {number} rows
 * @param {number} ratio width of a picture over its height
 * @param {number} width of the room
 * @param {number} height
 */
export const cellSide = (columns, rows, ratio, width, height) => Math.max(0, Math.floor(Math.min(
  (width - GAP_PX * (columns - 1)) / columns / ratio, (height - GAP_PX * (rows - 1)) / rows)));

/** @typedef {{tile: Tile | null, index: number, words: string, forming: boolean}} Cell a picture on the canvas, and its number among the results; -1 for one that is not there yet */

/**
 * What stands on the canvas at once: all pictures of a run; of a grid each in its place, also those to come.
 * @param {JobState} v
 * @returns {{cells: Cell[], columns: number}} 0 columns: as many as make them largest
 */
export const cellsOf = (v) => {
  const list = tilesOf(v), { labels = [], columns = 0, rows = 0 } = v.told?.grid ?? {};
  if (!labels.length) {
    const cells = list.flatMap((tile, index) => (tile.sheet ? [] : [{ tile, index, words: wordsOf(tile), forming: false }]));
    return { cells, columns: 0 };
  }
  const goes = WAITS.includes(v.state);
  let next = v.state === "running";
  const cells = labels.map((/** @type {string} */ label, /** @type {number} */ place) => {
    const index = list.findIndex((one) => !one.sheet && one.place === place), tile = list[index] ?? null, forming = !tile && next;
    if (forming) next = false;
    return { tile, index, words: label || (tile ? wordsOf(tile) : ""), forming };
  });
  const lies = columns > 1 && rows > 1;
  // Along one axis alone, they may stand as they fit.
  return { cells: goes || lies ? cells : cells.filter((/** @type {Cell} */ one) => one.tile), columns: lies ? columns : 0 };
};

/**
 * Draws them, anew where they changed; the box hears of `fitted` whenever they have found their places.
 * @param {HTMLElement} box
 * @param {{cells: Cell[], columns: number}} what
 * @param {number} selected
 * @param {(index: number) => void} choose
 */
export const drawTiles = (box, { cells, columns }, selected, choose) => {
  cells.forEach(({ tile, index, words, forming }, i) => {
    const key = JSON.stringify([tile?.url, index, words, forming, cells.length]), old = /** @type {HTMLElement | undefined} */ (box.children[i]);
    if (old?.dataset.key !== key) {
      const button = el("button", "cell"), img = el("img"), said = tile ? "" : forming ? ", forming" : ", not there";
      button.type = "button";
      button.dataset.key = key;
      button.disabled = !tile;
      button.classList.toggle("forming", forming);
      button.classList.toggle("to-come", !tile && !forming);
      button.setAttribute("aria-label", `Picture ${i + 1} of ${cells.length}, ${words}${said}`);
      img.alt = "";
      img.hidden = !tile;
      if (tile) img.src = tile.url;
      img.onload = () => { img.hidden = false; fit(); };
      button.append(img, el("span", "", words));
      button.onclick = () => choose(index);
      if (old) old.replaceWith(button); else box.append(button);
    }
    box.children[i].setAttribute("aria-pressed", String(Boolean(tile) && index === selected));
  });
  while (box.children.length > cells.length) box.lastElementChild?.remove();
  fits.set(box, fit);
  if (!watched) watched = new ResizeObserver((seen) => { for (const { target } of seen) fits.get(target)?.(); });
  watched.observe(box);
  function fit() {
    const tile = cells.find((one) => one.tile?.width)?.tile, first = /** @type {HTMLImageElement | null} */ (box.querySelector("img[src]"));
    const { width = 1, height = 1 } = tile ?? { width: first?.naturalWidth || 1, height: first?.naturalHeight || 1 };
    const count = columns || columnsFor(cells.length, width / height, box.clientWidth || 1, box.clientHeight || 1);
    box.style.setProperty("--columns", String(count));
    const rows = Math.ceil(cells.length / count), side = cellSide(count, rows, width / height, box.clientWidth, box.clientHeight);
    box.style.setProperty("--rows", String(rows));
    // As large as their pictures, so that frames and labels stand at these.
    if (side > 0) {
      box.style.setProperty("--cell-width", `${(side * width) / height}px`);
      box.style.setProperty("--cell-height", `${side}px`);
    }
    box.dispatchEvent(new Event("fitted"));
  }
  fit();
};

/** Shows what forms in its cell. @param {HTMLElement} box @param {string} src */
export const drawForming = (box, src) => {
  const img = /** @type {HTMLImageElement | null} */ (box.querySelector(".forming img"));
  if (img) img.src = src;
};
