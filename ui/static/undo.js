// @ts-check
/* Undo and redo of a whole form: what a preset, a record, a link or a reset has put in can be taken back. */

/** @typedef {Record<string, any>} Values */
/** @typedef {{past: Values[], now: Values, next: Values[], key: string, at: number, until: number, late: Values | null}} Course
 *   `late` is what the form came to while a step settled */

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
    courses[mode] = { past: [], now: values, next: [], key: "", at: 0, until: 0, late: null };
    return;
  }
  if (at < course.until) {
    course.late = values;
    return;
  }
  settled(course);
  const changed = differing(course.now, values);
  if (!changed.length) return;
  const key = changed.length === 1 ? changed[0] : "";
  if (!key || key !== course.key || at - course.at > TYPING_MS) {
    course.past = [...course.past, course.now].slice(-STEPS);
    course.next = [];
  }
  Object.assign(course, { key, at, now: values });
};
/** @param {Course} course */
const settled = (course) => {
  course.now = course.late ?? course.now;
  course.late = null;
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
  if (course && at >= course.until) settled(course);
  const [from, to] = way === "undo" ? [course?.past, course?.next] : [course?.next, course?.past];
  const target = from?.pop();
  if (!course || !target || !to) return null;
  to.push(course.now);
  const changes = Object.fromEntries(differing(course.now, target).map((key) => [key, target[key]]));
  // What comes until the form stands so, e.g. the state before it or a schedule that follows, is no step.
  Object.assign(course, { now: target, key: "", late: null, until: at + SETTLES_MS });
  return changes;
};
