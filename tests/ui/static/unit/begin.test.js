// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { ownOf, withOwn, worthKeeping } = await import("../../../../ui/static/begin.js");

const usual = { steps: 20, sampler: "euler", size: "native", seed: -1, prompt: "", prompt_b: "" };

test("what differs is kept, but no words, seeds or model", () => {
  const values = { steps: 30, sampler: "euler", size: "320x192", seed: 7, prompt: "a", prompt_b: "b", model: "x" };
  assert.deepEqual(worthKeeping(values, usual), { steps: 30, size: "320x192" });
  assert.deepEqual(worthKeeping({}, usual), {});
});

test("own settings stand in the place of the usual ones, as far as there are such", () => {
  localStorage.setItem("loom.begin.txt2img", JSON.stringify({ steps: 30, gone: 1 }));
  assert.deepEqual(withOwn("txt2img", usual), { ...usual, steps: 30 });
  localStorage.setItem("loom.begin.txt2img", "no json");
  assert.deepEqual(ownOf("txt2img"), {});
});
