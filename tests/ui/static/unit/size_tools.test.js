import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { swapped } = await import("../../../../ui/static/size_tools.js");

test("the sides of a size are swapped, however it is written", () => {
  assert.equal(swapped("320 × 192  (5:3)"), "192x320");
  assert.equal(swapped("320x192"), "192x320");
  assert.equal(swapped("256 × 256, native"), "", "nothing to swap");
  assert.equal(swapped("native"), "");
});
