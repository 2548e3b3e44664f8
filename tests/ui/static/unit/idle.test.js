import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { idleIn } = await import("../../../../ui/static/idle.js");

test("strength waits for a picture to start from", () => {
  assert.deepEqual(idleIn({ start_from: "noise", strength: 0.5 }), { strength: true });
  assert.deepEqual(idleIn({ start_from: "picture", strength: 0.5 }), { strength: false });
});

test("steps and guidance wait for an enlarged picture to be drawn again", () => {
  assert.deepEqual(idleIn({ factor: 2, strength: 0 }), { steps: true, guidance_scale: true });
  assert.deepEqual(idleIn({ factor: 2, strength: 0.1 }), { steps: false, guidance_scale: false });
});

test("the scale of a clip's edges waits for them to be kept", () => {
  assert.deepEqual(idleIn({ control: false }), { control_scale: true });
  assert.deepEqual(idleIn({ control: true }), { control_scale: false });
});

test("tabs without such a choice hide nothing", () => {
  assert.deepEqual(idleIn({ steps: 20, strength: 0.5, control_scale: 1 }), {});
});
