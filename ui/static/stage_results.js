// @ts-check
/* The results of a stage: their strip and tiles, the chosen one on the canvas, and what can be done with it. */
import { all, el, press, pressed, toast } from "./dom.js";
import { film } from "./film.js";
import { WAITS, address, picture } from "./jobs.js";
import { gather, openLightbox } from "./lightbox.js";
import { loom } from "./registry.js";
import { carryWords, showSent } from "./sent.js";
import { cellsOf, drawForming, drawTiles, tilesOf, wordsOf } from "./tiles.js";

/** @typedef {import("./types.js").Found} Found */
/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").View} View */

const FILMS = ["morph", "clip"]; // their pictures are frames of one whole

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)} %`;

/** @param {View} view */
export const resultsOf = (view) => {
  const { $, mode, root, stage, trigger, frames } = view;
  const frame = $(".frame"), edges = $(".edges-shown"), every = $(".every"), tiles = $(".tiles");
  let shown = "";
  /** @type {string | null} the job that was shown as a whole */
  let whole = null;
  /** @type {string | null} the grid whose places are shown */
  let laid = null;

  const choose = (/** @type {number} */ index) => {
    view.selected = index;
    if (WAITS.includes(stage.value.state)) { // the canvas is where the next one forms
      const { items, at } = gather(film.runs(mode), stage.value, stage.value.results[index].url);
      openLightbox(items, at);
      return;
    }
    view.scrubbed = null;
    view.tiled = false;
    root.classList.remove("begun");
    view.render();
  };
  every.addEventListener("click", () => {
    view.tiled = !view.tiled;
    view.scrubbed = null;
    view.render();
  });

  const overlaid = async (/** @type {string} */ job, /** @type {number} */ image) => {
    const key = `${job}/${image}/obedience`;
    if (!frames.has(key)) {
      const got = await picture(`${address(job)}/pictures/${image}/obedience`);
      if (!got.src) { toast(got.error ?? "The edges could not be shown.", "warn"); return; }
      frames.set(key, got.src);
    }
    if (pressed(edges) && stage.value.job === job && view.selected === image && view.scrubbed === null) view.show(frame, frames.get(key) ?? null);
  };
  const renderObedience = (/** @type {import("./types.js").Tile | null} */ one) => {
    const found = one?.obedience;
    edges.hidden = !one?.views?.includes("obedience");
    $(".obedience").hidden = !found;
    if (!found) return;
    $(".obedience span").textContent = `${percent(found.recall)} of the edges kept · ` +
      `${percent(found.precision)} of the picture's edges asked for`;
    $(".advice").replaceChildren(...found.suggestions.map(({ sentence, changes }) => {
      const chip = el("button", "chip", sentence);
      chip.onclick = () => { trigger("advise", { changes }); chip.disabled = true; };
      return chip;
    }));
  };
  edges.addEventListener("click", () => {
    press(edges, !pressed(edges));
    view.scrubbed = null;
    view.tiled = false;
    view.render();
  });

  $(".reuse").addEventListener("click", () =>
    trigger("reuse", { seed: stage.value.results[view.selected].seed }));
  const here = () => ({ job: stage.value.job, image: view.selected });
  $(".actions .link").addEventListener("click", () => trigger("link", here()));
  $(".verify").addEventListener("click", () => loom.verify(here()));
  $(".actions .compare").addEventListener("click", (event) => loom.compare(here(), /** @type {Found} */ (event.currentTarget)));
  const target = $(".send");
  target.addEventListener("change", () => {
    if (target.value) {
      trigger("send", { to: target.value, job: stage.value.job, image: view.selected });
      showSent(target.value);
      carryWords(mode, target.value);
    }
    target.value = "";
  });

  /* Which picture, or all of them, an ended run shows at first. */
  const first = (/** @type {JobState} */ v) => {
    const count = tilesOf(v).length, grid = Boolean(v.told?.grid);
    if (grid && laid !== v.job) { laid = v.job; view.tiled = true; }
    if (WAITS.includes(v.state) || !count || whole === v.job) return;
    whole = v.job;
    // The whole of a grid comes last, and is what one wants to have.
    if (v.results.at(-1)?.sheet) view.selected = count - 1;
    else view.tiled = count > 1 && !FILMS.includes(mode);
  };
  const strip = (/** @type {import("./types.js").Tile[]} */ list) => {
    const key = JSON.stringify(list);
    if (key !== shown) {
      shown = key;
      $(".strip").replaceChildren(...list.map((result, i) => {
        const button = el("button", "thumb");
        const img = el("img");
        img.src = result.url;
        img.alt = "";
        button.append(img);
        button.setAttribute("aria-label", `Picture ${i + 1}${result.seed == null ? "" : `, seed ${result.seed}`}${result.label ? `, ${result.label}` : ""}`);
        if (result.label) { button.title = result.label; button.dataset.label = result.label.split(" · ")[0].replace(/^(strength|loop) /, ""); }
        button.onclick = () => choose(i);
        return button;
      }));
    }
    [...$(".strip").children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === view.selected)));
  };
  const actions = (/** @type {JobState} */ v) => {
    const one = v.results[view.selected];
    $(".actions").classList.toggle("off", !one);
    for (const node of all($(".actions"), "button, select")) node.disabled = !one;
    press($(".actions .compare"), Boolean(loom.chosenToCompare?.({ job: v.job, image: view.selected })));
    renderObedience(one ?? null);
    const link = $(".download");
    $(".seed b").textContent = one ? String(one.seed) : "–";
    if (one) {
      link.href = one.url;
      link.download = one.name;
      link.removeAttribute("aria-disabled");
      if (view.scrubbed === null && !WAITS.includes(v.state)) {
        if (pressed(edges)) overlaid(v.job ?? "", view.selected);
        else view.show(frame, one.url);
        frame.alt = `Picture ${view.selected + 1} of ${v.results.length}, seed ${one.seed}`;
      }
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
  };
  const tiled = (/** @type {JobState} */ v) => {
    const what = cellsOf(v), { cells } = what;
    every.hidden = cells.length < 2 || (WAITS.includes(v.state) && !v.told?.grid) || FILMS.includes(mode);
    const on = view.tiled && !every.hidden;
    press(every, on);
    root.classList.toggle("tiled", on);
    tiles.hidden = !on;
    if (on) drawTiles(tiles, what, view.selected, choose);
  };

  return {
    /** Another job is shown. */
    reset: () => {
      view.selected = 0;
      view.tiled = false;
      whole = laid = null;
      press(edges, false);
    },
    /** Before anything of the job is drawn. */
    first,
    /** A preview has come. */
    forms: (/** @type {string} */ src) => { if (!tiles.hidden) drawForming(tiles, src); },
    render: (/** @type {JobState} */ v) => {
      const list = tilesOf(v);
      strip(list);
      root.classList.toggle("batch", list.length > 1);
      actions(v);
      tiled(v);
      if (!v.results.length && list[view.selected]) frame.alt = `${wordsOf(list[view.selected])}, as far as it came`;
    },
  };
};
