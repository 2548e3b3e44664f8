import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { next } = await import("../../../../ui/static/again.js");

test("a run that is done begins the next, unless it would be the same picture", () => {
  assert.equal(next("done", -1), "again");
  assert.equal(next("done", undefined), "again");
  assert.equal(next("done", 7), "same");
  assert.equal(next("stopped", -1), "over");
  assert.equal(next("failed", -1), "over");
});
