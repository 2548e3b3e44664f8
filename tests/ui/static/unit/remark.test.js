// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { inShort, tagsIn } = await import("../../../../ui/static/remark.js");

test("tags stand between commas or behind a hash, each once", () => {
  assert.deepEqual(tagsIn(" Sea, night sky,#sea #Boat,, "), ["sea", "night sky", "boat"]);
  assert.deepEqual(tagsIn(""), []);
});

test("the button says what was said", () => {
  assert.equal(inShort(null), "Note");
  assert.equal(inShort({ note: "For the wall", tags: [] }), "✎ For the wall");
  assert.equal(inShort({ note: "x", tags: ["a", "b", "c", "d"] }), "✎ #a #b #c");
});
