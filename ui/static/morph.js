// @ts-check
/* A morph as a whole: scrub and play its frames, see how even its steps are, save it. It follows
   the stage of its tab, which shows the frame itself. */
import { all, el, finder, toast } from "./dom.js";
import { loom } from "./registry.js";

const PARTS = { drawing: "drawing the ends", fitting: "learning", inverting: "inversion",
                frames: "frames", "evening out": "even steps", decoding: "decoding" };

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountMorph = (element, { mode, server }) => {
  const $ = finder(element);
  const root = $(".morph"), slider = $(".scrub input"), play = $(".play");
  const bars = $(".bars"), files = all(element, ".files button");
  /** @type {any} */
  let stage = null;
  /** @type {any} */
  let timer = null;
  /** @type {any} */
  let value = { results: [] };
  let at = 0, step = 1, measured = "", ended = "";

  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  };
  const tick = () => {
    const last = value.results.length - 1;
    if (last < 1) return stop();
    if (at + step > last || at + step < 0) {
      if (value.told?.ping_pong) step = -step;
      else return stage.select(0);
    }
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

  const meter = ({ distances = [], ppl, pdv, distance }) => {
    const key = JSON.stringify(distances);
    if (key !== measured) {
      measured = key;
      const most = Math.max(...distances, 1e-9);
      bars.replaceChildren(...distances.map((gap) => {
        const bar = el("i");
        bar.style.setProperty("--share", String(gap / most));
        bar.title = gap.toPrecision(3);
        return bar;
      }));
      bars.setAttribute("aria-label", `Distances: ${distances.map((d) => d.toPrecision(2)).join(", ")}`);
    }
    [...bars.children].forEach((bar, i) => bar.classList.toggle("here", i === at || i === at - 1));
    $(".meter span").textContent = distances.length
      ? `PPL ${ppl.toPrecision(3)} · PDV ${pdv.toPrecision(2)}` : "";
    $(".meter figcaption").title = distance ? `Measured as: ${distance}` : "";
  };
  const ends = async (v) => {
    const told = v.state === "done" ? v.told?.reconstruction ?? [] : [];
    const key = told.length ? v.job : "";
    if (key === ended) return;
    ended = key;
    const holder = $(".ends-shown");
    const made = await Promise.all(told.map(async (end, i) => {
      const figure = el("figure");
      const got = await server.end_picture({ job: v.job, end: i });
      const frame = v.results.filter((result) => result.views?.includes("end"))[i];
      for (const [src, alt] of [[got?.src, `End ${"ABCD"[i]}`], [frame?.url, "Its frame"]]) {
        if (!src) continue;
        const img = el("img");
        img.src = src;
        img.alt = alt;
        figure.append(img);
      }
      figure.append(el("figcaption", "", `End ${"ABCD"[i]} and its frame · ${end.psnr.toFixed(1)} dB`));
      return figure;
    }));
    if (ended === key) holder.replaceChildren(...made);
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
    const { light, sentence } = told.compatibility ?? {};
    $(".light").dataset.light = light ?? "";
    $(".light span").textContent = [sentence, ...(told.notes ?? [])].filter(Boolean).join(" ");
    meter(told);
    ends(v);
    const cost = Object.entries(told.times_s ?? {}).map(([part, s]) => `${PARTS[part] ?? part} ${s.toFixed(1)} s`);
    const calls = Object.values(told.sample_forwards ?? {}).reduce((a, b) => a + b, 0);
    $(".cost").textContent = cost.length ? `${cost.join(" · ")} · ${calls} sample-forwards of the UNet` : "";
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
