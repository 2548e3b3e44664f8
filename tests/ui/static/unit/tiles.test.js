import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { columnsFor, tilesOf, wordsOf } = await import("../../../../ui/static/tiles.js");

test("as many stand in a row as make the tiles largest", () => {
  assert.equal(columnsFor(2, 1, 900, 600), 2);
  assert.equal(columnsFor(4, 1, 600, 600), 2);
  assert.equal(columnsFor(4, 1, 1600, 400), 4);
  assert.equal(columnsFor(8, 1, 900, 600), 4);
  assert.equal(columnsFor(3, 3, 600, 600), 1, "wide ones below each other");
  assert.equal(columnsFor(1, 1, 10, 10), 1);
});

const state = (more) => ({ job: "j", state: "done", results: [], timeline: { steps: 4, batch: 3 }, ...more });

test("results are the tiles; of a batch that was stopped, each picture as far as it came", () => {
  const results = [{ url: "a", label: "", seed: 7 }];
  assert.equal(tilesOf(state({ results })), results);
  const stopped = tilesOf(state({ state: "stopped" }));
  assert.deepEqual(stopped.map((one) => one.url), [0, 1, 2].map((i) => `loom/jobs/j/timeline/3?kind=x0&image=${i}`));
  assert.equal(wordsOf(stopped[1]), "picture 2 · step 4");
  assert.deepEqual(tilesOf(state({ state: "running" })), []);
  assert.deepEqual(tilesOf(state({ state: "stopped", timeline: { steps: 4, batch: 1 } })), []);
  assert.deepEqual(tilesOf(state({ state: "stopped", timeline: null })), []);
});

test("a tile says its label, or its seed", () => {
  assert.equal(wordsOf({ label: "no LoRA", seed: 7 }), "no LoRA");
  assert.equal(wordsOf({ label: "", seed: 7 }), "seed 7");
});
