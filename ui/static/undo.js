// @ts-check
/* Undo and redo of a whole form: what a preset, a record, a link or a reset has put in can be taken back. */

/** @typedef {Record<string, any>} Values */
/** @typedef {{past: Values[], now: Values, next: Values[], key: string, at: number, until: number, before: Values[]}} Course
 *   `before` is how the form stood when steps began that the server has not put into it yet */

const STEPS = 50, TYPING_MS = 1500;
const LATEST_MS = 30_000; // that a step takes until the server has put it into the form
/** @type {Record<string, Course>} by tab */
const courses = {};

/** The controls whose values differ. @param {Values} from @param {Values} to @returns {string[]} */
const differing = (from, to) => Object.keys(to).filter((key) => differs(key, from, to));
/** @param {string} key @param {Values} from @param {Values} to */
const differs = (key, from, to) => JSON.stringify(from[key]) !== JSON.stringify(to[key]);

/**
 * Notes how a form stands now. Changes of one control in quick succession are one step.
 * @param {string} mode
 * @param {Values} values
 * @param {number} [at] in ms
 */
export const note = (mode, values, at = Date.now()) => {
  const course = courses[mode];
  if (!course) {
    courses[mode] = { past: [], now: values, next: [], key: "", at: 0, until: 0, before: [] };
    return;
  }
  if (at >= course.until) course.before = [];
  const told = course.before.length ? beside(course, values) : values;
  const changed = differing(course.now, told);
  if (!changed.length) return;
  const key = changed.length === 1 ? changed[0] : "";
  if (!key || key !== course.key || at - course.at > TYPING_MS) {
    course.past = [...course.past, course.now].slice(-STEPS);
    course.next = [];
  }
  Object.assign(course, { key, at, now: told });
};
/**
 * How the form is to stand while it comes to stand as a step wants it: what is neither as it was nor as it shall be has
 * been changed meanwhile.
 * @param {Course} course
 * @param {Values} values
 * @returns {Values}
 */
const beside = (course, values) => {
  const known = [course.now, ...course.before];
  const strays = Object.keys(values).filter((key) => known.every((one) => differs(key, one, values)));
  const own = Object.fromEntries(strays.map((key) => [key, values[key]]));
  const told = { ...course.now, ...own };
  course.before = differing(told, values).length ? course.before.map((one) => ({ ...one, ...own })) : [];
  return told;
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
  const before = [...(at < course.until ? course.before : []), course.now];
  Object.assign(course, { before, now: target, key: "", until: at + LATEST_MS });
  return changes;
};
