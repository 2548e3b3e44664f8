// @ts-check
/* Frames that are a whole: scrub, play and save them, with a bar for each step from one to the next.
   It follows the stage of its tab, which shows the frame itself. Morphs and clips are two of it. */
import { all, el, finder, toast } from "./dom.js";
import { WAITS } from "./jobs.js";
import { loom } from "./registry.js";

/**
 * @typedef {object} Kind
 * @property {string} root the selector of what tells its state
 * @property {(told: any) => number[]} gaps from each frame to the next
 * @property {(gap: number) => string} says a gap, at its bar
 * @property {(gaps: number[]) => string} label of all bars
 * @property {(value: any, at: number) => void} shown what else follows the frame
 * @property {(told: any) => number[]} [beside] the same of another run, drawn as a line over the bars
 * @property {() => boolean} [loops] whether it begins again at its end
 */

const SVG = "http://www.w3.org/2000/svg";

/* Shares of the height, from left to right, as a line over bars of the same number. */
/** @param {number[]} shares @returns {string} */
export const pointsOf = (shares) => shares.map((share, i) => `${i + 0.5},${(1 - share).toFixed(4)}`).join(" ");

/** @param {number[]} shares */
const lineOf = (shares) => {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${shares.length} 1`);
  drawing.setAttribute("preserveAspectRatio", "none");
  const line = drawing.appendChild(document.createElementNS(SVG, "polyline"));
  line.setAttribute("points", pointsOf(shares));
  return drawing;
};

/**
 * @param {HTMLElement} element
 * @param {import("./types.js").Mounted} given
 * @param {Kind} kind
 */
export const mountPlayer = (element, { mode, server }, { root, gaps, says, label, shown, beside = () => [], loops = () => true }) => {
  const $ = finder(element);
  const whole = $(root), slider = $(".scrub input"), play = $(".play");
  const bars = $(".bars"), files = all(element, ".files button");
  /** @type {any} */
  let stage = null;
  /** @type {any} */
  let timer = null;
  /** @type {any} */
  let value = { results: [] };
  let at = 0, step = 1, measured = "";
  /** @type {string | null} the job that was seen running */
  let went = null;

  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  const tick = () => {
    const last = value.results.length - 1;
    if (last < 1) return stop();
    if (at + step >= 0 && at + step <= last) return stage.select(at + step);
    if (!loops()) return stop();
    if (!value.told?.ping_pong) return stage.select(0);
    step = -step;
    stage.select(at + step);
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    step = 1;
    if (at >= value.results.length - 1) stage.select(0);
    timer = setInterval(tick, 1000 / (value.told?.fps || 12));
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
  });
  slider.addEventListener("input", () => { stop(); stage.select(Number(slider.value) - 1); });

  const draw = (/** @type {number[]} */ all, /** @type {number[]} */ other) => {
    const key = JSON.stringify([all, other]);
    if (key !== measured) {
      measured = key;
      const most = Math.max(...all, ...other, 1e-9);
      bars.replaceChildren(...all.map((gap) => {
        const bar = el("i");
        bar.style.setProperty("--share", String(gap / most));
        bar.title = says(gap);
        return bar;
      }));
      if (other.length > 1) bars.append(lineOf(other.map((gap) => gap / most)));
      bars.setAttribute("aria-label", label(all));
    }
    [...bars.children].forEach((bar, i) => bar.classList.toggle("here", i === at || i === at - 1));
  };
  const take = (v, selected) => {
    value = v;
    at = selected;
    const count = v.results.length;
    const over = ["done", "stopped"].includes(v.state) && count > 0;
    if (!over && timer) stop();
    const runs = WAITS.includes(v.state);
    // It plays once it is there, for those who saw it made and mind no motion.
    if (went === v.job && v.state === "done" && count > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      went = null;
      setTimeout(() => { if (!timer && value.job === v.job) play.click(); });
    }
    if (runs) went = v.job;
    whole.dataset.state = v.state;
    slider.max = Math.max(1, count);
    slider.value = selected + 1;
    slider.style.setProperty("--at", `${count > 1 ? (selected / (count - 1)) * 100 : 0}%`);
    for (const node of [slider, play, ...files]) node.disabled = !over;
    $(".scrub output").textContent = over ? `${selected + 1}/${count}` : "";
    draw(gaps(v.told ?? {}), beside(v.told ?? {}));
    shown(v, selected);
  };
  for (const button of files)
    button.addEventListener("click", async () => {
      button.disabled = true;
      const got = await server.made_file({ job: value.job, format: button.dataset.format });
      button.disabled = false;
      if (!got?.src) { toast(got?.error ?? "The file could not be made.", "warn"); return; }
      const link = el("a");
      link.href = got.src;
      link.download = got.name;
      link.click();
    });

  const join = () => {
    stage = loom.stages[mode];
    if (!stage) return setTimeout(join, 50);
    stage.listen = take;
    take(stage.value.results ? stage.value : { ...stage.value, results: [] }, 0);
  };
  join();
};
