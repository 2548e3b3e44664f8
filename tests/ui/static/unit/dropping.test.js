import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { firstIn, firstNamed } = await import("../../../../ui/static/dropping.js");
const targets = [
  { mode: "img2img", title: "img2img" }, { mode: "style_transfer", title: "style transfer" },
  { mode: "morph-image_a", title: "morph, A" }, { mode: "morph-image_b", title: "morph, B" },
];

test("a tab takes a picture where it takes its first", () => {
  assert.equal(firstIn(targets, "morph").title, "morph, A");
  assert.equal(firstIn(targets, "style_transfer").title, "style transfer");
  assert.equal(firstIn(targets, "style"), null);
  assert.equal(firstIn(targets, null), null);
});

test("it is found by the name on it", () => {
  assert.equal(firstNamed(targets, "morph").mode, "morph-image_a");
  assert.equal(firstNamed(targets, "img2img").mode, "img2img");
  assert.equal(firstNamed(targets, "txt2img"), null);
});
