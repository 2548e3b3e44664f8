import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { stageRows, stageText, withOwn } = await import("../../../../ui/static/cascade.js");

test("the text of rows is read back as it was", () => {
  const text = '[{"model":"two","steps":6},{"model":"x4","guidance_scale":3,"on":false}]';
  assert.equal(stageText(stageRows(text)), text);
  assert.deepEqual(stageRows("not rows"), []);
  assert.equal(stageText([]), "");
});

test("a row that is off and says nothing is not kept", () => {
  assert.equal(stageText([{ model: "two", on: false }, { model: "x4", on: true }]), '[{"model":"x4"}]');
});

test("the model's own stages stand first, off until they are switched on", () => {
  const rows = withOwn([{ model: "x4", on: true }, { model: "two", on: true, steps: 5 }], ["two", "three"]);
  assert.deepEqual(rows.map((row) => [row.model, row.on]), [["two", true], ["three", false], ["x4", true]]);
});

test("a stage may stand there twice, its own settings each", () => {
  const rows = withOwn([{ model: "x4", on: true }, { model: "x4", on: true, steps: 10 }], ["x4"]);
  assert.deepEqual(rows.map((row) => row.steps), [undefined, 10]);
  assert.equal(withOwn(rows, ["x4"]).length, 2);
});
