import assert from "node:assert/strict";
import { test } from "node:test";

const { byKey, layoutOf, near } = await import("../../../../ui/static/cells.js");

test("cells fill the width, three a row at least and twelve at most", () => {
  for (const [width, columns] of [[380, 3], [1350, 8], [3800, 12]]) {
    const made = layoutOf(width, 100);
    assert.equal(made.columns, columns);
    assert.ok(Math.abs(columns * made.side + (columns - 1) * 6 - width) < 1e-6);
  }
  assert.equal(layoutOf(1350, 0).height, 0);
});

test("of ten thousand cells the page holds under three hundred, in any window", () => {
  for (const [width, height] of [[380, 800], [1350, 800], [2560, 1400], [3800, 2160], [5000, 2800]]) {
    const made = layoutOf(width, 10_000);
    for (const top of [0, made.height / 2, made.height]) {
      const { from, to } = near(made, top, height, 10_000);
      assert.ok(to - from < 300, `${to - from} at ${width}`);
      assert.ok(from * 1 <= Math.floor(top / made.pitch) * made.columns + made.columns);
    }
  }
  const { from, to } = near(layoutOf(1350, 5), 0, 800, 5);
  assert.deepEqual([from, to], [0, 5]);
});

test("keys lead from cell to cell and never past the ends", () => {
  assert.equal(byKey("ArrowRight", 3, 8, 20), 4);
  assert.equal(byKey("ArrowRight", 19, 8, 20), 19);
  assert.equal(byKey("ArrowDown", 3, 8, 20), 11);
  assert.equal(byKey("ArrowDown", 15, 8, 20), 15);
  assert.equal(byKey("ArrowUp", 3, 8, 20), 3);
  assert.equal(byKey("PageDown", 3, 8, 20), 19);
  assert.equal(byKey("Home", 7, 8, 20), 0);
  assert.equal(byKey("End", 7, 8, 20), 19);
  assert.equal(byKey("x", 7, 8, 20), null);
});
