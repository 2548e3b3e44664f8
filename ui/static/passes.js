// @ts-check
/* Stages of a run: hires fix draws twice, and its stored steps are of the one or of the other. */

/**
 * The number of the stage that a stored step belongs to.
 * @param {number} at step, from 1
 * @param {number[] | undefined} stages stored steps of each stage; none where there is one
 * @returns {number} from 1; 0 where there is nothing to tell apart
 */
export const passOf = (at, stages) => {
  let last = 0;
  return (stages ?? []).findIndex((count) => at <= (last += count)) + 1;
};

/**
 * Where the marks of some steps lie on the slider, below its thumb's middle (16 px wide; a mark has 3).
 * @param {number[]} foretold stored steps, from 0
 * @param {number} steps of the timeline
 */
export const marks = (foretold, steps) => foretold.map((step) => {
  const share = steps > 1 ? step / (steps - 1) : 1;
  return `calc(${(100 * share).toFixed(2)}% + ${(6.5 - 13 * share).toFixed(2)}px) 100%`;
}).join(", ");
