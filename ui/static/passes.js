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
