// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { inShort, unusual } = await import("../../../../ui/static/saving.js");

test("what is usual is not sent", () => {
  assert.deepEqual(unusual({ save: true, save_format: "png", save_quality: 40, save_name: "  " }), {});
  assert.deepEqual(unusual({ save: false }), { save: false });
  assert.deepEqual(unusual({ save_format: "webp", save_name: " [seed] " }), { save_format: "webp", save_quality: 90, save_name: "[seed]" });
});

test("the button says what will happen", () => {
  assert.equal(inShort({}), "PNG");
  assert.equal(inShort({ save_format: "jpeg", save_quality: 80 }), "JPEG 80");
  assert.equal(inShort({ save: false, save_format: "jpeg" }), "not saved");
});
