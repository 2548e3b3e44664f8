// @ts-check
/* The timeline of a stage: its steps scrubbed, what they start from beside it, branches and the video. */
import { all, press, pressed, toast } from "./dom.js";
import { onGathered } from "./events.js";
import { address, newPress, picture } from "./jobs.js";
import { marks, passOf } from "./passes.js";
import { loom } from "./registry.js";
import { run } from "./run.js";
import { saveVideo } from "./video.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").View} View */

/** @param {View} view */
export const timelineOf = (view) => {
  const { $, mode, root, stage, trigger, frames } = view;
  const frame = $(".frame"), second = $(".second"), begun = $(".start");
  const slider = $(".timeline input[type=range]"), both = $(".timeline .both");
  /** @type {string | null} */
  let shownLast = null;

  const stored = async (/** @type {number} */ step, /** @type {string} */ kind) => {
    const key = `${stage.value.job}/${view.selected}/${kind}/${step}`;
    if (!frames.has(key)) {
      const got = await picture(`${address(stage.value.job ?? "")}/timeline/${step}?kind=${kind}&image=${view.selected}`);
      if (!got.src) { toast(got.error ?? "That step could not be shown.", "warn"); return null; }
      frames.set(key, got.src);
    }
    return frames.get(key) ?? null;
  };
  // What a picture's run starts from: its latents with the first step's noise.
  const beside = async () => {
    const on = pressed(begun);
    root.classList.toggle("begun", on);
    const { job } = stage.value;
    const src = on ? await stored(0, "xt") : null;
    if (stage.value.job !== job || pressed(begun) !== on) return;
    second.alt = on ? "The noised picture that the run starts from" : "The noisy x_t at the same step";
    view.show(second, src);
    root.classList.toggle("pair", !second.hidden);
  };
  begun.addEventListener("click", () => {
    press(begun, !pressed(begun));
    press(both, false);
    view.tiled = false;
    view.render();
    beside();
  });
  let scrubbing = false;
  const scrub = async () => {
    view.scrubbed = Number(slider.value);
    view.tiled = false;
    view.render();
    if (scrubbing) return;
    scrubbing = true;
    for (let done = -1; done !== view.scrubbed && view.scrubbed !== null; ) {
      done = view.scrubbed;
      const pair = pressed(both), first = pressed(begun);
      const [x0, xt] = await Promise.all([stored(done - 1, "x0"), pair ? stored(done - 1, "xt") : null]);
      if (view.scrubbed === null) break;
      if (x0) view.show(frame, x0);
      if (!first) view.show(second, xt);
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

  const branch = (/** @type {boolean} */ fan) => {
    const { job } = stage.value;
    const step = Number(slider.value) - 1;
    const made = newPress(mode, false);
    const image = view.selected;
    stage.begin();
    trigger("branch", { press: made, job, step, fan, image });
  };
  $(".branch").addEventListener("click", () => branch(false));
  $(".fan").addEventListener("click", () => branch(true));
  onGathered(`${mode}.branch`, ({ press: made, job, step, fan, image }, values) => run(made, false, { mode, values, branch: { job, step, fan, image } }));
  const video = $(".video"), videoTitle = video.textContent ?? "";
  let saving = false;
  video.addEventListener("click", async () => {
    if (saving || !stage.value.job) return;
    saving = true;
    video.setAttribute("aria-busy", "true");
    view.say("Saving the video");
    const name = `latent-loom-${stage.value.results[view.selected]?.seed ?? "run"}.mp4`;
    const problem = await saveVideo(stage.value.job, view.selected, name, (text) => { if (video.textContent !== text) video.textContent = text; });
    saving = false;
    video.removeAttribute("aria-busy");
    video.textContent = videoTitle;
    if (problem) toast(problem, "warn");
    else view.say("The video is saved");
  });

  return {
    /** Another job is shown. */
    reset: () => {
      press(both, false);
      second.hidden = true;
      root.classList.remove("begun");
    },
    render: (/** @type {JobState} */ v, /** @type {boolean} */ busy) => {
      const steps = busy ? 0 : (v.timeline?.steps ?? 0);
      $(".timeline").classList.toggle("off", !steps);
      for (const node of all($(".timeline"), "button, input")) node.disabled = !steps;
      slider.max = Math.max(1, steps);
      if (!steps || view.scrubbed === null) slider.value = slider.max;
      const at = Number(slider.value);
      const number = passOf(at, v.timeline?.stages), pass = number ? `pass ${number}` : "";
      const foretold = steps ? (v.timeline?.forecast ?? []) : [];
      const told = [pass, foretold.includes(at - 1) ? "foretold" : ""].filter(Boolean).join(", ");
      slider.setAttribute("aria-valuetext", `step ${at} of ${steps}${told && `, ${told}`}`);
      $(".timeline output").textContent = steps ? `${at}/${steps}` : "";
      $(".timeline output").title = told;
      slider.classList.toggle("foretold", foretold.length > 0);
      slider.style.backgroundPosition = marks(foretold, steps);
      slider.style.backgroundImage = foretold.map(() => "var(--loom-mark)").join(", ");
      slider.style.setProperty("--at", `${steps > 1 ? ((at - 1) / (steps - 1)) * 100 : 100}%`);
      // From the last step there is somewhere to go only under hires fix: to its second stage.
      $(".branch").disabled = !steps || (at >= v.total && !(loom.forms[mode]?.last?.hires_scale > 1));
      $(".fan").disabled = $(".branch").disabled || at >= v.total;
      $(".fan").hidden = root.dataset.live !== "true";
      // A run that was stopped, or a page that came back to it, shows its last prediction.
      const last = `${v.job}/${view.selected}`;
      if (steps && !v.results.length && view.scrubbed === null && (frame.hidden || shownLast !== last)) {
        shownLast = last;
        stored(steps - 1, "x0").then((src) => src && view.scrubbed === null && shownLast === last && view.show(frame, src));
      }
      begun.hidden = root.dataset.starts !== "true" || !v.job || (busy ? v.step < 1 : !v.timeline?.steps);
      if (!begun.hidden && pressed(begun) && !root.classList.contains("begun")) beside();
    },
  };
};
