import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { keptPart, margin, outside } = await import("../../../../ui/static/frame.js");

test("the frame lies around what the size keeps of the picture", () => {
  const wide = { left: 10, top: 20, width: 200, height: 100 };
  assert.deepEqual(keptPart(wide, 1, true), { left: 60, top: 20, width: 100, height: 100 });
  assert.deepEqual(keptPart(wide, 4, true), { left: 10, top: 45, width: 200, height: 50 });
  assert.equal(keptPart(wide, 1, false), wide);
});

test("sides move out by px of the result, in steps that the form takes", () => {
  const part = { left: 0, top: 0, width: 100, height: 100 };
  assert.deepEqual(outside(part, { left: 64, right: 0, top: 0, bottom: 32 }, 0.5), { left: -32, top: 0, width: 132, height: 116 });
  assert.deepEqual([-5, 7, 13, 5000].map(margin), [0, 0, 16, 1024]);
});
