import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { fieldOf, lacking } = await import("../../../../ui/static/sent.js");

test("words go along where a tab has none of its own", () => {
  const from = { prompt: "a house", negative_prompt: "", loras: "[1]", seed: 7 };
  assert.deepEqual(lacking(from, { prompt: "", negative_prompt: "", loras: "[2]" }), { prompt: "a house" });
  assert.deepEqual(lacking(from, { prompt: "mine" }), {});
});

test("a place's name says which field takes the picture", () => {
  assert.equal(fieldOf("img2img"), "img2img-image");
  assert.equal(fieldOf("morph-image_b"), "morph-image_b");
});
