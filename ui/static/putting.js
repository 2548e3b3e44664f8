// @ts-check
/* What was asked to be put into a form and has not come back as its values: Generate waits for it. */

const AT_MOST_MS = 2000; // for what no control of the form shows
const same = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) === JSON.stringify(b);

/** @param {() => Record<string, unknown> | undefined} last the form's values, as far as the page knows them */
export const putting = (last) => {
  /** @type {Map<string, {before: unknown, wanted: unknown}>} */
  const open = new Map();
  /** @type {(() => void)[]} */
  const after = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let due;
  const end = () => {
    clearTimeout(due);
    open.clear();
    for (const act of after.splice(0)) act();
  };
  return {
    /** Values are on their way to the controls. @param {Record<string, unknown>} changes */
    put: (changes) => {
      const now = last() ?? {};
      for (const [key, wanted] of Object.entries(changes)) if (!same(now[key], wanted)) open.set(key, { before: now[key], wanted });
      if (!open.size) return;
      clearTimeout(due);
      due = setTimeout(end, AT_MOST_MS);
    },
    /** The form's values came: what is there, or became something else, has arrived. @param {Record<string, unknown>} now */
    heard: (now) => {
      for (const [key, { before, wanted }] of open) if (same(now[key], wanted) || !same(now[key], before)) open.delete(key);
      if (!open.size) end();
    },
    /** Whether an act has to wait; then it is done once they have come. @param {() => void} act */
    holds: (act) => {
      if (open.size) after.push(act);
      return open.size > 0;
    },
  };
};
