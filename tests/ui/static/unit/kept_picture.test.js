import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browser, turn } from "./browser.js";

browser();
const base = new Map();
const later = (act) => { const asked = {}; queueMicrotask(() => act(asked)); return asked; };
const store = {
  get: (key) => ({ result: base.get(key) }),
  put: (value, key) => { base.set(key, value); return {}; },
  delete: (range) => { for (const key of [...base.keys()]) if (range.includes(key)) base.delete(key); return {}; },
};
Object.assign(globalThis, {
  IDBKeyRange: { bound: (from, to) => ({ includes: (/** @type {string} */ key) => key >= from && key <= to }) },
  indexedDB: {
    open: () => later((asked) => {
      const transaction = () => later((turn) => turn.oncomplete());
      asked.result = { close: () => {}, transaction: () => Object.assign(transaction(), { objectStore: () => store }) };
      asked.onsuccess();
    }),
  },
});
document.body = {};
const { loom } = await import("../../../../ui/static/registry.js");
const { bringBack, expected, settled } = await import("../../../../ui/static/kept_picture.js");

/** Each test has a mode of its own: what came to a place is remembered. */
const given = [];
const opens = (/** @type {string} */ mode) => {
  const places = [`${mode}-image_a`, `${mode}-image_b`];
  loom.targets = places.map((place) => ({ mode: place, title: place }));
  loom.restored = { [mode]: true };
  for (const place of places) base.set(place, { name: `${place}.png`, blob: new Blob(["x"]) });
  return places;
};
beforeEach(() => {
  base.clear();
  given.length = 0;
  loom.give = async (file, place, { unless }) => { await turn(); if (!unless()) given.push([place, file.name]); };
});

test("what was in a tab comes back when it opens", async () => {
  const [a, b] = opens("kept");
  bringBack("kept");
  await turn(50);
  assert.deepEqual(given, [[a, `${a}.png`], [b, `${b}.png`]]);
});

test("a place that an answer has emptied stays empty, now and after the next reload", async () => {
  const [a, b] = opens("emptied");
  settled(a, false);
  bringBack("emptied");
  await turn(50);
  assert.deepEqual(given, [[b, `${b}.png`]]);
  assert.deepEqual([...base.keys()], [b]);
});

test("a picture that an answer has put there is not replaced, and what is kept is not thrown away", async () => {
  const [a, b] = opens("filled");
  settled(a, true);
  bringBack("filled");
  await turn(50);
  assert.deepEqual(given, [[b, `${b}.png`]]);
  assert.deepEqual([...base.keys()], [a, b]);
});

test("what comes while a kept picture is on its way stays", async () => {
  const [, b] = opens("meanwhile"), give = loom.give;
  loom.give = async (file, place, how) => { if (place === b) expected(b); return give(file, place, how); };
  bringBack("meanwhile");
  await turn(50);
  assert.deepEqual(given.map(([place]) => place), ["meanwhile-image_a"]);
});
