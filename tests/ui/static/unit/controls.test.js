import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { controlRows, controlText, newRow } = await import("../../../../ui/static/controls.js");

test("the text of rows is read back as it was, and defaults are not said", () => {
  const text = '[{"name":"canny","image":"image","detector":"canny","weight":0.5},{"name":"depth"}]';
  assert.equal(controlText(controlRows(text)), text);
  assert.equal(controlText([{ name: "depth", image: "control_image", detector: "identity", weight: 1, start: 0, end: 1 }]), '[{"name":"depth"}]');
  assert.deepEqual(controlRows("not rows"), []);
  assert.equal(controlText([]), "");
});

test("a new row takes from the source what its ControlNet knows", () => {
  assert.deepEqual(newRow({ name: "lines", detector: "lineart" }), { name: "lines", image: "image", detector: "lineart" });
});
