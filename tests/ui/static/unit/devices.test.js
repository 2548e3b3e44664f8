import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { doing, loaded } = await import("../../../../ui/static/devices.js");
const device = { name: "cuda:1", residents: [], takes: true, failed: "", pinned: "", busy: false };

test("what a device does is said in words", () => {
  assert.equal(doing(device), "idle");
  assert.equal(doing({ ...device, busy: true, pinned: "pocket" }), "works, for pocket alone");
  assert.equal(doing({ ...device, takes: false, busy: true }), "drained; a job still runs");
  assert.equal(doing({ ...device, failed: "cuda:1 failed: no answer." }), "cuda:1 failed: no answer.");
});

test("a model of several parts is named once, the last used first", () => {
  const part = (models) => ({ models, part: "unet", in_use: false });
  assert.deepEqual(loaded({ ...device, residents: [part(["b"]), part(["b"]), part(["a"])] }), ["b", "a"]);
});
