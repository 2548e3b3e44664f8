// @ts-check
/* All pictures of a run at once, as labelled tiles over the whole canvas. */
import { el } from "./dom.js";
import { WAITS, address } from "./jobs.js";

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
 * Draws them anew where they changed.
 * @param {HTMLElement} box
 * @param {Tile[]} tiles
 * @param {number} selected
 * @param {(index: number) => void} choose
 */
export const drawTiles = (box, tiles, selected, choose) => {
  const key = JSON.stringify(tiles.map((one) => [one.url, one.label]));
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...tiles.map((one, i) => {
      const button = el("button", "cell"), img = el("img");
      button.type = "button";
      button.setAttribute("aria-label", `Picture ${i + 1} of ${tiles.length}, ${wordsOf(one)}`);
      img.alt = "";
      img.src = one.url;
      img.onload = fit;
      button.append(img, el("span", "", wordsOf(one)));
      button.onclick = () => choose(i);
      return button;
    }));
  }
  [...box.children].forEach((one, i) => one.setAttribute("aria-pressed", String(i === selected)));
  function fit() {
    const first = /** @type {HTMLImageElement | null} */ (box.querySelector("img"));
    const { width = 1, height = 1 } = tiles[0]?.width ? tiles[0] : { width: first?.naturalWidth || 1, height: first?.naturalHeight || 1 };
    const columns = columnsFor(tiles.length, width / height, box.clientWidth || 1, box.clientHeight || 1);
    box.style.setProperty("--columns", String(columns));
    box.style.setProperty("--rows", String(Math.ceil(tiles.length / columns)));
  }
  fit();
};
