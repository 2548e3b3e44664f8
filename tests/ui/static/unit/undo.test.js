import assert from "node:assert/strict";
import { test } from "node:test";
import { note, step } from "../../../../ui/static/undo.js";

test("a step back puts in what differed, and can be taken back", () => {
  note("a", { prompt: "mine", steps: 20 }, 0);
  note("a", { prompt: "a preset's", steps: 30 }, 5000);
  assert.deepEqual(step("a", "undo", 9000), { prompt: "mine", steps: 20 });
  note("a", { prompt: "mine", steps: 20 }, 9100);
  assert.equal(step("a", "undo", 9200), null);
  assert.deepEqual(step("a", "redo", 9300), { prompt: "a preset's", steps: 30 });
  assert.equal(step("a", "redo", 9400), null);
});

test("typing is one step", () => {
  note("b", { prompt: "" }, 0);
  ["a", "a h", "a ho"].forEach((prompt, i) => note("b", { prompt }, 5000 + 300 * i));
  note("b", { prompt: "a hou" }, 20_000);
  assert.deepEqual(step("b", "undo", 30_000), { prompt: "a ho" });
  assert.deepEqual(step("b", "undo", 30_001), { prompt: "" });
});

test("a new change ends what could be redone, and what settles is no step", () => {
  note("c", { sampler: "a", schedule: "x" }, 0);
  note("c", { sampler: "b", schedule: "y" }, 5000);
  step("c", "undo", 9000);
  note("c", { sampler: "a", schedule: "y" }, 9100);
  note("c", { sampler: "a", schedule: "x" }, 9200);
  note("c", { sampler: "c", schedule: "x" }, 20_000);
  assert.equal(step("c", "redo", 20_001), null);
  assert.deepEqual(step("c", "undo", 20_002), { sampler: "a" });
  assert.equal(step("c", "undo", 20_003), null);
});

test("fifty steps are kept, tabs apart", () => {
  for (let i = 0; i < 80; i++) note("d", { seed: i, steps: -i }, 10_000 * i);
  let count = 0;
  while (step("d", "undo", 1e9)) count++;
  assert.equal(count, 50);
  assert.equal(step("nowhere", "undo"), null);
});

test("steps that overtake what the page tells of the last one put in what they should", () => {
  const mine = { prompt: "mine" }, preset = { prompt: "preset" };
  note("e", mine, 0);
  note("e", preset, 5000);
  assert.deepEqual(step("e", "undo", 9000), mine);
  assert.deepEqual(step("e", "redo", 9010), preset);
  note("e", mine, 9050); // of the first step
  assert.deepEqual(step("e", "undo", 9060), mine);
  note("e", preset, 9100);
  note("e", mine, 9150);
  assert.deepEqual(step("e", "redo", 20_000), preset);
});

test("a step settles when the form stands so, however long the server takes", () => {
  const mine = { prompt: "mine", steps: 20 }, preset = { prompt: "preset", steps: 30 };
  note("f", mine, 0);
  note("f", preset, 5000);
  assert.deepEqual(step("f", "undo", 9000), mine);
  note("f", preset, 15_000); // as it was, since something else was told
  note("f", mine, 19_000);
  assert.deepEqual(step("f", "redo", 30_000), preset);
});

test("what is changed while a step settles, or just after, is a step of its own", () => {
  note("g", { prompt: "mine", steps: 20 }, 0);
  note("g", { prompt: "preset", steps: 30 }, 5000);
  assert.deepEqual(step("g", "undo", 9000), { prompt: "mine", steps: 20 });
  note("g", { prompt: "a ship", steps: 30 }, 9050); // typed before the server has put in the step
  note("g", { prompt: "a ship", steps: 20 }, 9100);
  note("g", { prompt: "a ship", steps: 44 }, 9150);
  assert.deepEqual(step("g", "undo", 9200), { steps: 20 });
  note("g", { prompt: "a ship", steps: 20 }, 9250);
  assert.deepEqual(step("g", "undo", 9300), { prompt: "mine" });
});
