import assert from "node:assert/strict";
import { test } from "node:test";

const { marks, passOf } = await import("../../../../ui/static/passes.js");

test("a step belongs to the stage that drew it", () => {
  assert.deepEqual([1, 5, 6, 8].map((at) => passOf(at, [5, 3])), [1, 1, 2, 2]);
});

test("a run of one stage has nothing to tell apart", () => {
  assert.equal(passOf(3, undefined), 0);
  assert.equal(passOf(9, [5, 3]), 0, "no such step");
});

test("marks stand where the thumb's middle is at their steps", () => {
  assert.equal(marks([], 5), "");
  assert.equal(marks([0, 2, 4], 5), "calc(0.00% + 6.50px) 100%, calc(50.00% + 0.00px) 100%, calc(100.00% + -6.50px) 100%");
  assert.equal(marks([0], 1), "calc(100.00% + -6.50px) 100%", "a run of one step stands at the end");
});
