// @ts-check
/* Undo and redo of a whole form: what a preset, a record, a link or a reset has put in can be taken back. */

/** @typedef {Record<string, any>} Values */
/** @typedef {{past: Values[], now: Values, next: Values[], key: string, at: number, until: number}} Course */

const STEPS = 50, TYPING_MS = 1500, SETTLES_MS = 2000;
/** @type {Record<string, Course>} by tab */
const courses = {};

/** The controls whose values differ. @param {Values} from @param {Values} to @returns {string[]} */
const differing = (from, to) => Object.keys(to).filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]));

/**
 * Notes how a form stands now. Changes of one control in quick succession are one step.
 * @param {string} mode
 * @param {Values} values
 * @param {number} [at] in ms
 */
export const note = (mode, values, at = Date.now()) => {
  const course = courses[mode];
  if (!course) {
    courses[mode] = { past: [], now: values, next: [], key: "", at: 0, until: 0 };
    return;
  }
  const changed = differing(course.now, values);
  if (!changed.length) return;
  const settles = at < course.until, key = changed.length === 1 ? changed[0] : "";
  if (!settles && (!key || key !== course.key || at - course.at > TYPING_MS)) {
    course.past = [...course.past, course.now].slice(-STEPS);
    course.next = [];
  }
  if (!settles) Object.assign(course, { key, at });
  course.now = values;
};

/**
 * One step back or on: what to put into the form; null where there is none.
 * @param {string} mode
 * @param {"undo" | "redo"} way
 * @param {number} [at] in ms
 * @returns {Values | null}
 */
export const step = (mode, way, at = Date.now()) => {
  const course = courses[mode];
  const [from, to] = way === "undo" ? [course?.past, course?.next] : [course?.next, course?.past];
  const target = from?.pop();
  if (!course || !target || !to) return null;
  to.push(course.now);
  const changes = Object.fromEntries(differing(course.now, target).map((key) => [key, target[key]]));
  // What the page makes of it on the way, e.g. a schedule that follows its sampler, is no step.
  Object.assign(course, { now: target, key: "", until: at + SETTLES_MS });
  return changes;
};
