import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { choices } = await import("../../../../ui/static/pausing.js");

test("a run is paused while it samples, and goes on from the step that is looked at", () => {
  const runs = { state: "running", stage: "sampling", timeline: { steps: 4 } };
  assert.deepEqual(choices(runs, null), { pauses: true, rests: false, step: null });
  assert.equal(choices({ ...runs, stage: "decoding" }, null).pauses, false);
  const rests = { state: "paused", stage: "sampling", timeline: { steps: 4 } };
  assert.deepEqual(choices(rests, null), { pauses: false, rests: true, step: null });
  assert.equal(choices(rests, 4).step, null);
  assert.equal(choices(rests, 2).step, 1);
});
