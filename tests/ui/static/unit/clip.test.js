import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { frameByFrame } = await import("../../../../ui/static/clip.js");
const { pointsOf } = await import("../../../../ui/static/player.js");

const store = () => {
  const held = new Map();
  return { getItem: (key) => held.get(key) ?? null, setItem: (key, value) => held.set(key, value) };
};
const run = (clip, alone, over_time) => ({ clip, alone, whole: 0.02, still: 0.01, over_time });

test("what a clip flickers frame by frame is shown at its other runs alone", () => {
  const kept = store();
  assert.equal(frameByFrame(run("a", false, [1, 2]), kept), null);
  assert.equal(frameByFrame(run("a", true, [3, 4]), kept), null, "it is that run itself");
  assert.deepEqual(frameByFrame(run("a", false, [1, 2]), kept).over_time, [3, 4]);
  assert.equal(frameByFrame(run("a", false, [1, 2, 3]), kept), null, "of another part");
  assert.equal(frameByFrame(run("b", false, [1, 2]), kept), null, "of another clip");
  assert.equal(frameByFrame({}, kept), null);
});

test("a store that is damaged or full is none", () => {
  const bad = { getItem: () => "{", setItem: () => { throw new Error("full"); } };
  assert.equal(frameByFrame(run("a", false, [1]), bad), null);
  assert.equal(frameByFrame(run("a", true, [1]), bad), null);
});

test("the line runs through the middle of the bars", () => {
  assert.equal(pointsOf([0, 0.5, 1]), "0.5,1.0000 1.5,0.5000 2.5,0.0000");
});
