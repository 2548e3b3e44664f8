// @ts-check
/* The LoRA tab's tools: a pad to look for a mix, and what each LoRA and region of a picture did. */
import { all, el, finder, focused, toast } from "./dom.js";
import { onGathered } from "./events.js";
import { AWAY, WAITS, cancel, send, watch } from "./jobs.js";
import { loom } from "./registry.js";

const SVG = "http://www.w3.org/2000/svg";
const clamp = (x) => Math.min(1, Math.max(0, x));
const short = (x) => String(Math.round(x * 100) / 100);
const busy = (v) => WAITS.includes(v.state);
const line = (v) => {
  if (v.state === "queued") return v.position > 0 ? `Waiting: ${v.position} before it` : "Starting…";
  if (busy(v)) return v.note || (v.total ? `Step ${v.step} of ${v.total}` : "Getting ready");
  if (v.state === "gone") return "It is no longer kept; begin it again.";
  return v.state === "done" ? "" : v.message;
};
const say = (node, text, warn = false) => {
  node.textContent = text;
  node.classList.toggle("warn", warn);
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountPad = (element, { mode, trigger }) => {
  const $ = finder(element);
  const build = $(".build"), halt = $(".halt"), field = $(".field"), img = $(".field img"), dot = $(".field i");
  const corners = all(element, ".corners b");
  let asks = 0, loras = [], grid = [], point = [0.5, 0.5], exactAt = "", turn = 0;
  /** @type {string | null} */
  let job = null;
  /** @type {string | null} */
  let exact = null;
  let leave = () => {}, leaveExact = () => {};

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
  const take = (v) => {
    const fresh = (v.results ?? []).slice(grid.length);
    for (const { url, point: at } of fresh) {
      const picture = el("img"); // fetched before the point comes near it
      picture.src = url;
      grid.push({ src: url, picture, mix: shares(at) });
    }
    if (fresh.length) draw();
    say($(".line"), line(v), ["failed", "gone"].includes(v.state));
    halt.hidden = !busy(v);
    build.disabled = busy(v);
  };
  const stopExact = () => {
    leaveExact();
    if (exact) cancel(exact);
    exact = null;
    field.classList.remove("drawing");
  };
  const settle = async () => {
    if (!job) return;
    const mine = ++turn, at = [...point];
    stopExact();
    field.classList.add("drawing");
    const got = await send(`loom/pads/${encodeURIComponent(job)}/point`, { x: at[0], y: loras.length === 2 ? 0 : at[1] });
    if (mine !== turn) { if (got?.job) cancel(got.job); return; }
    if (!got?.job) { stopExact(); say($(".line"), got?.error ?? AWAY, true); return; }
    exact = got.job;
    leaveExact = watch(got.job, (v) => {
      if (mine !== turn || busy(v)) return;
      exact = null;
      field.classList.remove("drawing");
      const drawn = v.results?.[0]?.url;
      if (!drawn) { say($(".line"), line(v), true); return; }
      exactAt = String(at);
      img.src = drawn;
      img.alt = "Picture at the point";
      draw();
    });
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
    setTimeout(() => trigger("build", { mine: ++asks }), 60); // what was typed last has arrived
  };
  halt.onclick = () => { if (job) cancel(job); };
  $(".take").onclick = () => {
    loom.loraWeights[mode]?.(shares(point).map((share, i) => [loras[i].name, Math.round(share * loras[i].weight * 1000) / 1000]));
    toast("The weights of this point are in the rows.");
  };
  onGathered(`${mode}.build`, async ({ mine }, values) => {
    const got = await send("loom/pads", { values });
    if (mine !== asks) { if (got?.job) cancel(got.job); return; }
    if (!got?.job) { say($(".line"), got?.error ?? AWAY, true); build.disabled = false; return; }
    leave();
    stopExact();
    turn++;
    [job, loras, grid, point, exactAt] = [got.job, got.loras, [], [0.5, 0.5], ""];
    img.removeAttribute("src");
    img.hidden = true;
    $(".board").hidden = false;
    $(".pad").dataset.state = "drawn";
    build.textContent = "Draw it again";
    label();
    draw();
    leave = watch(got.job, take);
  });
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountFootprint = (element, { mode }) => {
  const $ = finder(element);
  const measure = $(".measure"), halt = $(".halt");
  /** @type {string | null} */
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
    const loras = v.told.footprint ?? [];
    $(".maps").replaceChildren(...loras.map(({ name, share, inside }, i) => {
      const figure = el("figure"), picture = el("img"), caption = el("figcaption");
      picture.src = v.results[i].url;
      picture.alt = `Where ${name} changed the prediction`;
      const title = Object.assign(el("span", "", name), { title: name });
      caption.append(el("i", `tone${i % 6}`), title, el("b", "", `${Math.round(share * 100)} %`));
      if (inside !== undefined) caption.append(el("span", "inside", `${Math.round(inside * 100)} % in its place`));
      figure.append(picture, caption);
      return figure;
    }));
    over(loras);
    $(".footprint").dataset.state = "measured";
  };
  measure.onclick = async () => {
    const stage = loom.stages[mode];
    const chosen = all(document, `#${mode}-stage .strip .thumb`).findIndex((b) => b.getAttribute("aria-pressed") === "true");
    if (!stage?.value.job || !stage.value.results?.length) { say($(".line"), "There is no picture yet; generate one with LoRAs or regions first.", true); return; }
    measure.disabled = true;
    const got = await send("loom/footprints", { job: stage.value.job, image: Math.max(0, chosen) });
    if (!got?.job) { measure.disabled = false; say($(".line"), got?.error ?? AWAY, true); return; }
    job = got.job;
    watch(got.job, (v) => {
      halt.hidden = !busy(v);
      measure.disabled = busy(v);
      say($(".line"), line(v), ["failed", "gone"].includes(v.state));
      if (v.state === "done") show(v);
    });
  };
  halt.onclick = () => { if (job) cancel(job); };
};
