// @ts-check
/* A grid of very many cells of which only those near the window are in the page. */

const GAP_PX = 6, MOST = 12, OVER = 2;

/** @typedef {{columns: number, side: number, pitch: number, height: number}} Layout px, all but the first */

/**
 * Square cells that fill the width.
 * @param {number} width
 * @param {number} count
 * @returns {Layout}
 */
export const layoutOf = (width, count) => {
  const columns = Math.max(3, Math.min(MOST, Math.floor(width / 168)));
  const side = Math.max(1, (width - GAP_PX * (columns - 1)) / columns), pitch = side + GAP_PX;
  return { columns, side, pitch, height: Math.max(0, Math.ceil(count / columns) * pitch - GAP_PX) };
};

/**
 * The cells that are in the page, some rows above and below the window too.
 * @param {Layout} layout
 * @param {number} top
 * @param {number} height of the window
 * @param {number} count
 */
export const near = ({ columns, pitch }, top, height, count) => {
  const first = Math.max(0, Math.floor(top / pitch) - OVER), last = Math.ceil((top + height) / pitch) + OVER;
  return { from: Math.min(count, first * columns), to: Math.min(count, last * columns) };
};

/**
 * Where a key leads from a cell; null where it leads nowhere.
 * @param {string} key
 * @param {number} at
 * @param {number} columns
 * @param {number} count
 */
export const byKey = (key, at, columns, count) => {
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -4 * columns, PageDown: 4 * columns, Home: -at, End: count - 1 - at };
  if (!(key in steps) || !count) return null;
  const to = at + steps[key], far = key.startsWith("Page");
  if (far) return Math.max(0, Math.min(count - 1, to));
  return to < 0 || to >= count ? at : to;
};

/**
 * Draws the cells near the window and takes the others out.
 * @param {HTMLElement} room that scrolls
 * @param {HTMLElement} cells inside it
 * @param {{count: () => number, make: (index: number) => HTMLElement}} of
 */
export const cellGrid = (room, cells, { count, make }) => {
  /** @type {Map<number, HTMLElement>} */
  const here = new Map();
  const layout = () => layoutOf(cells.clientWidth, count());
  const draw = () => {
    const now = layout(), { from, to } = near(now, room.scrollTop, room.clientHeight, count());
    cells.style.height = `${now.height}px`;
    for (const [index, node] of here) if (index < from || index >= to) { node.remove(); here.delete(index); }
    let before = /** @type {HTMLElement | null} */ (null);
    for (let index = from; index < to; index++) {
      let node = here.get(index);
      if (!node) {
        node = make(index);
        here.set(index, node);
        if (before) before.after(node); else cells.prepend(node); // in order, for those who tab
      }
      node.style.width = node.style.height = `${now.side}px`;
      node.style.transform = `translate(${(index % now.columns) * now.pitch}px, ${Math.floor(index / now.columns) * now.pitch}px)`;
      before = node;
    }
  };
  room.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(room);
  return {
    draw,
    /** Makes all anew. */
    clear: () => { cells.replaceChildren(); here.clear(); draw(); },
    /** Makes one anew. @param {number} index */
    again: (index) => {
      const node = here.get(index);
      if (!node) return;
      const made = make(index);
      made.style.cssText = node.style.cssText;
      node.replaceWith(made);
      here.set(index, made);
    },
    columns: () => layout().columns,
    /** The cell, scrolled into sight. @param {number} index */
    reach: (index) => {
      const { columns, pitch } = layout(), top = Math.floor(index / columns) * pitch;
      if (top < room.scrollTop) room.scrollTop = top;
      else if (top + pitch > room.scrollTop + room.clientHeight) room.scrollTop = top + pitch - room.clientHeight;
      draw();
      return here.get(index) ?? null;
    },
    indices: () => [...here.keys()],
  };
};
