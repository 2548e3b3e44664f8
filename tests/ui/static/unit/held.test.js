import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();

const { holding, standing } = await import("../../../../ui/static/held.js");

test("a field holds as long as it stands at what took the place of what is missing", () => {
  const fields = { vae: { instead: "", words: ["soft"] }, upscaler: { instead: "lanczos", words: ["sharp"] } };
  assert.deepEqual(standing(fields, { vae: "", upscaler: "lanczos" }), ["vae", "upscaler"]);
  assert.deepEqual(standing(fields, { vae: "other", upscaler: "lanczos" }), ["upscaler"]);
  assert.deepEqual(standing(fields, { vae: "other", upscaler: "fine" }), []);
});

test("a name in a text holds as long as it is written there", () => {
  const fields = { embeddings: { instead: null, words: ["Bad-Hands"] }, loras: { instead: null, words: ["ink"] } };
  const last = { prompt: "a house", negative_prompt: "bad-hands", loras: '[{"name":"ink"}]' };
  assert.deepEqual(standing(fields, last), ["embeddings", "loras"]);
  assert.deepEqual(standing(fields, { ...last, negative_prompt: "", loras: "" }), []);
});

test("the model that stays is the one that was chosen when the record came", () => {
  /** @type {Record<string, any> | undefined} */
  let last;
  const held = holding(() => last);
  held.take({ said: "x", fields: { model: { instead: null, words: ["dreams"] } } });
  last = { model: "pocket" };
  held.settle();
  last = { model: "other" };
  assert.equal(held.stops(() => {}), false);
  held.take(null);
  assert.equal(held.stops(() => {}), false);
});
