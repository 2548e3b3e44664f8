// @ts-check
/* The form of a tab: Generate and Stop, and what follows a change of its controls. */
import { mountAgain } from "./again.js";
import { showActing } from "./acting.js";
import { offerBegin, ownOf, withOwn } from "./begin.js";
import { find } from "./dom.js";
import { mark, rememberAccordions } from "./folds.js";
import { asPartsCome } from "../gradio_compat/late_folds.js";
import { gridChanged } from "./grid.js";
import { holding } from "./held.js";
import { onGathered } from "./events.js";
import { drawBatch, offerBatch } from "./several.js";
import { paced } from "./paced.js";
import { WAITS, cancel, change, newPress, skip } from "./jobs.js";
import { mountLive } from "./live.js";
import { rememberPrompt } from "./past.js";
import { putting } from "./putting.js";
import { queue } from "./queue.js";
import { loom } from "./registry.js";
import { run } from "./run.js";
import { mountSaving } from "./saving.js";
import { sizeTools } from "./size_tools.js";
import { note, step } from "./undo.js";
import { foundAgain, heard } from "./unheard.js";

const ONE_WORK = ["morph", "clip"]; // their pictures are parts of one
/** @type {Record<string, () => void>} looks at the defaults again, by tab */
const takes = {};
/* Called by the page on each change of a control; many come at once, and their values once. */
const TOUCHED_MS = 40;
/** @type {Set<string>} */
const asked = new Set();
/** @type {Set<string>} whose values are on their way */
const coming = new Set();
export const touched = (mode) => {
  if (asked.has(mode)) return;
  asked.add(mode);
  setTimeout(() => {
    asked.delete(mode);
    if (!(mode in loom.keepers)) return;
    coming.add(mode);
    loom.keepers[mode]();
  }, TOUCHED_MS);
};
/** @type {Record<string, (() => void)[]>} what waits for a form's values, by tab */
const after = {};
const AT_MOST_MS = 1000; // that a step back waits for them
const goOn = (/** @type {string} */ mode) => { for (const act of after[mode]?.splice(0) ?? []) act(); };
const isChanging = (/** @type {string} */ mode) => asked.has(mode) || coming.has(mode);

/* A form that this browser has nothing of begins with its person's own settings. */
const begun = new Set();
const begin = (/** @type {string} */ mode, /** @type {boolean} */ fresh) => {
  if (begun.has(mode)) return;
  begun.add(mode);
  const own = ownOf(mode);
  if (fresh && Object.keys(own).length) loom.forms[mode]?.trigger("put", { changes: own });
};
/* With the values of all controls: marks, and what the browser shall keep: the document whose settings they are. */
export const changed = (mode, values, names, document) => {
  coming.delete(mode);
  const kept = values.pop();
  const now = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  const enlarges = loom.forms[mode]?.last?.hires_scale;
  mark(mode, now);
  loom.forms[mode]?.settle();
  sizeTools(mode);
  offerBatch(mode);
  offerBegin(mode, () => { takes[mode]?.(); });
  if (enlarges !== now.hires_scale) loom.stages[mode]?.refresh();
  if (loom.restored[mode]) begin(mode, kept === null);
  if (loom.restored[mode]) note(mode, now);
  heard(mode, now);
  if (loom.restored[mode] && loom.forms[mode]) {
    const texts = foundAgain(mode, now);
    if (Object.keys(texts).length) loom.forms[mode].trigger("put", { changes: texts });
  }
  loom.stages[mode]?.changed(now);
  loom.forms[mode]?.changed(now);
  loom.loras[mode]?.();
  loom.cascades[mode]?.();
  loom.painters[mode]?.(String(now.steer_places ?? ""));
  loom.prompts[mode]?.look();
  loom.styles[mode]?.();
  loom.embeddings[mode]?.();
  gridChanged(mode);
  if (!isChanging(mode)) goOn(mode);
  loom.spoken?.();
  return loom.restored[mode] ? { ...document, settings: now } : kept;
};

/* Generate and Stop of a tab. */
/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountActions = (element, { mode, trigger: told, props, watch }) => {
  const arriving = putting(() => loom.forms[mode]?.last);
  const trigger = (/** @type {string} */ name, /** @type {any} */ given) => {
    if (name === "put") arriving.put(given.changes);
    told(name, given);
  };
  const go = find(element, ".go");
  const stop = find(element, ".stop");
  /** @type {import("./types.js").Form} */
  const form = (loom.forms[mode] = { go, stop, trigger, defaults: {}, usual: {}, ratios: {}, reset: () => {}, folds: {}, titles: {}, busy: false, name: () => {}, sum: () => {}, step: () => false, setBusy: () => {}, ended: () => {}, calm: () => {}, settle: () => {}, changed: () => {}, sent: async () => {} });
  const held = holding(() => form.last);
  form.settle = held.settle;
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  find(element, "kbd").textContent = mac ? "⌘ ⏎" : "Ctrl ⏎";
  /* While a job of this tab runs or waits, Generate adds another one. */
  const adds = () => form.busy || queue.has(mode);
  go.addEventListener("click", (event) => {
    if (event.detail > 1 || arriving.holds(() => go.click()) || held.stops(() => go.click())) return; // a double click is one wish
    rememberPrompt(mode);
    const adding = adds(), press = newPress(mode, adding);
    if (!adding) loom.stages[mode]?.begin();
    trigger("generate", { press, adds: adding });
  });
  onGathered(`${mode}.generate`, async ({ press, adds: adding, prompts, batch }, values) => {
    const each = (/** @type {Record<string, any>} */ own, /** @type {string} */ source = "") =>
      run(newPress(mode, true), true, { mode, values: { ...values, ...own }, source });
    if (batch) await drawBatch(mode, batch, each);
    else if (prompts) await paced(prompts, "prompts", (prompt) => each({ prompt }));
    else run(press, adding, { mode, values });
  });
  offerBatch(mode);
  form.name = () => {
    const text = adds() ? "Add to queue" : "Generate";
    const label = find(go, "span");
    if (label.textContent !== text) label.textContent = text;
  };
  form.sum = () => { if (form.last) showActing(mode, form.last); };
  const back = (/** @type {"undo" | "redo"} */ way) => {
    const changes = step(mode, way);
    if (changes) trigger("put", { changes });
    return Boolean(changes);
  };
  /* What was changed last is the first to be taken back, also where the page is about to hear of it. */
  form.step = (way) => {
    if (!isChanging(mode)) return back(way);
    (after[mode] ??= []).push(() => back(way));
    setTimeout(goOn, AT_MOST_MS, mode);
    return true;
  };
  mountSaving(find(element, ".saving"));
  form.reset = (keys) => {
    const own = ownOf(mode), ours = keys.filter((key) => key in own);
    if (ours.length) trigger("put", { changes: Object.fromEntries(ours.map((key) => [key, own[key]])) });
    if (ours.length < keys.length) trigger("reset", { keys: keys.filter((key) => !(key in own)) });
  };
  let stopping = false; // pressed before the page has heard of its job: the first state names it
  const halt = (job) => {
    stopping = !job;
    stop.disabled = true;
    if (job) cancel(job);
  };
  const again = mountAgain(find(element, ".again"), { go, busy: adds, seed: () => form.last?.seed });
  const running = () => {
    const now = loom.stages[mode]?.value;
    return now && [...WAITS, "paused"].includes(now.state) ? now.job : null;
  };
  const live = mountLive(element.querySelector(".change"), (values) => change(running() ?? "", { mode, values }), () => Boolean(running()));
  form.changed = (now) => { live.changed(now); arriving.heard(now); };
  form.sent = live.sent;
  form.ended = again.ended;
  form.calm = again.stop;
  stop.addEventListener("click", again.stop);
  stop.addEventListener("click", () => halt(loom.stages[mode]?.live.job));
  const skips = find(element, ".skip");
  /** @type {{job: string, part: number} | null} what a press would skip */
  let here = null;
  skips.addEventListener("click", () => {
    if (!here) return;
    skips.disabled = true;
    skip(here.job, here.part);
  });
  /* Beside Stop while several pictures are made; those of one batch are drawn in one call, and go together. */
  const offerSkip = (/** @type {boolean} */ busy, /** @type {import("./types.js").JobState | undefined} */ live) => {
    const parts = live?.parts ?? 1, batch = live?.timeline?.batch ?? 1;
    const many = busy && live && live.state !== "queued" && (parts > 1 || batch > 1) && !ONE_WORK.includes(mode);
    skips.hidden = !many;
    if (!many) { here = null; return; }
    const one = parts > 1 && live.job ? { job: live.job, part: live.part ?? 0 } : null;
    if (one?.part !== here?.part || one?.job !== here?.job || !one) skips.disabled = !one;
    here = one;
    const what = batch > 1 ? "batch" : "picture";
    skips.title = one ? `Skip this ${what} (${one.part + 1} of ${parts}), keep the rest`
      : "These pictures are drawn together in one call, so none can be skipped; draw them as Batches of 1 for that";
    skips.setAttribute("aria-label", skips.title);
  };
  form.setBusy = (busy, job, live) => {
    offerSkip(busy, live);
    form.busy = busy;
    stopping &&= busy;
    stop.disabled = !busy || stopping;
    if (stopping && job) halt(job);
    form.name();
  };
  const take = () => {
    form.usual = props.value?.defaults ?? {};
    form.defaults = withOwn(mode, form.usual);
    form.ratios = props.value?.ratios ?? form.ratios;
    form.folds = props.value?.folds ?? form.folds;
    form.titles = props.value?.titles ?? form.titles;
    if (props.value && "held" in props.value) held.take(props.value.held);
    if (form.last) mark(mode, form.last);
  };
  takes[mode] = take;
  watch("value", take);
  take();
  form.setBusy(false);
  touched(mode); // a tab that opens late learns its values
  asPartsCome(() => rememberAccordions(document));
};
