import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { failureOf, isMended } = await import("../../../../ui/static/failure.js");
const { loom } = await import("../../../../ui/static/registry.js");

test("a failure goes when the control that it names has another value", () => {
  loom.forms.t = { last: { size: "77x33", steps: 20 } };
  const failure = failureOf("t", { field: { key: "size", label: "Size", fold: "" } });
  assert.equal(isMended(failure, { size: "77x33", steps: 30 }), false);
  assert.equal(isMended(failure, { size: "256x256", steps: 20 }), true);
});

test("a refusal for want of a picture says where one can be chosen", () => {
  const field = /** @type {any} */ ({ querySelector: () => null }), asked = globalThis.document.querySelector;
  globalThis.CSS ??= /** @type {any} */ ({ escape: (/** @type {string} */ text) => text });
  globalThis.document.querySelector = /** @type {any} */ ((/** @type {string} */ selector) => (selector === "#img2img-image" ? field : null));
  loom.targets = [{ mode: "img2img", title: "img2img" }, { mode: "morph-image_a", title: "morph, end A" }];
  loom.forms.img2img = { last: {} };
  assert.deepEqual(failureOf("img2img", {}).wants, ["img2img"]);
  assert.equal(failureOf("morph", {}), null, "its field is not there");
  assert.deepEqual(failureOf("img2img", { field: { key: "steps", label: "Steps", fold: "" } }).wants, []);
  globalThis.document.querySelector = asked;
  loom.targets = [];
});

test("a failure that names no control stays until the next run", () => {
  assert.equal(failureOf("t", {}), null);
  assert.equal(isMended(null, { size: "1x1" }), false);
  const fix = failureOf("t", { fix: { label: "Switch", changes: { sampler: "ddim" } } });
  assert.equal(fix.fix.label, "Switch");
  assert.equal(isMended(fix, { sampler: "ddim" }), false);
});
