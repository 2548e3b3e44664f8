// @ts-check
/* How far a picture is from what steers it, step by step: a small curve below the canvas. */

/** @typedef {import("./types.js").JobState} JobState */

const WIDE = 100, HIGH = 24, INSET = 1.5;
const NS = "http://www.w3.org/2000/svg";

/**
 * The curve of one picture, in the box of the drawing; "" below two points.
 * @param {[number, number[]][]} losses step, and the loss of each picture
 * @param {number} image
 * @param {number} total steps of the run
 */
export const curve = (losses, image, total) => {
  const last = new Map(losses.map(([step, values]) => [step, values[image] ?? values[0]]));
  const points = [...last].sort(([a], [b]) => a - b);
  const most = Math.max(...points.map(([, loss]) => loss), 1e-6);
  if (points.length < 2) return "";
  return points.map(([step, loss]) => {
    const x = INSET + (step / Math.max(1, total - 1)) * (WIDE - 2 * INSET);
    return `${x.toFixed(1)},${(HIGH - INSET - (loss / most) * (HIGH - 2 * INSET)).toFixed(1)}`;
  }).join(" ");
};

/** @param {SVGElement} svg @param {JobState} v @param {number} image */
export const drawPull = (svg, v, image) => {
  const losses = v.told?.losses ?? [];
  const points = curve(losses, image, v.total || (v.timeline?.steps ?? 1));
  svg.toggleAttribute("hidden", !points);
  if (!points || svg.dataset.points === points) return;
  svg.dataset.points = points;
  const line = document.createElementNS(NS, "polyline");
  line.setAttribute("points", points);
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.replaceChildren(line);
  const values = losses.map((/** @type {[number, number[]]} */ [, all]) => all[image] ?? all[0]);
  svg.setAttribute("aria-label", `Distance from what steers it: ${values[0].toFixed(3)} at first, ${values.at(-1).toFixed(3)} now`);
};
