import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { closer, fitted, gather, within, zoomed } = await import("../../../../ui/static/lightbox.js");
const run = (job, ...seeds) => ({ job, results: seeds.map((seed) => ({ url: `${job}${seed}`, name: `${seed}.png`, seed, width: 8, height: 4, label: "" })) });

test("all pictures of all runs follow each other, oldest first", () => {
  const runs = [run("c", 4), run("b"), run("a", 1, 2)];
  const { items, at } = gather(runs, runs[2], "a2");
  assert.deepEqual(items.map((one) => one.src), ["a1", "a2", "c4"]);
  assert.equal(at, 1);
  assert.equal(items[1].words, "seed 2 · 8 × 4");
});

test("what forms comes last, after what its run has finished", () => {
  const { items, at } = gather([run("a", 1)], run("b", 2), "blob:x");
  assert.deepEqual(items.map((one) => one.src), ["a1", "b2", "blob:x"]);
  assert.equal(at, 2);
  assert.equal(items[2].name, "");
});

const picture = { width: 1000, height: 500 }, room = { width: 500, height: 400 };

test("a zoom leaves what is under the pointer where it is", () => {
  const before = { scale: 1, x: 100, y: 20 }, at = { x: 60, y: -30 };
  const after = zoomed(before, 3, at, picture, room);
  const under = (view) => [(at.x - view.x) / view.scale, (at.y - view.y) / view.scale];
  assert.equal(after.scale, 3);
  under(before).forEach((value, i) => assert.ok(Math.abs(value - under(after)[i]) < 1e-9));
});

test("a picture is moved no further than its edges, and a fitted one not at all", () => {
  assert.equal(fitted(picture, room), 0.5);
  assert.deepEqual(within({ scale: 1, x: 9999, y: -9999 }, picture, room), { scale: 1, x: 250, y: -50 });
  const fit = within({ scale: 0.5, x: 40, y: 40 }, picture, room);
  assert.ok(fit.x === 0 && fit.y === 0);
});

test("zooming ends at the whole picture and at 32 times", () => {
  const view = { scale: 1, x: 0, y: 0 };
  assert.equal(zoomed(view, 0.01, view, picture, room).scale, 0.5);
  assert.equal(zoomed(view, 1e9, view, picture, room).scale, 32);
  assert.equal(zoomed(view, 0.01, view, { width: 64, height: 64 }, room).scale, 1, "a small one's pixels");
});

test("a click goes to the pixels, or past them where they show already", () => {
  assert.equal(closer(0.5), 1);
  assert.equal(closer(2.3), 6);
});
