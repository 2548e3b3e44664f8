// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { foundAgain, heard, keepUnheard, wrote } = await import("../../../../ui/static/unheard.js");

test("what the form has not heard of is found again, once", () => {
  wrote("txt2img", "prompt", "a red house");
  keepUnheard(() => "a red house");
  assert.deepEqual(foundAgain("img2img", { prompt: "" }), {});
  assert.deepEqual(foundAgain("txt2img", { prompt: "a red", steps: 20 }), { prompt: "a red house" });
  assert.deepEqual(foundAgain("txt2img", { prompt: "a red" }), {});
});

test("what was heard, or was replaced before it was, is not kept", () => {
  wrote("txt2img", "prompt", "a red house");
  heard("txt2img", { prompt: "a red house" });
  keepUnheard(() => "a red house");
  assert.deepEqual(foundAgain("txt2img", { prompt: "" }), {});
  wrote("txt2img", "prompt", "a cat");
  keepUnheard(() => "a preset's");
  assert.deepEqual(foundAgain("txt2img", { prompt: "" }), {});
});

test("what cannot be seen is kept as it was put there", () => {
  wrote("txt2img", "loras", '[{"name":"ink"}]');
  wrote("txt2img", "steps", 30);
  keepUnheard((_, key) => (key === "steps" ? 20 : null));
  assert.deepEqual(foundAgain("txt2img", { loras: "", steps: 25 }), { loras: '[{"name":"ink"}]' });
});

test("a control that is no more is none of the form's", () => {
  wrote("morph", "prompt_c", "a cat");
  keepUnheard(() => "a cat");
  assert.deepEqual(foundAgain("morph", { prompt_a: "" }), {});
});
