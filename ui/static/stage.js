// @ts-check
/* The stage of a tab: canvas, progress, and which run is shown. It follows a job's states; preview frames
   are pulled, latest only. */
import { el, finder, maybe, near, release, seconds, toast } from "./dom.js";
import { anchorOf } from "./anchor.js";
import { comeBack, jobKey } from "./comeback.js";
import { exampleChip, examplesOf } from "./examples.js";
import { drawRemedies, isMended } from "./failure.js";
import { drawFilm, film, tilePicture } from "./film.js";
import { gather, openLightbox } from "./lightbox.js";
import { WAITS, watch } from "./jobs.js";
import { tellEnd } from "./notify.js";
import { pausingOf } from "./pausing.js";
import { frameAfter, pause } from "./previews.js";
import { drawPull } from "./pull.js";
import { queue } from "./queue.js";
import { bringBack } from "./kept_picture.js";
import { loom } from "./registry.js";
import { resultsOf } from "./stage_results.js";
import { timelineOf } from "./stage_timeline.js";
import { write } from "./prompt.js";
import { showTitle } from "./title.js";
import { drawTree } from "./tree.js";
import { wipeOf } from "./wipe.js";

/** @typedef {import("./types.js").Found} Found */
/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").Stage} Stage */

const TITLES = { queued: "Waiting", loading: "Loading the model", failed: "That did not work" };
const COUNTED = ["sampling", "inverting", "fitting", "enlarging"];
/** @type {JobState} */
const EMPTY = {
  job: null, state: "empty", position: 0, stage: "queued", step: 0, total: 0, elapsed: 0, eta: null, note: "", message: "",
  results: [], timeline: null, told: {},
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountStage = (element, { mode, trigger, props, watch: watchProp }) => {
  const $ = finder(element);
  const root = $(".stage");
  const frame = $(".frame"), second = $(".second");
  const nothing = () => {};
  const stage = (loom.stages[mode] = /** @type {Stage} */ ({
    root, value: EMPTY, live: EMPTY, begin: nothing, follow: nothing, fail: nothing, given: nothing, changed: nothing, refresh: nothing, select: nothing, selected: () => 0, enlarge: () => false }));
  /** @type {string | null} */
  let polling = null;
  /** @type {string | null} */
  let shownJob = null;
  /** @type {string | null} */
  let noted = null;
  /** @type {import("./types.js").Failure | null} */
  let failure = null;
  let announced = "", looking = false;
  const column = /** @type {Found | null} */ (element.closest(".loom-right"));
  if (column) {
    const fit = () => column.style.setProperty(
      "--beyond", `${Math.max(0, column.offsetHeight + 24 - innerHeight)}px`);
    new ResizeObserver(fit).observe(column);
    addEventListener("resize", fit);
  }

  const show = (img, src) => {
    if (!src) { img.hidden = true; img.removeAttribute("src"); return; }
    if (img.getAttribute("src") !== src) img.src = src;
    img.hidden = false;
    if (img === frame) $(".larger").hidden = false;
  };
  const say = (text) => { if (text !== announced) $(".live").textContent = announced = text; };
  /** @type {import("./types.js").View} */
  const view = { mode, $, root, stage, trigger, selected: 0, scrubbed: null, tiled: false, frames: new Map(), show, say, render: () => render() };
  const timeline = timelineOf(view), results = resultsOf(view), pausing = pausingOf(view), wipe = wipeOf(view), anchor = anchorOf($(".canvas"), frame, $(".tiles"));

  const line = (v) => {
    if (v.state === "queued") return (v.position > 0 ? `${v.position} before you` : "you are next") + (v.note ? ` · ${v.note}` : "");
    if (v.state === "loading") return v.note || "loading the model";
    if (v.state === "running") {
      const acts = v.told?.changes?.at(-1);
      const left = (v.eta == null ? "" : ` · ${seconds(v.eta)} left`) + (acts ? ` · changed from step ${acts.step + 1} on` : "");
      return COUNTED.includes(v.stage) ? `${v.stage === "sampling" ? "" : `${v.stage}, `}${v.stage === "enlarging" ? "tile" : "step"} ${v.step}/${v.total}${left}` : `${v.stage}${left}`;
    }
    if (v.state === "paused") return v.timeline ? `paused after step ${v.timeline.steps}` : "paused before it began";
    if (v.state === "stopped") return v.message || "stopped";
    if (v.state === "failed") return "";
    if (v.state === "done") {
      const one = v.results[view.selected] ?? v.results[0];
      return `done in ${seconds(v.elapsed)}` + (one ? ` · ${one.width} × ${one.height}${one.label ? ` · ${one.label}` : ""}` : "");
    }
    return "";
  };

  const render = () => {
    const v = stage.value;
    const busy = WAITS.includes(v.state);
    root.dataset.state = v.state;
    loom.forms[mode]?.setBusy(WAITS.includes(stage.live.state), stage.live.job, stage.live);
    if (v.job !== shownJob) {
      shownJob = v.job;
      view.scrubbed = null;
      for (const url of view.frames.values()) release(url);
      view.frames.clear();
      timeline.reset();
      results.reset();
    }
    results.first(v);
    $(".line").textContent = line(v);
    if (v.state === "done" && !looking && v.job !== noted && !["morph", "clip"].includes(mode)) {  // a morph has a place for its notes
      noted = v.job;
      for (const note of v.told?.notes ?? []) toast(note);
    }
    const overlay = TITLES[v.state];
    const failed = v.state === "failed";
    $(".overlay").hidden = !overlay;
    root.classList.toggle("kept", failed && v.results.length > 0);
    if (overlay) {
      $(".overlay h2").textContent = overlay;
      $(".overlay p").textContent = failed ? v.message : line(v);
    }
    $(".overlay .dismiss").hidden = !failed;
    drawRemedies($(".overlay .remedies"), mode, failed ? failure : null, (changes) => trigger("advise", { changes }));
    drawFilm($(".film"), mode, { shown: v.job, live: stage.live, look, back });
    drawTree($(".tree"), film.runs(mode), { shown: v.job, look, picture: tilePicture });
    const done = v.state === "done" ? 1 : v.total ? v.step / v.total : 0;
    $(".progress i").style.transform = `scaleX(${busy || v.state === "stopped" || v.state === "paused" ? done : 0})`;
    $(".progress").setAttribute("aria-valuenow", String(Math.round(done * 100)));
    $(".progress").classList.toggle("waiting", v.state === "loading" || v.state === "queued");
    queue.saw(mode, stage.live);
    showTitle(Object.values(loom.stages).map((one) => one.live));
    if (v.state === "running" && v.stage === "sampling") {
      const quarter = Math.floor((4 * v.step) / Math.max(1, v.total));
      say(quarter ? `${quarter * 25} percent` : "Drawing");
    } else if (v.state !== "empty") say(v.state === "failed" ? v.message : `${v.state}: ${line(v)}`);
    results.render(v);
    timeline.render(v, busy);
    pausing.render(v);
    wipe.render(v);
    anchor.draw(v);
    drawPull(/** @type {any} */ ($(".pull")), v, view.selected);
    stage.listen?.(v, view.selected);
    if (v.state === "running" && v.job && polling !== v.job) poll(v.job);
  };

  stage.refresh = render;
  let last = "";
  const poll = async (job) => {
    polling = job;
    let revision = 0;
    while (stage.value.job === job && WAITS.includes(stage.value.state)) {
      if (document.hidden) {
        await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
        continue;
      }
      const got = await frameAfter(job, revision);
      if (!got) { await pause(500); continue; }
      if (stage.value.job !== job || !WAITS.includes(stage.value.state)) break;
      if (got.src) {
        revision = got.revision;
        show(frame, got.src);
        results.forms(got.src);
        frame.dataset.job = job;
        if (last) release(last);
        last = got.src;
        frame.alt = `Preview at step ${got.step} of ${got.total}`;
        root.dataset.frames = String(Number(root.dataset.frames || 0) + 1);
        if (got.final) break;
        continue;
      }
      // No frame: the job has ended and its state is about to say so, or the stream was cut.
      await pause(250);
    }
    if (polling === job) polling = null;
  };

  /* The picture on the canvas over the whole window. */
  stage.enlarge = () => {
    const src = view.tiled ? stage.value.results[view.selected]?.url : frame.getAttribute("src");
    if (!src || (frame.hidden && !view.tiled)) return false;
    const { items, at } = gather(film.runs(mode), stage.value, src);
    openLightbox(items, at);
    return true;
  };
  frame.addEventListener("click", stage.enlarge);
  $(".larger").addEventListener("click", stage.enlarge);

  /* Shows one of the results, as a click on it does. */
  stage.selected = () => view.selected;
  stage.select = (index) => { view.selected = index; view.scrubbed = null; render(); };

  let unwatch = () => {}, unlook = () => {};
  const turnTo = (value) => {
    loom.easels[mode]?.close();
    unlook();
    view.scrubbed = null;
    stage.value = value;
    show(second, null);
    root.classList.remove("pair", "begun");
    render();
  };
  /* An earlier run again, at once as the page knows it, then as the server still has it. */
  function look(/** @type {JobState} */ state) {
    if (state.job === stage.live.job) { back(); return; }
    looking = true;
    turnTo(state);
    unlook = watch(state.job ?? "", (now) => {
      if (!looking || stage.value.job !== state.job) return;
      stage.value = now.state === "gone" ? { ...state, timeline: null } : now;
      render();
    });
  }
  function back() {
    looking = false;
    turnTo(withKept(stage.live));
  }
  /* A run that failed and left nothing takes nothing away. */
  const withKept = (value) => {
    const good = value.state === "failed" && !value.results.length ? film.newest(mode) : null;
    return good ? { ...good, state: "failed", message: value.message } : value;
  };
  const hear = (state) => {
    tellEnd(stage.live, state, mode.replaceAll("_", " "));
    const ends = WAITS.includes(stage.live.state) && !WAITS.includes(state.state);
    stage.live = state;
    film.add(mode, state);
    if (!looking) stage.value = withKept(state);
    render();
    if (ends) loom.forms[mode]?.ended(state.state);
  };
  stage.begin = () => {
    unwatch();
    stage.awaited = null;
    failure = null;
    looking = false;
    stage.live = { ...EMPTY, state: "queued" };
    turnTo(stage.live);
    // Where all stands in one column, the canvas is likely out of sight.
    if (innerWidth <= 900 && $(".canvas").getBoundingClientRect().bottom < 120) $(".canvas").scrollIntoView({ block: "start" });
  };
  stage.fail = (message, why = null) => {
    failure = why;
    hear({ ...EMPTY, state: "failed", message });
  };
  const dismiss = () => {
    failure = null;
    stage.live = film.newest(mode) ?? EMPTY;
    if (!looking) turnTo(stage.live);
  };
  $(".overlay .dismiss").addEventListener("click", dismiss);
  /* A picture that was missing is there: what was said of it goes. */
  stage.root.closest(".loom-work")?.addEventListener("load", (event) => {
    const key = failure?.place?.key;
    if (stage.live.state !== "failed" || (key && key in (loom.forms[mode]?.last ?? {}))) return;
    if (near(event).matches("img") && near(event).closest(".loom-source")) dismiss();
  }, true);
  stage.root.closest(".loom-work")?.addEventListener("change", (event) => {
    if (stage.live.state === "failed" && failure?.wants?.length && near(event).matches("input[type=file]")) dismiss();
  }, true);
  stage.changed = (values) => { if (stage.live.state === "failed" && isMended(failure, values)) dismiss(); };
  stage.follow = (job) => {
    unwatch();
    localStorage.setItem(jobKey(mode), job);
    stage.awaited = job;
    unwatch = watch(job, (state) => {
      stage.awaited = null;
      if (state.state !== "gone") {
        hear(state);
        return;
      }
      // The server has forgotten it: what is shown stays, an empty stage shows the page's last run.
      if (localStorage.getItem(jobKey(mode)) === job) localStorage.removeItem(jobKey(mode));
      if (WAITS.includes(stage.live.state)) stage.fail("This job is no longer known; the studio was started anew. Generate again.");
      queue.next();
    });
  };

  stage.given = (src) => {
    const img = $(".given");
    if (src) img.src = src; else img.removeAttribute("src");
    img.hidden = !src;
    root.classList.toggle("holds", Boolean(src));
  };

  const target = $(".send");
  const chips = (v) => {
    $(".chips").replaceChildren(...examplesOf(mode, (v.examples ?? []).slice(0, 3)).map((texts) => {
      const chip = el("button", "chip", Object.values(texts).join(" → "));
      // As typing would, at once: who presses Generate right after it means these words.
      chip.onclick = () => {
        for (const [key, text] of Object.entries(texts)) {
          const field = maybe(`#${mode}-${key} textarea`);
          if (!field) { trigger("example", { text }); return; }
          write(field, 0, field.value.length, text);
          field.blur();
        }
      };
      return chip;
    }));
    const example = exampleChip(mode, v.examples ?? []);
    if (example) $(".chips").prepend(example);
  };

  /* Examples, and where results can be sent: every tab has the same targets. */
  const take = () => {
    const value = props.value || {};
    const targets = (loom.targets = value.targets ?? loom.targets);
    if (value.examples) chips(value);
    target.hidden = !targets.length;
    if (target.options.length !== targets.length + 1)
      target.replaceChildren(new Option("send to …", ""), ...targets.map((t) => new Option(t.title, t.mode)));
  };
  watchProp("value", take);
  take();
  render();
  comeBack(mode);
  bringBack(mode);
};
