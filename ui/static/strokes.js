// @ts-check
/* What is painted on a picture: marks in two layers, a mask and a sketch, taken back and put on again one by one. */

/** @typedef {"mask" | "sketch"} Layer */
/**
 * One thing that was done: a stroke, an area that a line runs around, or a layer emptied.
 * @typedef {{layer: Layer, kind: "brush" | "lasso" | "clear", erase: boolean, colour: string, size: number, opacity: number, points: number[][]}} Mark
 *   places and sizes in pixels of the layer
 */

/** @type {Layer[]} */
export const LAYERS = ["mask", "sketch"];
export const MOST_SIDE_PX = 1536;
const MOST_MARKS = 2000, NEAR_PX = 0.7;

/**
 * The size of the layers over a picture: its own, unless that is very large.
 * @param {number} width
 * @param {number} height
 */
export const layerSize = (width, height) => {
  const scale = Math.min(1, MOST_SIDE_PX / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
};

/** Adds a place to a mark, unless it is where the last one was. @param {number[][]} points @param {number[]} place */
export const farther = (points, place) => {
  const last = points.at(-1);
  return last && Math.hypot(place[0] - last[0], place[1] - last[1]) < NEAR_PX ? points : [...points, place];
};

/**
 * Puts a mark on its layer.
 * @param {CanvasRenderingContext2D} context
 * @param {Mark} mark
 */
export const put = (context, { kind, erase, colour, size, opacity, points }) => {
  if (kind === "clear") {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    return;
  }
  if (!points.length) return;
  context.save();
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.globalAlpha = erase ? 1 : opacity;
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [first, ...others] = points;
  context.moveTo(first[0], first[1]);
  if (kind === "lasso") {
    for (const [x, y] of others) context.lineTo(x, y);
    context.closePath();
    context.fill();
  } else {
    // One path, so that a translucent stroke is nowhere laid over itself.
    context.lineWidth = erase ? size + 2 : size; // of a stroke as wide, no edge is left
    if (!others.length) context.lineTo(first[0] + 0.01, first[1]);
    for (const [x, y] of others) context.lineTo(x, y);
    context.stroke();
  }
  context.restore();
};

/** All marks that were made, with a way back and forth. */
export const journal = () => {
  /** @type {Mark[]} */
  let made = [];
  /** @type {Mark[]} what was taken back, the last one first */
  let undone = [];
  let turn = 0;
  return {
    get marks() { return made; },
    /** Changes whenever the marks do. */
    get turn() { return turn; },
    get canUndo() { return made.length > 0; },
    get canRedo() { return undone.length > 0; },
    /** @param {Mark} mark */
    add: (mark) => {
      made = [...made, mark].slice(-MOST_MARKS);
      undone = [];
      turn++;
    },
    undo: () => {
      const last = made.at(-1);
      if (!last) return false;
      made = made.slice(0, -1);
      undone = [last, ...undone];
      turn++;
      return true;
    },
    redo: () => {
      const [next, ...rest] = undone;
      if (!next) return false;
      made = [...made, next];
      undone = rest;
      turn++;
      return true;
    },
    /** Begins anew, e.g. with what lay on another picture. @param {Mark[]} [marks] */
    reset: (marks = []) => {
      made = marks;
      undone = [];
      turn++;
    },
    /** The marks of a layer since it was last emptied. @param {Layer} layer */
    on: (layer) => {
      const own = made.filter((mark) => mark.layer === layer);
      return own.slice(own.findLastIndex((mark) => mark.kind === "clear") + 1);
    },
  };
};

/** How much of a layer is covered, from its opacities: 0 to 1. @param {Uint8ClampedArray} data rgba */
export const covered = (data) => {
  let sum = 0;
  for (let at = 3; at < data.length; at += 4) sum += data[at];
  return data.length ? sum / (255 * (data.length / 4)) : 0;
};

/**
 * A layer's pixels as a mask: white where more than half is covered, else black. What an eraser leaves at the edge of a
 * stroke is nothing; soft edges are the mask's blur.
 * @param {Uint8ClampedArray} data rgba
 */
export const harden = (data) => {
  for (let at = 0; at < data.length; at += 4) {
    data[at] = data[at + 1] = data[at + 2] = data[at + 3] > 127 ? 255 : 0;
    data[at + 3] = 255;
  }
};

/** A colour from a picture's pixel. @param {ArrayLike<number>} rgb */
export const hexOf = (rgb) => `#${[0, 1, 2].map((i) => rgb[i].toString(16).padStart(2, "0")).join("")}`;

/** What is painted, in a few words; "" where nothing is. @param {{mask: number, sketch: number}} share of each layer */
export const paintedWords = ({ mask, sketch }) => [
  mask > 0 && `mask ${mask < 0.01 ? "< 1" : Math.round(100 * mask)} %`, sketch > 0 && "colour sketch",
].filter(Boolean).join(" · ");
