import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { matching, typedAt, unknownIn, meets } = await import("../../../../ui/static/completing.js");

test("what is typed is the word, tag or wildcard before the cursor", () => {
  assert.deepEqual(typedAt("a mush", 6), { from: 2, typed: "mush" });
  assert.deepEqual(typedAt("a __col", 7), { from: 2, typed: "__col" });
  assert.deepEqual(typedAt("a boat <lora:in", 15), { from: 7, typed: "<lora:in" });
  assert.deepEqual(typedAt("(gr", 3), { from: 1, typed: "gr" });
  assert.equal(typedAt("a m", 3), null, "one letter may be anything");
  assert.equal(typedAt("mushroom", 4), null, "in the middle of a word");
  assert.equal(typedAt("a ", 2), null);
});

const entry = (text, kind = "word", insert = text) => ({ text, kind, insert, more: "" });
const entries = [entry("night sky"), entry("sky"), entry("ink", "LoRA", "<lora:ink:1>"), entry("__skies__", "wildcard"), entry("pink")];

test("what begins so comes before what holds it, short before long", () => {
  assert.deepEqual(matching(entries, "sk").map((one) => one.text), ["sky", "night sky", "__skies__"]);
  assert.deepEqual(matching(entries, "INK").map((one) => one.text), ["ink", "pink"]);
  assert.deepEqual(matching(entries, "<lora:in").map((one) => one.text), ["ink"]);
  assert.deepEqual(matching(entries, "__s").map((one) => one.text), ["__skies__"]);
  assert.deepEqual(matching(entries, "pink"), [], "it is there already");
});

test("words that the card does not list are named, once each", () => {
  const known = ["house", "night sky", "bush"];
  assert.deepEqual(unknownIn("a house and two Zebras at night, zebras (wolf:1.2) <lora:x:1> __colour__", known), ["zebras", "wolf"]);
  assert.deepEqual(unknownIn("houses, bushes under the sky", known), [], "plurals and small words");
  assert.deepEqual(unknownIn("calm house", known, ["calm"]), [], "an embedding's name");
  assert.deepEqual(unknownIn("anything", []), [], "a card that lists nothing");
});

test("a list that would lie over Generate is known by their boxes", () => {
  const box = (left, top, right, bottom) => /** @type {any} */ ({ left, top, right, bottom });
  assert.ok(meets(box(0, 100, 300, 400), box(0, 350, 120, 390)));
  assert.ok(!meets(box(0, 100, 300, 340), box(0, 350, 120, 390)));
});
