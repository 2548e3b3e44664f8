// @ts-check
/* Pause, one step, on: a run that stops before a step, is looked at and changed, and goes on from any of its steps. */
import { toast } from "./dom.js";
import { film } from "./film.js";
import { WAITS, cancel, pauseJob, resumeJob } from "./jobs.js";
import { loom } from "./registry.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").View} View */

/**
 * Which buttons there are, and from which stored step a run goes on (null: from where it rests).
 * @param {JobState} v
 * @param {number | null} scrubbed step that is looked at, from 1
 */
export const choices = (v, scrubbed) => ({
  pauses: v.state === "running" && v.stage === "sampling",
  rests: v.state === "paused",
  step: v.state === "paused" && scrubbed !== null && scrubbed < (v.timeline?.steps ?? 0) ? scrubbed - 1 : null,
});

/** @param {View} view */
export const pausingOf = (view) => {
  const { $, stage, root } = view;
  const group = $(".pausing");
  const acts = async (/** @type {Promise<any>} */ doing) => {
    const got = await doing;
    if (got?.error) toast(got.error, "warn");
    return !got?.error;
  };
  const on = async (/** @type {number | undefined} */ steps) => {
    const { job } = stage.value;
    if (!job) return;
    const { step } = choices(stage.value, view.scrubbed);
    await loom.forms[view.mode]?.sent();
    film.remove(view.mode, job); // the steps after the one that it goes on from are drawn anew
    if (await acts(resumeJob(job, step, steps))) {
      view.scrubbed = null;
      stage.follow(job);
    }
  };
  $(".pause").addEventListener("click", () => { if (stage.value.job) acts(pauseJob(stage.value.job)); });
  $(".go-on").addEventListener("click", () => on(undefined));
  $(".one-step").addEventListener("click", () => on(1));
  $(".give-up").addEventListener("click", () => { if (stage.value.job) cancel(stage.value.job); });
  return {
    /** @param {JobState} v */
    render: (v) => {
      const { pauses, rests, step } = choices(v, view.scrubbed);
      group.hidden = root.dataset.live !== "true" || !(rests || WAITS.includes(v.state));
      $(".pause").hidden = rests;
      $(".pause").disabled = !pauses;
      for (const name of [".go-on", ".one-step", ".give-up"]) $(name).hidden = !rests;
      $(".go-on").textContent = step === null ? "Go on" : `Go on from step ${step + 1}`;
    },
  };
};
