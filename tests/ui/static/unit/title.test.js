import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { titleOf } = await import("../../../../ui/static/title.js");

test("the title says how far the run is, that one waits, or the name alone", () => {
  const run = (state, step = 0, total = 0) => ({ state, step, total });
  assert.equal(titleOf("Loom", []), "Loom");
  assert.equal(titleOf("Loom", [run("done", 9, 9), run("running", 5, 20)]), "25 % · Loom");
  assert.equal(titleOf("Loom", [run("queued")]), "… · Loom");
  assert.equal(titleOf("Loom", [run("running")]), "… · Loom");
  assert.equal(titleOf("Loom", [run("stopped", 3, 9), run("failed")]), "Loom");
});
