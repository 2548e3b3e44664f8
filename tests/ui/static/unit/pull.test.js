import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { curve } = await import("../../../../ui/static/pull.js");

test("the curve goes from the first push to the last, of the chosen picture", () => {
  const losses = [[0, [0.4, 0.2]], [5, [0.2, 0.2]], [10, [0.1, 0.1]]];
  const first = curve(losses, 0, 11).split(" ").map((point) => point.split(",").map(Number));
  assert.deepEqual(first.map(([x]) => x), [1.5, 50, 98.5]);
  assert.ok(first[0][1] < first[1][1] && first[1][1] < first[2][1], "down is nearer");
  assert.notEqual(curve(losses, 1, 11), curve(losses, 0, 11));
});

test("one point is no curve, and a step that was drawn again counts once", () => {
  assert.equal(curve([[0, [0.4]]], 0, 10), "");
  assert.equal(curve([[0, [0.4]], [2, [0.3]], [2, [0.1]]], 0, 10).split(" ").length, 2);
});
