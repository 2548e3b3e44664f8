// @ts-check
/* The LoRA tab's tools: a pad to look for a mix, and what each LoRA of a picture did. */
import { all, el, finder, focused, toast } from "./dom.js";
import { loom } from "./registry.js";

const SVG = "http://www.w3.org/2000/svg";
const clamp = (x) => Math.min(1, Math.max(0, x));
const short = (x) => String(Math.round(x * 100) / 100);
const busy = (v) => ["queued", "running"].includes(v.state);
const line = (v) => {
  if (v.state === "queued") return v.position > 0 ? `Waiting: ${v.position} before it` : "Starting…";
  if (v.state === "running") return v.note || (v.total ? `Step ${v.step} of ${v.total}` : "Getting ready");
  return v.state === "done" ? "" : v.message;
};
const say = (node, text, warn = false) => {
  node.textContent = text;
  node.classList.toggle("warn", warn);
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountPad = (element, { mode, server, trigger, watch, props }) => {
  const $ = finder(element);
  const build = $(".build"), halt = $(".halt"), field = $(".field"), img = $(".field img"), dot = $(".field i");
  const corners = all(element, ".corners b");
  let job = null, asked = 0, loras = [], grid = [], point = [0.5, 0.5], exact = null, exactAt = "", turn = 0;

  // As in LoraPadSettings.shares.
  const shares = (/** @type {number[]} */ [x, y]) => {
    const top = [(1 - x) * (1 - y), x * (1 - y)];
    return loras.length === 2 ? [1 - x, x] : loras.length === 3 ? [...top, y] : [...top, (1 - x) * y, x * y];
  };
  const nearest = () => {
    const here = shares(point);
    const far = ({ mix }) => mix.reduce((sum, share, i) => sum + (share - here[i]) ** 2, 0);
    return grid.reduce((best, one) => (best && far(best) <= far(one) ? best : one), null);
  };
  const draw = () => {
    const two = loras.length === 2;
    if (two) point[1] = 0.5;
    dot.style.left = `${point[0] * 100}%`;
    dot.style.top = `${point[1] * 100}%`;
    const weights = shares(point).map((share, i) => [loras[i]?.name, share * (loras[i]?.weight ?? 0)]);
    const text = weights.map(([name, weight]) => `${name} ${short(weight)}`).join(" · ");
    $(".mix").textContent = text + (exactAt === String(point) ? "" : grid.length ? " · coarse" : "");
    field.setAttribute("aria-valuenow", String(Math.round(point[0] * 100)));
    field.setAttribute("aria-valuetext", text);
    if (exactAt === String(point)) return;
    const near = nearest();
    if (near) { img.src = near.src; img.hidden = false; }
    img.alt = "Coarse picture at the point";
  };
  const label = () => {
    const names = loras.map(({ name, weight }) => `${name} ${short(weight)}`);
    const at = loras.length === 3 ? [names[0], names[1], names[2], ""] : [names[0], names[1], names[2] ?? "", names[3] ?? ""];
    corners.forEach((b, i) => { b.textContent = at[i] ?? ""; b.title = at[i] ?? ""; });
    $(".corners.bottom").hidden = loras.length === 2;
    $(".corners.bottom").classList.toggle("one", loras.length === 3);
  };
  const follow = async (mine) => {
    while (job === mine) {
      const v = await server.pad_state({ job, known: grid.length });
      if (job !== mine) return;
      if (!v || v.error) { say($(".line"), v?.error ?? "No answer; try again.", true); halt.hidden = true; return; }
      for (const { point: at, src } of v.pictures) grid.push({ src, mix: shares(at) });
      if (v.pictures.length) draw();
      say($(".line"), line(v), v.state === "failed");
      halt.hidden = !busy(v);
      build.disabled = busy(v);
      if (!busy(v)) return;
      await new Promise((go) => setTimeout(go, 300));
    }
  };
  const settle = async () => {
    if (!job) return;
    const mine = ++turn, at = [...point];
    if (exact) server.halt({ job: exact });
    exact = null;
    const got = await server.pad_exact({ job, x: at[0], y: loras.length === 2 ? 0 : at[1] });
    if (mine !== turn) { if (got?.job) server.halt({ job: got.job }); return; }
    if (!got?.job) { say($(".line"), got?.error ?? "", true); return; }
    exact = got.job;
    field.classList.add("drawing");
    for (;;) {
      const v = await server.exact_state({ job: got.job });
      if (mine !== turn) return;
      if (!v || v.error || !busy(v)) {
        field.classList.remove("drawing");
        exact = null;
        if (v?.url) { exactAt = String(at); img.src = v.url; img.alt = "Picture at the point"; draw(); }
        else if (v?.message || v?.error) say($(".line"), v.message || v.error, true);
        return;
      }
      await new Promise((go) => setTimeout(go, 150));
    }
  };
  const move = (event) => {
    const box = field.getBoundingClientRect();
    point = [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
    draw();
  };
  field.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    field.focus();
    field.setPointerCapture(event.pointerId);
    turn++;
    move(event);
  });
  field.addEventListener("pointermove", (event) => { if (field.hasPointerCapture(event.pointerId)) move(event); });
  field.addEventListener("pointerup", settle);
  /** @type {any} */
  let pressed = null;
  field.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const size = event.shiftKey ? 0.25 : 0.05;
    point = point.map((value, i) => Math.round(clamp(value + by[i] * size) * 1000) / 1000);
    draw();
    clearTimeout(pressed);
    pressed = setTimeout(settle, 500);
  });
  build.onclick = () => {
    focused()?.blur?.();
    build.disabled = true;
    say($(".line"), "Starting…");
    setTimeout(() => trigger("build", { asked: ++asked }), 60);
  };
  halt.onclick = () => server.halt({ job });
  $(".take").onclick = () => {
    loom.loraWeights[mode]?.(shares(point).map((share, i) => [loras[i].name, Math.round(share * loras[i].weight * 1000) / 1000]));
    toast("The weights of this point are in the rows.");
  };
  watch("value", () => {
    const v = props.value;
    if (!v || v.asked !== asked) return;
    if (v.error) { say($(".line"), v.error, true); build.disabled = false; return; }
    if (exact) server.halt({ job: exact });
    turn++;
    [job, loras, grid, point, exact, exactAt] = [v.job, v.loras, [], [0.5, 0.5], null, ""];
    img.removeAttribute("src");
    img.hidden = true;
    $(".board").hidden = false;
    $(".pad").dataset.state = "drawn";
    build.textContent = "Draw it again";
    field.classList.remove("drawing");
    label();
    draw();
    follow(job);
  });
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountFootprint = (element, { mode, server }) => {
  const $ = finder(element);
  const measure = $(".measure"), halt = $(".halt");
  let job = null;

  const over = (loras) => {
    const steps = loras[0].shares.length, drawing = $(".over svg");
    const width = 320 / steps;
    drawing.replaceChildren();
    for (let step = 0; step < steps; step++) {
      let top = 100;
      loras.forEach(({ shares }, i) => {
        const bar = document.createElementNS(SVG, "rect");
        const height = shares[step] * 100;
        top -= height;
        for (const [key, value] of Object.entries({ x: step * width, y: top, width: width * 0.92, height, class: `tone${i % 6}` })) bar.setAttribute(key, String(value));
        drawing.append(bar);
      });
    }
    drawing.setAttribute("aria-label", loras.map(({ name, share }) => `${name}: ${Math.round(share * 100)} percent of the change`).join(", "));
    $(".over").hidden = false;
  };
  const show = (v) => {
    $(".maps").replaceChildren(...v.loras.map(({ name, share }, i) => {
      const figure = el("figure"), picture = el("img"), caption = el("figcaption");
      picture.src = v.maps[i];
      picture.alt = `Where ${name} changed the prediction`;
      caption.append(el("i", `tone${i % 6}`), el("span", "", name), el("b", "", `${Math.round(share * 100)} %`));
      figure.append(picture, caption);
      return figure;
    }));
    over(v.loras);
    $(".footprint").dataset.state = "measured";
  };
  measure.onclick = async () => {
    const stage = loom.stages[mode];
    const chosen = all(document, `#${mode}-stage .strip .thumb`).findIndex((b) => b.getAttribute("aria-pressed") === "true");
    if (!stage?.value.job || !stage.value.results?.length) { say($(".line"), "There is no picture yet; generate one with LoRAs first.", true); return; }
    measure.disabled = true;
    const got = await server.measure({ job: stage.value.job, image: Math.max(0, chosen) });
    if (!got?.job) { measure.disabled = false; say($(".line"), got?.error ?? "No answer; try again.", true); return; }
    job = got.job;
    for (;;) {
      const v = await server.footprint_state({ job });
      const on = v && !v.error && busy(v);
      halt.hidden = !on;
      say($(".line"), v?.error ?? line(v ?? { state: "failed", message: "No answer; try again." }), Boolean(v?.error) || v?.state === "failed");
      if (!on) { if (v?.state === "done") show(v); break; }
      await new Promise((go) => setTimeout(go, 300));
    }
    measure.disabled = false;
  };
  halt.onclick = () => server.halt({ job });
};
