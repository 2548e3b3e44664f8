// @ts-check
/* A clip as a whole: scrub and play its frames beside what they were, see how much they flicker, save
   it. It follows the stage of its tab, which shows the frame itself. */
import { all, el, finder, toast } from "./dom.js";
import { address } from "./jobs.js";
import { loom } from "./registry.js";

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountClip = (element, { mode, server }) => {
  const $ = finder(element);
  const root = $(".clip"), slider = $(".scrub input"), play = $(".play"), loop = $(".loop");
  const bars = $(".bars"), files = all(element, ".files button"), source = $(".source");
  /** @type {any} */
  let stage = null;
  /** @type {any} */
  let timer = null;
  /** @type {any} */
  let value = { results: [] };
  let at = 0, step = 1, measured = "";

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
    if (loop.getAttribute("aria-pressed") !== "true") return stop();
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
  loop.addEventListener("click", () =>
    loop.setAttribute("aria-pressed", String(loop.getAttribute("aria-pressed") !== "true")));
  slider.addEventListener("input", () => { stop(); stage.select(Number(slider.value) - 1); });

  const meter = ({ over_time = [], whole = null, still = null }) => {
    const key = JSON.stringify(over_time);
    if (key !== measured) {
      measured = key;
      const most = Math.max(...over_time, 1e-9);
      bars.replaceChildren(...over_time.map((gap) => {
        const bar = el("i");
        bar.style.setProperty("--share", String(gap / most));
        bar.title = `${(100 * gap).toFixed(2)} %`;
        return bar;
      }));
      bars.setAttribute("aria-label", `Flicker: ${over_time.map((gap) => `${(100 * gap).toFixed(1)} %`).join(", ")}`);
    }
    [...bars.children].forEach((bar, i) => bar.classList.toggle("here", i === at || i === at - 1));
    const percent = (share) => `${(100 * share).toFixed(2)} %`;
    $(".meter span").textContent = whole === null ? ""
      : `${percent(whole)}${still === null ? "" : ` · where nothing moves ${percent(still)}`}`;
  };
  const before = (v) => {
    const has = v.results[at]?.views?.includes("source");
    source.hidden = !has;
    if (has) $(".source img").src = `${address(v.job)}/pictures/${at}/source`;
  };
  const take = (v, selected) => {
    value = v;
    at = selected;
    const count = v.results.length, told = v.told ?? {};
    const over = ["done", "stopped"].includes(v.state) && count > 0;
    if (!over && timer) stop();
    root.dataset.state = v.state;
    slider.max = Math.max(1, count);
    slider.value = selected + 1;
    slider.style.setProperty("--at", `${count > 1 ? (selected / (count - 1)) * 100 : 0}%`);
    for (const node of [slider, play, ...files]) node.disabled = !over;
    $(".scrub output").textContent = over ? `${selected + 1}/${count}` : "";
    $(".light span").textContent = (told.notes ?? []).join(" ");
    meter(told.flicker ?? {});
    before(v);
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
