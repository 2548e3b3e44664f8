// @ts-check
/* A long list of which only pieces are here: each is asked for when somebody looks at it. */

/**
 * @template T
 * @typedef {object} Pages
 * @property {number} length of the whole list, as far as it is known
 * @property {(index: number) => T | undefined} get what is here
 * @property {() => Iterable<T>} here all that are
 * @property {(index: number) => Promise<void>} want asks for the piece that holds it
 * @property {(asked: Record<string, string>) => Promise<any>} ask another list; gives its first answer
 * @property {() => Promise<any>} look whether the same list has grown at its end
 * @property {(drop: (item: T) => boolean) => void} remove takes out what is here
 */

/**
 * @template T
 * @param {(asked: Record<string, string>) => Promise<{items?: T[], total?: number} | null>} load
 * @param {() => void} changed
 * @param {number} [size] of a piece
 * @returns {Pages<T>}
 */
export const pages = (load, changed, size = 60) => {
  /** @type {Map<number, T>} */
  let items = new Map();
  /** @type {Map<number, Promise<void>>} */
  let going = new Map();
  /** @type {Record<string, string>} */
  let asked = {};
  let turn = 0, total = 0;
  const fetched = async (/** @type {number} */ offset) => {
    const mine = turn, got = await load({ ...asked, offset: String(offset), limit: String(size) });
    if (mine !== turn || !got?.items) return got;
    got.items.forEach((item, i) => items.set(offset + i, item));
    total = got.total ?? total;
    changed();
    return got;
  };
  return {
    get length() { return total; },
    get: (index) => items.get(index),
    here: () => items.values(),
    want: (index) => {
      const offset = Math.floor(index / size) * size, whole = () => items.has(index);
      const on = going.get(offset);
      if (on || whole()) return on ?? Promise.resolve();
      const mine = going, made = fetched(offset).then(() => { mine.delete(offset); });
      going.set(offset, made);
      return made;
    },
    ask: (wanted) => {
      turn += 1;
      asked = wanted;
      const before = items;
      // What was shown stays until there is something else.
      items = new Map();
      going = new Map();
      return fetched(0).then((got) => {
        if (!got?.items) items = before;
        return got;
      });
    },
    look: () => fetched(0),
    remove: (drop) => {
      turn += 1; // pieces on their way were counted otherwise
      going = new Map();
      const left = [...items].sort(([a], [b]) => a - b);
      let gone = 0;
      items = new Map();
      for (const [index, item] of left) {
        if (drop(item)) gone += 1;
        else items.set(index - gone, item);
      }
      total -= gone;
      changed();
    },
  };
};
