import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { ratioOf, swapped } = await import("../../../../ui/static/size_tools.js");

test("the sides of a size are swapped, however it is written", () => {
  assert.equal(swapped("320 × 192  (5:3)"), "192x320");
  assert.equal(swapped("320x192"), "192x320");
  assert.equal(swapped("256 × 256, native"), "", "nothing to swap");
  assert.equal(swapped("native"), "");
});

test("the ratio of what the control shows is known for the model's own sizes", () => {
  const ratios = { "1:1": "native", "3:2": "320x192" };
  assert.equal(ratioOf("256 × 256, native", ratios), "1:1");
  assert.equal(ratioOf("320 × 192  (3:2)", ratios), "3:2");
  assert.equal(ratioOf("320x192", ratios), "3:2");
  assert.equal(ratioOf("640x64", ratios), "");
});
