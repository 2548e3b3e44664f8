import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { fieldOf } = await import("../../../../ui/static/sent.js");

test("a place's name says which field takes the picture", () => {
  assert.equal(fieldOf("img2img"), "img2img-image");
  assert.equal(fieldOf("morph-image_b"), "morph-image_b");
});
