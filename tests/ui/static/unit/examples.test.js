// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { comparisonOf, examplesOf, placesOf } = await import("../../../../ui/static/examples.js");

const TARGETS = [
  { mode: "img2img", title: "img2img" }, { mode: "morph-image_a", title: "morph, A" }, { mode: "morph-image_b", title: "morph, B" },
  { mode: "morph-more", title: "morph, more" },
];

test("a tab has as many example pictures as it begins with, two at most", () => {
  assert.deepEqual(placesOf(TARGETS, "img2img").map((one) => one.mode), ["img2img"]);
  assert.deepEqual(placesOf(TARGETS, "morph").map((one) => one.mode), ["morph-image_a", "morph-image_b"]);
  assert.deepEqual(placesOf(TARGETS, "txt2img"), []);
});

test("a morph's examples are two ends each, those of other tabs a prompt", () => {
  assert.deepEqual(examplesOf("txt2img", ["a", "b"]), [{ prompt: "a" }, { prompt: "b" }]);
  assert.deepEqual(examplesOf("morph", ["a", "b", "c"]), [{ prompt_a: "a", prompt_b: "b" }, { prompt_a: "b", prompt_b: "c" }]);
});

test("what enlarges begins with a picture, not with words", () => {
  assert.deepEqual(examplesOf("upscale", ["a", "b"]), []);
});

test("compared LoRAs have words to draw, and typed ones stay", () => {
  assert.deepEqual(comparisonOf("x:1", " ", ["a", "b"]), { loras: "x:1", compare: true, prompt: "a" });
  assert.deepEqual(comparisonOf("x:1", "mine", ["a"]), { loras: "x:1", compare: true });
  assert.deepEqual(comparisonOf("x:1", "", []), { loras: "x:1", compare: true });
});
