import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { CELLS, boxOf, painted, regionRows, regionText } = await import("../../../../ui/static/regions.js");

test("rows say what differs from the standard, and come back whole", () => {
  const rows = regionRows('[{"prompt":"a boat","box":[0,0,0.5,1]},{"weight":2,"on":false}]');
  assert.deepEqual(rows[1], { prompt: "", cells: "", weight: 2, on: false, box: [0, 0, 1, 1], loras: [] });
  assert.equal(regionText(rows), '[{"prompt":"a boat","box":[0,0,0.5,1]},{"weight":2,"on":false}]');
  assert.equal(regionText([]), "");
  assert.deepEqual(regionRows("not a list"), []);
});

test("their LoRAs are told where there are some", () => {
  const text = '[{"prompt":"a boat","loras":[{"name":"neon","weight":0.5}]}]';
  assert.deepEqual(regionRows(text)[0].loras, [{ name: "neon", weight: 0.5 }]);
  assert.equal(regionText(regionRows(text)), text);
  assert.equal(regionText(regionRows('[{"prompt":"a boat","loras":[]}]')), '[{"prompt":"a boat"}]');
});

test("a box has its corners in order and stays inside", () => {
  assert.deepEqual(boxOf([0.8, -0.1], [0.2, 0.55555]), [0.2, 0, 0.8, 0.556]);
});

test("the brush sets cells and leaves what lies outside", () => {
  const one = painted("", 2, 0);
  assert.equal(one.split("/").length, CELLS);
  assert.equal(one.split("/")[0], `001${"0".repeat(CELLS - 3)}`);
  assert.equal(painted(one, 99, 0), one);
  assert.equal(painted(one, 0, 99), one);
});
