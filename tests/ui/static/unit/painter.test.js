import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { CELLS, asGrid, asText, blank, paletteOf } = await import("../../../../ui/static/painter.js");

test("a grid is a field's text and back", () => {
  const grid = blank();
  assert.equal(asText(grid), "");
  grid[0][1] = "2060e0";
  grid[7][7] = "ffffff";
  assert.deepEqual(asGrid(asText(grid)), grid);
  assert.equal(asText(grid).split("/").length, CELLS);
  assert.deepEqual(asGrid("ffffff . / . ffffff"), blank());
  assert.deepEqual(asGrid(""), blank());
});

test("a palette tells the colours of a picture and how much of each", () => {
  const data = new Uint8ClampedArray([...Array(30).fill([250, 10, 10, 255]), ...Array(10).fill([10, 10, 250, 255])].flat());
  assert.equal(paletteOf(data), "#fa0a0a:75 #0a0afa:25");
});
