// @ts-check
/* The frame of outpainting around the picture on the easel: its sides are dragged outwards, and are the form's fields. */
import { el, maybe } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {"left" | "right" | "top" | "bottom"} Side */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */

const STEP_PX = 16, MOST_PX = 1024, SOON_MS = 500; // models draw in steps of 8 or 16 px; the form knows soon
/** @type {Side[]} */
export const SIDES = ["left", "right", "top", "bottom"];

/**
 * The part of a picture that is drawn on: all of it, or its middle where the size has other proportions and cuts it.
 * @param {Box} picture as it is shown
 * @param {number} ratio of the size, width by height
 * @param {boolean} cut
 * @returns {Box}
 */
export const keptPart = (picture, ratio, cut) => {
  if (!cut) return picture;
  const width = Math.min(picture.width, picture.height * ratio), height = Math.min(picture.height, picture.width / ratio);
  return { left: picture.left + (picture.width - width) / 2, top: picture.top + (picture.height - height) / 2, width, height };
};

/** @param {Box} part @param {Record<Side, number>} margins px of the result @param {number} scale shown by drawn px @returns {Box} */
export const outside = (part, { left, right, top, bottom }, scale) => ({
  left: part.left - left * scale, top: part.top - top * scale, width: part.width + (left + right) * scale, height: part.height + (top + bottom) * scale,
});

/** A margin that the form takes. @param {number} px */
export const margin = (px) => Math.max(0, Math.min(MOST_PX, STEP_PX * Math.round(px / STEP_PX)));

/**
 * @param {string} mode
 * @param {HTMLElement} room
 * @param {() => void} settled called when a side has been moved, and the form knows
 */
export const frameOf = (mode, room, settled) => {
  const box = el("div", "outpaint-frame");
  box.hidden = true;
  /** @type {Record<Side, number> | null} while one is dragged */
  let drawn = null;
  let soon = 0;
  /** @type {Box} */
  let picture = { left: 0, top: 0, width: 1, height: 1 };
  const form = () => loom.forms[mode];
  const can = () => "outpaint_left" in (form()?.defaults ?? {});
  /** @returns {Record<Side, number>} */
  const margins = () => drawn ?? /** @type {any} */ (Object.fromEntries(SIDES.map((side) => [side, Number(form()?.last?.[`outpaint_${side}`]) || 0])));
  const put = (/** @type {Side} */ side, /** @type {number} */ px) => {
    form()?.trigger("put", { changes: { [`outpaint_${side}`]: px } });
    clearTimeout(soon);
    soon = setTimeout(() => { drawn = null; settled(); }, SOON_MS);
  };
  const part = () => {
    const said = /(\d+)\s*[x×]\s*(\d+)/.exec(maybe(`#${mode}-size input`)?.value ?? "");
    const width = said ? Number(said[1]) : 256, height = said ? Number(said[2]) : 256;
    const kept = keptPart(picture, width / height, form()?.last?.resize_mode === "crop");
    return { kept, scale: kept.width / width };
  };
  const handles = Object.fromEntries(SIDES.map((side) => {
    const handle = el("div", `side ${side}`), across = side === "left" || side === "right";
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", `Extend: ${side}`);
    handle.setAttribute("aria-orientation", across ? "horizontal" : "vertical");
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", String(MOST_PX));
    const outwards = side === "left" || side === "top" ? -1 : 1;
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      const first = { ...margins() }, at = across ? event.clientX : event.clientY, { scale } = part();
      const move = (/** @type {PointerEvent} */ now) => {
        const far = ((across ? now.clientX : now.clientY) - at) * outwards;
        drawn = { ...first, [side]: margin(first[side] + far / scale) };
        draw();
      };
      const end = () => {
        handle.removeEventListener("pointermove", move);
        if (drawn && drawn[side] !== first[side]) put(side, drawn[side]);
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("pointerup", end, { once: true });
    });
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: across ? -1 : 0, ArrowRight: across ? 1 : 0, ArrowUp: across ? 0 : -1, ArrowDown: across ? 0 : 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      drawn = { ...margins(), [side]: margin(margins()[side] + by * outwards * STEP_PX) };
      put(side, drawn[side]);
      draw();
    });
    box.append(handle);
    return [side, handle];
  }));
  const said = el("output");
  box.append(said);
  room.append(box);

  const draw = () => {
    const { kept, scale } = part(), now = margins(), out = outside(kept, now, scale);
    Object.assign(box.style, Object.fromEntries(Object.entries(out).map(([key, value]) => [key, `${value}px`])));
    const any = SIDES.some((side) => now[side] > 0);
    box.classList.toggle("grows", any);
    for (const side of SIDES) {
      handles[side].setAttribute("aria-valuenow", String(now[side]));
      handles[side].setAttribute("aria-valuetext", `${now[side]} px`);
    }
    said.textContent = any ? `${Math.round(out.width / scale)} × ${Math.round(out.height / scale)} px` : "Drag a side outwards";
  };
  return {
    can,
    /** Whether any side is moved out. */
    grows: () => can() && SIDES.some((side) => margins()[side] > 0),
    /** Around the picture as it is shown in the room. @param {Box} now @param {boolean} active whether its sides can be dragged */
    draw: (now, active) => {
      picture = now;
      box.hidden = !can() || !(active || SIDES.some((side) => margins()[side] > 0));
      box.classList.toggle("active", active);
      for (const side of SIDES) handles[side].tabIndex = active ? 0 : -1;
      if (!box.hidden) draw();
    },
    /** How much larger than the picture all of it is, for a view that holds it. @param {{width: number, height: number}} now the picture */
    extent: (now) => {
      picture = { left: 0, top: 0, ...now };
      const { kept, scale } = part(), out = outside(kept, margins(), scale);
      return { width: Math.max(picture.width, out.width) / picture.width, height: Math.max(picture.height, out.height) / picture.height };
    },
  };
};
