// @ts-check
/* Where the picture lies on the canvas: what belongs to it stands at its corners, not at the canvas's. */
import { el } from "./dom.js";
import { WAITS } from "./jobs.js";
import { fitted } from "./lightbox.js";

/** @typedef {import("./types.js").Found} Found */
/** @typedef {{left: number, top: number, width: number, height: number}} Place */

const LEAST_PX = 320; // what stands at both lower corners needs that much

/**
 * Where a picture lies in a room that it fills as far as it fits, in the room's pixels.
 * @param {{width: number, height: number}} picture
 * @param {Place} room
 * @returns {Place}
 */
export const placed = (picture, room) => {
  const scale = fitted(picture, room), width = picture.width * scale, height = picture.height * scale;
  return { left: room.left + (room.width - width) / 2, top: room.top + (room.height - height) / 2, width, height };
};

/** (columns, rows) of pictures that form on one sheet, as `shape_of` of the previews lays them. @param {number} count */
export const shapeOf = (count) => {
  const columns = Math.ceil(Math.sqrt(count));
  return [columns, Math.ceil(count / columns)];
};

/**
 * @param {Found} canvas
 * @param {Found} frame
 * @param {Found} tiles
 */
export const anchorOf = (canvas, frame, tiles) => {
  const numbers = el("div", "numbers");
  let count = 1;
  numbers.hidden = true;
  canvas.append(numbers);
  const roomOf = (/** @type {HTMLElement} */ node) => ({ left: node.offsetLeft, top: node.offsetTop, width: node.clientWidth, height: node.clientHeight });
  /** @returns {Place | null} */
  const there = () => {
    if (!tiles.hidden) {
      const cells = /** @type {HTMLElement[]} */ ([...tiles.children]), first = cells[0], last = cells.at(-1);
      if (!first || !last) return null;
      const right = Math.max(...cells.map((one) => one.offsetLeft + one.offsetWidth));
      return { left: first.offsetLeft, top: first.offsetTop, width: right - first.offsetLeft, height: last.offsetTop + last.offsetHeight - first.offsetTop };
    }
    if (frame.hidden || !frame.naturalWidth || !frame.clientWidth) return null;
    return placed({ width: frame.naturalWidth, height: frame.naturalHeight }, roomOf(frame));
  };
  const fit = () => {
    const place = there(), wide = place && (place.width >= LEAST_PX || innerWidth <= 900);
    const sides = place && {
      left: wide ? place.left : 0, right: wide ? canvas.clientWidth - place.left - place.width : null, bottom: canvas.clientHeight - place.top - place.height,
    };
    for (const side of /** @type {const} */ (["left", "right", "bottom"])) {
      const far = sides?.[side];
      if (far == null) canvas.style.removeProperty(`--${side}`);
      else canvas.style.setProperty(`--${side}`, `${Math.max(0, far)}px`);
    }
    numbers.hidden = count < 2 || !place || !tiles.hidden;
    if (numbers.hidden || !place) return;
    const [columns, rows] = shapeOf(count);
    Object.assign(numbers.style, {
      left: `${place.left}px`, top: `${place.top}px`, width: `${place.width}px`, height: `${place.height}px`,
      gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)`,
    });
    if (numbers.children.length !== count) numbers.replaceChildren(...Array.from({ length: count }, (_, i) => el("span", "", String(i + 1))));
  };
  const observer = new ResizeObserver(fit);
  for (const node of [canvas, frame, tiles]) observer.observe(node);
  frame.addEventListener("load", fit);
  tiles.addEventListener("fitted", fit); // their box stays as it is when they move in it
  return {
    /** @param {import("./types.js").JobState} v */
    draw: (v) => {
      count = WAITS.includes(v.state) && !v.told?.grid ? v.timeline?.batch ?? 1 : 1;
      fit();
    },
  };
};
