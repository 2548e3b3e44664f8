// @ts-check
/* The picture of a tab, and what is painted on it, outlive a reload: this browser keeps them beside the form. */
import { maybe } from "./dom.js";
import { loom } from "./registry.js";
import { onceThere } from "../gradio_compat/late_folds.js";

/** @typedef {import("./strokes.js").Mark} Mark */
/** @typedef {{name: string, blob: Blob}} Kept */

const BASE = "loom", STORE = "pictures", MOST_BYTES = 32 * 2 ** 20;

/** Places that have had a picture since the page was opened, or are about to. @type {Set<string>} */
const came = new Set();
/** Marks for the picture that is on its way back. @type {Record<string, Mark[]>} */
const coming = {};

/**
 * One act on the store. What this browser cannot keep is a comfort that is missing, and no error.
 * @template T
 * @param {IDBTransactionMode} how
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T | null>}
 */
const stored = (how, act) => new Promise((done) => {
  const none = () => done(null);
  const opened = (/** @type {IDBDatabase} */ base) => {
    const turn = base.transaction(STORE, how), request = act(turn.objectStore(STORE));
    turn.oncomplete = () => { base.close(); done(request.result); };
    turn.onabort = () => { base.close(); none(); };
  };
  try {
    const asked = indexedDB.open(BASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onerror = asked.onblocked = none;
    asked.onsuccess = () => { try { opened(asked.result); } catch { none(); } };
  } catch { none(); }
});

/** Whose marks are kept under which name. @param {string} place */
const marksOf = (place) => `${place}.marks`;

/** Something else is about to be put there. @param {string} place */
export const expected = (place) => { came.add(place); delete coming[place]; };
/** Nothing lies there, and what lay there does not come back. @param {string} place */
const forget = (place) => stored("readwrite", (store) => store.delete(IDBKeyRange.bound(place, marksOf(place))));
/**
 * An answer has put a picture there, or has taken away what was there: also in a tab that has yet to open.
 * @param {string} place
 * @param {boolean} lies whether one lies there now
 */
export const settled = (place, lies) => { expected(place); if (!lies) void forget(place); };
for (const event of ["change", "drop"]) {
  addEventListener(event, (/** @type {Event} */ { target }) => {
    if (event === "change" && !/** @type {any} */ (target).matches?.("input[type=file]")) return;
    for (const { mode: place } of loom.targets) {
      if (maybe(`#${CSS.escape(place.includes("-") ? place : `${place}-image`)}`)?.contains(/** @type {Node} */ (target))) expected(place);
    }
  }, true);
}

/** Another picture lies there: the marks it comes back with, and none of a new one. @param {string} place @returns {Mark[]} */
const claim = (place) => {
  const marks = coming[place] ?? [];
  delete coming[place];
  return marks;
};

/**
 * A picture lies in a place, or none does any more.
 * @param {string} place a tab, or a tab and its part
 * @param {{url?: string, orig_name?: string} | null} image
 * @returns {Mark[]} what was painted on it before the page was opened anew
 */
export const keepPicture = (place, image) => {
  if (!image?.url) {
    if (came.has(place)) void forget(place);
    return [];
  }
  const { url, orig_name: name = "picture.png" } = image, back = place in coming, marks = claim(place);
  came.add(place);
  if (!back) void (async () => {
    try {
      const blob = await (await fetch(url)).blob();
      if (blob.size > MOST_BYTES) return;
      await stored("readwrite", (store) => { store.delete(marksOf(place)); return store.put({ name, blob }, place); });
    } catch { /* it is still on the page */ }
  })();
  return marks;
};

/** What is painted on the picture of a tab now. @param {string} place @param {Mark[]} marks */
export const keepMarks = (place, marks) => {
  if (came.has(place)) void stored("readwrite", (store) => store.put(marks, marksOf(place)));
};

/**
 * Puts back what was in a tab, unless something else came first.
 * @param {string} mode
 */
export const bringBack = (mode) => onceThere(() => (loom.give && loom.targets.length && loom.restored[mode] ? document.body : null), async () => {
  for (const { mode: place } of loom.targets.filter((one) => one.mode === mode || one.mode.startsWith(`${mode}-`))) {
    const kept = /** @type {Kept | null} */ (came.has(place) ? null : await stored("readonly", (store) => store.get(place)));
    if (!kept?.blob) continue;
    const marks = await stored("readonly", (store) => store.get(marksOf(place)));
    if (came.has(place)) continue;
    coming[place] = Array.isArray(marks) ? marks : [];
    try {
      await loom.give(new File([kept.blob], kept.name, { type: kept.blob.type }), place, { stays: true, unless: () => came.has(place) });
    } catch { delete coming[place]; }
  }
}, 200);
