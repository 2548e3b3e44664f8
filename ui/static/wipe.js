// @ts-check
/* Before and after on the canvas: what a result was made from lies over it, up to a line that is moved. */
import { el, find, press, pressed, toast } from "./dom.js";
import { WAITS } from "./jobs.js";
import { fitted } from "./lightbox.js";
import { loom } from "./registry.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").View} View */
/** @typedef {{src: string, job: string, image: number}} Before */

/* Called by the page with what lies before a result; without a picture where nothing fits over it. */
/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountBefore = (element, { mode, props, watch }) => {
  watch("value", () => { if (props.value) loom.befores[mode]?.(props.value); });
};

/** @param {View} view */
export const wipeOf = (view) => {
  const { $, mode, root, stage, trigger } = view;
  const on = $(".wipe-on"), frame = $(".frame"), canvas = $(".canvas");
  const box = el("div", "wipe"), before = el("img"), range = el("input");
  before.draggable = false;
  Object.assign(range, { type: "range", min: "0", max: "100", step: "0.5", value: "50" });
  range.setAttribute("aria-label", "Where before and after meet");
  box.hidden = true;
  box.append(before, el("span", "then", on.textContent?.trim() ?? ""), el("span", "now", "After"), range);
  canvas.append(box);
  /** @type {string} whose picture lies over the result, or is asked for */
  let shown = "";
  const keyOf = (/** @type {JobState} */ v) => `${v.job}/${view.selected}`;

  /* Over the picture itself, not over the room around it. */
  const fit = () => {
    const room = { width: frame.clientWidth, height: frame.clientHeight };
    if (box.hidden || !room.width || !frame.naturalWidth) return;
    const scale = fitted({ width: frame.naturalWidth, height: frame.naturalHeight }, room);
    const width = frame.naturalWidth * scale, height = frame.naturalHeight * scale;
    Object.assign(box.style, {
      width: `${width}px`, height: `${height}px`, left: `${frame.offsetLeft + (room.width - width) / 2}px`, top: `${frame.offsetTop + (room.height - height) / 2}px`,
    });
  };
  const move = () => box.style.setProperty("--at", `${range.value}%`);
  new ResizeObserver(fit).observe(frame);
  frame.addEventListener("load", fit);
  range.addEventListener("input", move);
  move();

  const hide = () => { box.hidden = true; shown = ""; };
  loom.befores[mode] = ({ src, job, image }) => {
    if (`${job}/${image}` !== shown || !pressed(on)) return;
    if (!src) {
      press(on, false);
      hide();
      toast("This result was not made from the picture that lies in the tab now, or has another shape; there is nothing to lay over it.");
      return;
    }
    before.src = src;
    before.alt = on.textContent?.trim() ?? "";
    box.hidden = false;
    fit();
  };
  on.addEventListener("click", () => {
    press(on, !pressed(on));
    view.tiled = false;
    view.scrubbed = null;
    view.render();
  });
  return {
    render: (/** @type {JobState} */ v) => {
      const one = v.results[view.selected], can = root.dataset.before === "true" && Boolean(one) && !one?.sheet && !WAITS.includes(v.state);
      on.hidden = !can;
      if (!can || !pressed(on) || view.tiled || view.scrubbed !== null) { hide(); return; }
      if (shown === keyOf(v)) { fit(); return; }
      hide();
      shown = keyOf(v);
      trigger("before", { job: v.job, image: view.selected });
    },
  };
};
