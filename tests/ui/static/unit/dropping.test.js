import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { firstIn, firstNamed, promptsIn } = await import("../../../../ui/static/dropping.js");
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

test("a text file holds a prompt a line", () => {
  assert.deepEqual(promptsIn("a boat\r\n\n  a cat, in snow \n# not this\n"), ["a boat", "a cat, in snow"]);
  assert.deepEqual(promptsIn("\n \n"), []);
});
