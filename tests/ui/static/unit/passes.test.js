import assert from "node:assert/strict";
import { test } from "node:test";

const { passOf } = await import("../../../../ui/static/passes.js");

test("a step belongs to the stage that drew it", () => {
  assert.deepEqual([1, 5, 6, 8].map((at) => passOf(at, [5, 3])), [1, 1, 2, 2]);
});

test("a run of one stage has nothing to tell apart", () => {
  assert.equal(passOf(3, undefined), 0);
  assert.equal(passOf(9, [5, 3]), 0, "no such step");
});
