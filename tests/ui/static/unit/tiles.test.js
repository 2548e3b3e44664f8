import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { cellSide, cellsOf, columnsFor, tilesOf, wordsOf } = await import("../../../../ui/static/tiles.js");

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

test("a grid has a place for each cell, also while they come; its whole is none of them", () => {
  const told = { grid: { columns: 2, rows: 2, labels: ["2, red", "4, red", "2, blue", "4, blue"] } };
  const results = [{ url: "a", place: 0, label: "2, red" }, { url: "b", place: 2, label: "2, blue" }];
  const { cells, columns } = cellsOf(state({ state: "running", results, told }));
  assert.equal(columns, 2);
  assert.deepEqual(cells.map((one) => one.index), [0, -1, 1, -1]);
  assert.deepEqual(cells.map((one) => one.forming), [false, true, false, false]);
  assert.deepEqual(cells.map((one) => one.words), told.grid.labels);
  const done = cellsOf(state({ results: [...results, { url: "w", place: 4, sheet: true }], told }));
  assert.deepEqual(done.cells.map((one) => one.index), [0, -1, 1, -1], "a stopped one keeps what it has, in its places");
  assert.ok(!done.cells.some((one) => one.forming));
  const row = { grid: { columns: 3, rows: 1, labels: ["1", "2", "3"] } };
  assert.equal(cellsOf(state({ results, told: row })).columns, 0, "along one axis they stand as they fit");
  const batch = cellsOf(state({ results: [{ url: "a", label: "", seed: 1 }, { url: "b", label: "", seed: 2 }] }));
  assert.deepEqual(batch.cells.map((one) => one.words), ["seed 1", "seed 2"]);
});

test("a tile says its label, or its seed", () => {
  assert.equal(wordsOf({ label: "no LoRA", seed: 7 }), "no LoRA");
  assert.equal(wordsOf({ label: "", seed: 7 }), "seed 7");
});

test("a cell is as high as its picture, with room for what lies between", () => {
  assert.equal(cellSide(2, 2, 1, 803, 603), 300);
  assert.equal(cellSide(4, 1, 1, 803, 603), 198);
  assert.equal(cellSide(1, 1, 2, 0, 0), 0);
});
