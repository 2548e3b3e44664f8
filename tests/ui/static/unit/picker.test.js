// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { matches, portraitOf } = await import("../../../../ui/static/picker.js");

test("all words of a search must occur in what is said of it", () => {
  const one = { name: "pocket-ink", title: "Pocket Ink", picture: "", facts: ["Pocket 2", "rank 8"], words: ["ink sketch"] };
  assert.equal(matches(one, ""), true);
  assert.equal(matches(one, "INK rank"), true);
  assert.equal(matches(one, "sketch 8"), true);
  assert.equal(matches(one, "ink neon"), false);
});

test("names are escaped in addresses", () => assert.equal(portraitOf("lora", "a b&c"), "loom/portraits/lora?name=a%20b%26c"));
