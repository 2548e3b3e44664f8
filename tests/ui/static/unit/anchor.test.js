// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { placed, shapeOf } = await import("../../../../ui/static/anchor.js");

test("a picture's place is the part of its room that it fills", () => {
  const room = { left: 10, top: 0, width: 600, height: 400 };
  assert.deepEqual(placed({ width: 256, height: 256 }, room), { left: 110, top: 0, width: 400, height: 400 });
  assert.deepEqual(placed({ width: 600, height: 100 }, room), { left: 10, top: 150, width: 600, height: 100 });
});

test("pictures that form together lie as the server lays them", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 7, 10].map(shapeOf), [[1, 1], [2, 1], [2, 2], [2, 2], [3, 2], [3, 3], [4, 3]]);
});
