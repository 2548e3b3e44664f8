// @ts-check
/* The tools of the easel: its bar, and which of them were chosen last. */

const KEY = "loom.easel";

/** @typedef {{layer: "mask" | "sketch", tool: "brush" | "lasso" | "pick", erase: boolean, colour: string, opacity: number, only: boolean, sizes: {mask: number, sketch: number}}} Tools
 *   sizes as a share of the picture's longer side; `only`: no more than what is sketched is drawn anew */

const glyph = (/** @type {string} */ inside) =>
  `<svg viewBox="0 0 20 20" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${inside}</svg>`;
const tool = (/** @type {string} */ name, /** @type {string} */ title, /** @type {string} */ key, /** @type {string} */ inside, toggles = true) =>
  `<button type="button" class="${name} quiet tool" title="${title} (${key})" aria-label="${title}"${toggles ? ' aria-pressed="false"' : ""}>${glyph(inside)}</button>`;

export const TOOLBAR = `
<div class="bench" role="toolbar" aria-label="Painting tools">
  <span class="group layers"><button type="button" class="to-mask quiet" aria-pressed="false" title="What is drawn anew (M)">Mask</button><button
    type="button" class="to-sketch quiet" aria-pressed="false" title="Colours that the run starts from (S)">Sketch</button><button
    type="button" class="to-frame quiet" aria-pressed="false" title="Outpaint: drag the sides outwards (F)" hidden>Frame</button></span>
  <span class="group">${tool("brush", "Brush", "B", '<path d="M16.5 3.5 9 11M8.6 10.8c-2.2-.3-3.4 1-3.6 2.8-.1 1-.6 1.7-1.7 2 2.8 1.6 6.9.9 6.9-2.5 0-1.2-.7-2-1.6-2.3z"/>')}${tool("lasso", "Lasso: what a line runs around", "L", '<path d="M10 3c4.4 0 7.5 1.9 7.5 4.7S14.4 12.5 10 12.5 2.5 10.5 2.5 7.7 5.6 3 10 3z"/><path d="M6 12.2c-1.2.4-1.9 1.2-1.9 2.1 0 1.3 1.6 1.4 2.5.7 1-.7 1-2.5-.6-2.8zM4.5 15.5 3.5 18"/>')}${tool("dropper", "Take a colour from the picture", "I, or Alt and click", '<path d="m11.5 6 2.5 2.5-7.2 7.2c-.6.6-1.6.9-2.6 1.1.2-1 .5-2 1.1-2.6zM10 5l5 5M13 7l2.3-2.3a1.7 1.7 0 0 0-2.4-2.4L10.6 4.6"/>')}${tool("erase", "Erase", "E, or the right button", '<path d="m8 17-4.5-4.5a1.4 1.4 0 0 1 0-2l6.6-6.6a1.4 1.4 0 0 1 2 0l4 4a1.4 1.4 0 0 1 0 2L9.5 17zM6.8 7.3l6 6M8 17h9"/>')}</span>
  <label class="group size" title="Size of the brush ([ and ], or Alt and the wheel)">${glyph('<circle cx="10" cy="10" r="6.5"/><circle cx="10" cy="10" r="2" fill="currentColor"/>')}<input type="range" min="1" max="100" value="20" aria-label="Size of the brush"><output></output></label>
  <label class="group tint" title="Colour"><input type="color" value="#d04020" aria-label="Colour"></label>
  <label class="group opacity" title="How much a stroke covers">${glyph('<circle cx="10" cy="10" r="6.5"/><path d="M10 3.5a6.5 6.5 0 0 1 0 13z" fill="currentColor"/>')}<input type="range" min="2" max="100" value="100" aria-label="How much a stroke covers"></label>
  <label class="group only" title="What is not sketched stays as it is"><input type="checkbox"><span>Only there</span></label>
  <span class="group">${tool("undo", "Undo", "Ctrl Z", '<path d="M7 4 3.5 7.5 7 11M3.5 7.5H12a4.5 4.5 0 0 1 0 9H8"/>', false)}${tool("redo", "Redo", "Ctrl Shift Z", '<path d="m13 4 3.5 3.5L13 11M16.5 7.5H8a4.5 4.5 0 0 0 0 9h4"/>', false)}<button type="button" class="clear quiet tool" title="Clear the mask; the picture stays" aria-label="Clear the mask">${glyph('<path d="M4 6h12M8 6V4.5h4V6M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5"/>')}</button></span>
  <button type="button" class="done quiet" title="Back to the results; what is painted stays (Esc)">Done</button>
</div>
<div class="room"><div class="sheet"></div><i class="ring" hidden></i></div>
<span class="group zoom"><button type="button" class="farther quiet tool" title="Farther (−, or the wheel)" aria-label="Farther">−</button><button
    type="button" class="fit quiet" title="All of it (0)" aria-label="Show all of it"><output>100 %</output></button><button
    type="button" class="nearer quiet tool" title="Nearer (+, or the wheel)" aria-label="Nearer">+</button></span>`;

/** @returns {Tools} */
export const keptTools = () => {
  /** @type {Tools} */
  const standard = { layer: "mask", tool: "brush", erase: false, colour: "#d04020", opacity: 1, only: false, sizes: { mask: 0.08, sketch: 0.03 } };
  try {
    const { colour, opacity, sizes, only } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const share = (/** @type {unknown} */ value, /** @type {number} */ otherwise) => (typeof value === "number" && value > 0 && value <= 0.5 ? value : otherwise);
    return {
      ...standard, only: only === true,
      colour: typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour) ? colour : standard.colour,
      opacity: typeof opacity === "number" && opacity > 0 && opacity <= 1 ? opacity : 1,
      sizes: { mask: share(sizes?.mask, 0.08), sketch: share(sizes?.sketch, 0.03) },
    };
  } catch { return standard; }
};

/** @param {Tools} tools */
export const keepTools = ({ colour, opacity, sizes, only }) => {
  try { localStorage.setItem(KEY, JSON.stringify({ colour, opacity, sizes, only })); } catch { /* no room: a comfort only */ }
};
