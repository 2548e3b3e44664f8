import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { partText } = await import("../../../../ui/static/clip_part.js");

test("a part says how many frames it has, and what to do with too many", () => {
  assert.equal(partText(3, 3, 300), "1 frame");
  assert.equal(partText(0, 15, 300), "16 frames");
  assert.equal(partText(0, 899, 300), "900 frames; a clip has at most 300, so take one in 3, or a shorter part.");
});
