// @ts-check
/* A small model trained from nothing: what it learns from, its loss, and its samples as they grow. */
import { all, el, find, toast } from "../static/dom.js";
import { AWAY, WAITS, ask, cancel, send, watch } from "../static/jobs.js";
import { loom } from "../static/registry.js";
import { button, chart, field, figure, labelled } from "./bench.js";

const KEPT = "loom.lab.digits", MOST_LOSS = 1, REST_MS = 500;
const seconds = (/** @type {number} */ s) => (s < 90 ? `${Math.ceil(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);

/** @param {import("../static/types.js").Found} root @param {import("./bench.js").Desk} desk */
export const mountDigits = async (root, desk) => {
  const fields = el("div", "lab-slider digit-fields"), further = el("details", "digit-further"), more = el("div", "lab-slider digit-fields");
  const begin = button("Start training", "From random weights, in the background: pictures of any tab go first", () => start(false));
  const resume = button("Resume", "Go on with the stopped training of this name", () => start(true));
  const halt = button("Stop", "Ends it after this step; Resume goes on from there", () => { halt.disabled = true; if (job) cancel(job); });
  const look = button("What it learns from", "Drawings of this seed", async () => {
    const got = await desk.tell("drawings", { seed: values().seed });
    if (got?.picture) drawings.replaceChildren(figure(got.picture, "Drawn digits", "4 of each, of thousands", true));
    else toast(got?.error ?? AWAY, "warn");
  });
  const use = button("Draw with it in txt2img", "Opens txt2img with this model", async () => {
    const got = await desk.tell("recipe", { name: made });
    if (got?.recipe) loom.openLink?.(got.recipe);
    else toast(got?.error ?? AWAY, "warn");
  });
  const row = el("p", "lab-do"), line = el("p", "facts"), bar = el("div", "digit-bar");
  const seen = el("div", "lab-pictures digit-sheets"), curve = el("div", "lab-curve"), drawings = el("div", "lab-pictures digit-sheets");
  const steps = el("div", "digit-steps");
  further.append(el("summary", "", "More settings"), more);
  line.setAttribute("role", "status");
  steps.setAttribute("role", "group");
  steps.setAttribute("aria-label", "Samples on the way");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Training progress");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  bar.append(el("i"));
  use.hidden = bar.hidden = true;
  row.append(begin, resume, halt, look, use);
  root.append(fields, further, row, line, bar, seen, steps, curve, drawings);
  root.dataset.state = "empty";

  /** @type {string | null} */
  let job = localStorage.getItem(KEPT);
  let made = "", chosen = -1, shown = 0, before = "";
  let leave = () => {};
  const busy = (/** @type {boolean} */ on) => { begin.disabled = resume.disabled = on; halt.disabled = !on; };
  const values = () => Object.fromEntries(all(root, "[data-field]").map((input) => [input.dataset.field, input.value]));

  const said = (/** @type {any} */ v) => {
    if (v.state === "queued") return v.position > 0 ? `Waiting: ${v.position} job${v.position === 1 ? " goes" : "s go"} first` : "Starting…";
    if (!WAITS.includes(v.state)) return v.state === "done" ? `Done in ${seconds(v.elapsed)}: ‘${made}’ is in the list of models.` : v.message;
    if (v.stage !== "fitting") return v.note || "Getting ready";
    return `Step ${v.step} of about ${v.total}${v.eta == null ? "" : ` · ${seconds(v.eta)} left`}`;
  };
  const choose = (/** @type {number} */ i, /** @type {any[]} */ sheets) => {
    chosen = i;
    seen.replaceChildren(figure(sheets[i].url, `After ${sheets[i].step} steps`, "the same noise each time", true));
    all(steps, "button").forEach((one, k) => one.setAttribute("aria-pressed", String(k === i)));
  };
  const show = (/** @type {any} */ v, /** @type {any} */ learned) => {
    root.dataset.state = v.state;
    made = learned.model ?? "";
    line.textContent = said(v);
    line.classList.toggle("warn", v.state === "failed");
    const done = v.state === "done" ? 1 : v.total ? v.step / v.total : 0;
    bar.hidden = false;
    find(bar, "i").style.transform = `scaleX(${done})`;
    bar.setAttribute("aria-valuenow", String(Math.round(done * 100)));
    const losses = learned.losses ?? [];
    if (losses.length > 1) {
      const last = losses.at(-1);
      curve.replaceChildren(chart([{ name: `Loss: ${last[1].toPrecision(3)} at step ${last[0]}`, values: losses.map((/** @type {number[]} */ one) => Math.min(one[1], MOST_LOSS)) }]));
    }
    const at = learned.validated ?? [], sheets = v.results.slice(0, at.length).map((/** @type {any} */ one, /** @type {number} */ i) => ({ url: one.url, step: at[i] }));
    const newest = chosen === shown - 1;
    for (; shown < sheets.length; shown++) {
      const mine = shown, one = el("button", "quiet", String(sheets[mine].step));
      one.type = "button";
      one.setAttribute("aria-label", `Samples after ${sheets[mine].step} steps`);
      one.onclick = () => choose(mine, sheets);
      steps.append(one);
    }
    if (newest && chosen !== shown - 1) choose(shown - 1, sheets);
    busy(WAITS.includes(v.state));
    use.hidden = v.state !== "done";
    if (v.state === "done" && before && before !== "done") {
      loom.lookAgain?.();
      toast(`The model ‘${made}’ is trained; it is in the list of models.`);
    }
    before = v.state;
  };
  /* States come by themselves; what it has learned is asked for, one question at a time. */
  /** @type {any} */
  let newest = null;
  let asking = false;
  const take = async (/** @type {any} */ v) => {
    newest = v;
    if (asking) return;
    asking = true;
    while (newest) {
      const now = newest;
      newest = null;
      const got = await ask(`loom/trainings/${encodeURIComponent(String(now.job))}`);
      if (now.job !== job) continue;
      show(now, got && !got.error ? got : {});
      if (WAITS.includes(now.state)) await new Promise((go) => setTimeout(go, REST_MS));
    }
    asking = false;
  };
  const follow = (/** @type {string} */ of) => {
    leave();
    leave = watch(of, (v) => {
      if (v.state !== "gone") { take(v); return; }
      localStorage.removeItem(KEPT);
      job = null;
      busy(false);
    });
  };
  const start = async (/** @type {boolean} */ again) => {
    busy(true);
    halt.disabled = true;
    line.textContent = "Starting…";
    line.classList.remove("warn");
    const got = await send("loom/trainings/digits", { values: values(), resume: again });
    if (!got?.job) {
      busy(false);
      root.dataset.state = "failed";
      line.textContent = got?.error ?? AWAY;
      line.classList.add("warn");
      return;
    }
    job = String(got.job);
    localStorage.setItem(KEPT, job);
    [chosen, shown, before] = [-1, 0, "queued"];
    seen.replaceChildren();
    steps.replaceChildren();
    curve.replaceChildren();
    follow(job);
  };
  busy(false);
  const got = await desk.tell("form");
  for (const one of got?.fields ?? []) {
    const input = field(one.text ? "text" : "number", one.title, { value: String(one.text ? got.name : one.value ?? ""), step: "any", title: one.hint });
    input.dataset.field = one.name;
    const place = labelled(one.unit ? `${one.title} (${one.unit})` : one.title, input);
    place.title = one.hint;
    (one.further ? more : fields).append(place);
  }
  if (job) follow(job);
};
