// @ts-check
/* The stage of a tab: canvas, progress, timeline, results. It follows a job's states; preview frames
   are pulled, latest only. */
import { all, download, el, finder, press, pressed, release, seconds, toast } from "./dom.js";
import { comeBack, jobKey } from "./comeback.js";
import { onGathered } from "./events.js";
import { drawRemedies, isMended } from "./failure.js";
import { drawFilm, film } from "./film.js";
import { gather, openLightbox } from "./lightbox.js";
import { WAITS, address, newPress, picture, watch } from "./jobs.js";
import { passOf } from "./passes.js";
import { frameAfter, pause } from "./previews.js";
import { queue } from "./queue.js";
import { loom } from "./registry.js";
import { run } from "./run.js";
import { showTitle } from "./title.js";
import { saveVideo } from "./video.js";

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
  const frame = $(".frame"), second = $(".second"), slider = $(".timeline input[type=range]");
  const both = $(".timeline .both");
  const edges = $(".edges-shown"), begun = $(".start");
  const nothing = () => {};
  const stage = (loom.stages[mode] = /** @type {Stage} */ ({
    root, value: EMPTY, live: EMPTY, begin: nothing, follow: nothing, fail: nothing, changed: nothing, refresh: nothing, select: nothing, enlarge: () => false }));
  /** @type {string | null} */
  let polling = null;
  /** @type {string | null} */
  let shownJob = null;
  /** @type {string | null} */
  let noted = null;
  /** @type {string | null} */
  let shownLast = null;
  /** @type {string | null} */
  let whole = null;
  /** @type {number | null} */
  let scrubbed = null;
  /** @type {import("./types.js").Failure | null} */
  let failure = null;
  let selected = 0, announced = "", shown = "", looking = false;
  /** @type {Map<string, string>} addresses of fetched pictures */
  const frames = new Map();
  const forget = () => {
    for (const url of frames.values()) release(url);
    frames.clear();
  };
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

  const line = (v) => {
    if (v.state === "queued") return v.position > 0 ? `${v.position} before you` : "you are next";
    if (v.state === "loading") return v.note || "loading the model";
    if (v.state === "running") {
      const left = v.eta == null ? "" : ` · ${seconds(v.eta)} left`;
      return COUNTED.includes(v.stage) ? `${v.stage === "sampling" ? "" : `${v.stage}, `}${v.stage === "enlarging" ? "tile" : "step"} ${v.step}/${v.total}${left}` : `${v.stage}${left}`;
    }
    if (v.state === "stopped") return v.message || "stopped";
    if (v.state === "failed") return "";
    if (v.state === "done") {
      const one = v.results[selected] ?? v.results[0];
      return `done in ${seconds(v.elapsed)}` + (one ? ` · ${one.width} × ${one.height}${one.label ? ` · ${one.label}` : ""}` : "");
    }
    return "";
  };

  const render = () => {
    const v = stage.value;
    const busy = WAITS.includes(v.state);
    root.dataset.state = v.state;
    loom.forms[mode]?.setBusy(WAITS.includes(stage.live.state), stage.live.job);
    if (v.job !== shownJob) {
      shownJob = v.job; selected = 0; scrubbed = null; forget(); second.hidden = true;
      press(both, false);
      press(edges, false);
      root.classList.remove("begun");
    }
    // The whole of a grid comes last, and is what one wants to see.
    const last = v.results.length - 1;
    if (!busy && v.results[last]?.sheet && whole !== v.job) { whole = v.job; selected = last; }
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
    const done = v.state === "done" ? 1 : v.total ? v.step / v.total : 0;
    $(".progress i").style.transform = `scaleX(${busy || v.state === "stopped" ? done : 0})`;
    $(".progress").setAttribute("aria-valuenow", String(Math.round(done * 100)));
    $(".progress").classList.toggle("waiting", v.state === "loading" || v.state === "queued");
    queue.saw(mode, stage.live);
    showTitle(Object.values(loom.stages).map((one) => one.live));
    if (v.state === "running" && v.stage === "sampling") {
      const quarter = Math.floor((4 * v.step) / Math.max(1, v.total));
      say(quarter ? `${quarter * 25} percent` : "Drawing");
    } else if (v.state !== "empty") say(v.state === "failed" ? v.message : `${v.state}: ${line(v)}`);
    renderResults(v);
    renderTimeline(v, busy);
    begun.hidden = root.dataset.starts !== "true" || !v.job || (busy ? v.step < 1 : !v.timeline?.steps);
    if (!begun.hidden && pressed(begun) && !root.classList.contains("begun")) beside();
    if (v.job && !busy && v.results.length) pick();
    stage.listen?.(v, selected);
    if (v.state === "running" && v.job && polling !== v.job) poll(v.job);
  };

  let picked = "";
  const pick = () => {
    const now = `${stage.value.job}/${selected}`;
    if (now !== picked) trigger("pick", { job: stage.value.job, image: selected });
    picked = now;
  };
  const renderResults = (v) => {
    const strip = $(".strip");
    const key = JSON.stringify(v.results);
    if (key !== shown) {
      shown = key;
      strip.replaceChildren(...v.results.map((result, i) => {
        const button = el("button", "thumb");
        const img = el("img");
        img.src = result.url;
        img.alt = "";
        button.append(img);
        button.setAttribute("aria-label", `Picture ${i + 1}, seed ${result.seed}${result.label ? `, ${result.label}` : ""}`);
        if (result.label) { button.title = result.label; button.dataset.label = result.label.split(" · ")[0].replace("strength ", ""); }
        button.onclick = () => { selected = i; scrubbed = null; root.classList.remove("begun"); render(); pick(); };
        return button;
      }));
    }
    [...strip.children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === selected)));
    root.classList.toggle("batch", v.results.length > 1);
    const one = v.results[selected];
    $(".actions").classList.toggle("off", !one);
    for (const node of all($(".actions"), "button, select")) node.disabled = !one;
    press($(".actions .compare"), Boolean(loom.chosenToCompare?.({ job: v.job, image: selected })));
    const link = $(".download");
    if (one) {
      $(".seed b").textContent = one.seed;
      link.href = one.url;
      link.download = one.name;
      link.removeAttribute("aria-disabled");
      if (scrubbed === null && !WAITS.includes(v.state)) {
        if (pressed(edges)) overlaid(v.job, selected);
        else show(frame, one.url);
        frame.alt = `Picture ${selected + 1} of ${v.results.length}, seed ${one.seed}`;
      }
      renderObedience(one);
    } else {
      renderObedience(null);
      $(".seed b").textContent = "–";
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
  };

  const percent = (share) => `${Math.round(share * 100)} %`;
  const overlaid = async (job, image) => {
    const key = `${job}/${image}/obedience`;
    if (!frames.has(key)) {
      const got = await picture(`${address(job)}/pictures/${image}/obedience`);
      if (!got.src) { toast(got.error ?? "The edges could not be shown.", "warn"); return; }
      frames.set(key, got.src);
    }
    if (pressed(edges) && stage.value.job === job && selected === image && scrubbed === null) show(frame, frames.get(key));
  };
  const renderObedience = (one) => {
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
    scrubbed = null;
    render();
  });

  const renderTimeline = (v, busy) => {
    const steps = busy ? 0 : (v.timeline?.steps ?? 0);
    $(".timeline").classList.toggle("off", !steps);
    for (const node of all($(".timeline"), "button, input")) node.disabled = !steps;
    slider.max = Math.max(1, steps);
    if (!steps || scrubbed === null) slider.value = slider.max;
    const at = Number(slider.value);
    const number = passOf(at, v.timeline?.stages), pass = number ? `pass ${number}` : "";
    slider.setAttribute("aria-valuetext", `step ${at} of ${steps}${pass && `, ${pass}`}`);
    $(".timeline output").textContent = steps ? `${at}/${steps}` : "";
    $(".timeline output").title = pass;
    slider.style.setProperty("--at", `${steps > 1 ? ((at - 1) / (steps - 1)) * 100 : 100}%`);
    // From the last step there is somewhere to go only under hires fix: to its second stage.
    $(".branch").disabled = !steps || (at >= v.total && !(loom.forms[mode]?.last?.hires_scale > 1));
    // A run that was stopped, or a page that came back to it, shows its last prediction.
    if (steps && !v.results.length && scrubbed === null && (frame.hidden || shownLast !== v.job)) {
      shownLast = v.job;
      stored(steps - 1, "x0").then((src) => src && scrubbed === null && show(frame, src));
    }
  };

  const stored = async (step, kind) => {
    const key = `${stage.value.job}/${selected}/${kind}/${step}`;
    if (!frames.has(key)) {
      const got = await picture(`${address(stage.value.job ?? "")}/timeline/${step}?kind=${kind}&image=${selected}`);
      if (!got.src) { toast(got.error ?? "That step could not be shown.", "warn"); return null; }
      frames.set(key, got.src);
    }
    return frames.get(key);
  };
  // What a picture's run starts from: its latents with the first step's noise.
  const beside = async () => {
    const on = pressed(begun);
    root.classList.toggle("begun", on);
    const { job } = stage.value;
    const src = on ? await stored(0, "xt") : null;
    if (stage.value.job !== job || pressed(begun) !== on) return;
    second.alt = on ? "The noised picture that the run starts from" : "The noisy x_t at the same step";
    show(second, src);
    root.classList.toggle("pair", !second.hidden);
  };
  begun.addEventListener("click", () => {
    press(begun, !pressed(begun));
    press(both, false);
    beside();
  });
  let scrubbing = false;
  const scrub = async () => {
    scrubbed = Number(slider.value);
    render();
    if (scrubbing) return;
    scrubbing = true;
    for (let done = -1; done !== scrubbed && scrubbed !== null; ) {
      done = scrubbed;
      const pair = pressed(both), first = pressed(begun);
      const [x0, xt] = await Promise.all([stored(done - 1, "x0"), pair ? stored(done - 1, "xt") : null]);
      if (scrubbed === null) break;
      if (x0) show(frame, x0);
      if (!first) show(second, xt);
    }
    scrubbing = false;
    root.classList.toggle("pair", !second.hidden);
  };
  slider.addEventListener("input", scrub);
  both.addEventListener("click", () => {
    press(both, !pressed(both));
    press(begun, false);
    root.classList.remove("begun");
    second.alt = "The noisy x_t at the same step";
    scrub();
  });

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
    const src = frame.getAttribute("src");
    if (frame.hidden || !src) return false;
    const { items, at } = gather(film.runs(mode), stage.value, src);
    openLightbox(items, at);
    return true;
  };
  frame.addEventListener("click", stage.enlarge);
  $(".larger").addEventListener("click", stage.enlarge);

  /* Shows one of the results, as a click on it does. */
  stage.select = (index) => { selected = index; scrubbed = null; render(); };

  let unwatch = () => {}, unlook = () => {};
  const turnTo = (value) => {
    unlook();
    scrubbed = null;
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
    stage.live = state;
    film.add(mode, state);
    if (!looking) stage.value = withKept(state);
    render();
  };
  stage.begin = () => {
    unwatch();
    failure = null;
    looking = false;
    stage.live = { ...EMPTY, state: "queued" };
    turnTo(stage.live);
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
  stage.changed = (values) => { if (stage.live.state === "failed" && isMended(failure, values)) dismiss(); };
  stage.follow = (job) => {
    unwatch();
    localStorage.setItem(jobKey(mode), job);
    unwatch = watch(job, (state) => {
      if (state.state !== "gone") {
        hear(state);
        return;
      }
      // The server has forgotten it: what is shown stays, an empty stage shows the page's last run.
      if (localStorage.getItem(jobKey(mode)) === job) localStorage.removeItem(jobKey(mode));
      if (WAITS.includes(stage.live.state)) stage.fail("This job is no longer known; the studio was started anew. Generate again.");
    });
  };

  $(".branch").addEventListener("click", () => {
    const { job } = stage.value;
    const step = Number(slider.value) - 1;
    const press = newPress(mode, false);
    stage.begin();
    trigger("branch", { press, job, step });
  });
  onGathered(`${mode}.branch`, ({ press, job, step }, values) => run(press, false, { mode, values, branch: { job, step } }));
  const video = $(".video"), videoTitle = video.textContent ?? "";
  let saving = false;
  video.addEventListener("click", async () => {
    if (saving || !stage.value.job) return;
    saving = true;
    video.setAttribute("aria-busy", "true");
    say("Saving the video");
    const name = `latent-loom-${stage.value.results[selected]?.seed ?? "run"}.mp4`;
    const problem = await saveVideo(stage.value.job, selected, name, (text) => { if (video.textContent !== text) video.textContent = text; });
    saving = false;
    video.removeAttribute("aria-busy");
    video.textContent = videoTitle;
    if (problem) toast(problem, "warn");
    else say("The video is saved");
  });
  $(".reuse").addEventListener("click", () =>
    trigger("reuse", { seed: stage.value.results[selected].seed }));
  const here = () => ({ job: stage.value.job, image: selected });
  $(".actions .link").addEventListener("click", () => trigger("link", here()));
  $(".verify").addEventListener("click", () => loom.verify(here()));
  $(".actions .compare").addEventListener("click", (event) => loom.compare(here(), /** @type {Found} */ (event.currentTarget)));
  const target = $(".send");
  target.addEventListener("change", () => {
    if (target.value) trigger("send", { to: target.value, job: stage.value.job, image: selected });
    target.value = "";
  });
  const chips = (v) => {
    $(".chips").replaceChildren(...(v.examples ?? []).slice(0, 3).map((text) => {
      const chip = el("button", "chip", text);
      chip.onclick = () => trigger("example", { text });
      return chip;
    }));
  };

  /* Examples, and where results can be sent: every tab has the same targets. */
  const take = () => {
    const value = props.value || {};
    if (value.examples) chips(value);
    const targets = (loom.targets = value.targets ?? loom.targets);
    target.hidden = !targets.length;
    if (target.options.length !== targets.length + 1)
      target.replaceChildren(new Option("send to …", ""), ...targets.map((t) => new Option(t.title, t.mode)));
  };
  watchProp("value", take);
  take();
  render();
  comeBack(mode);
};
