// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { speakOver } = await import("../../../../ui/static/speak_lists.js");

test("a chosen value is laid over its field translated, and a name is left as it is", () => {
  /** @type {Record<string, string>} */
  const laid = {};
  const parentElement = { setAttribute: (/** @type {string} */ key, /** @type {string} */ text) => { laid[key] = text; }, removeAttribute: (/** @type {string} */ key) => { delete laid[key]; } };
  const say = (/** @type {string} */ text) => (text === "none" ? "keine" : null), field = { value: "none", parentElement };
  speakOver(field, say);
  assert.deepEqual(laid, { "data-spoken": "keine" });
  assert.equal(field.value, "none");
  field.value = "pocket";
  speakOver(field, say);
  assert.deepEqual(laid, {});
});
