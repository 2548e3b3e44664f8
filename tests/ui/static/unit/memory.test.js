import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { headline } = await import("../../../../ui/static/memory.js");
const system = (loading) => ({ loading, used_bytes: 150 * 2 ** 20, budget_bytes: 6 * 2 ** 30, device: "cpu", dtype: "float32" });

test("while the default model is loaded the header says so, and then no longer", () => {
  const before = headline(system("checkpoints/pocket"));
  assert.deepEqual([before.text, before.of, before.label], ["loading pocket…", undefined, "Loading the model pocket"]);
  assert.match(before.title, /may be asked for at any time/);
  const after = headline(system(""));
  assert.deepEqual([after.text, after.of], ["0.15 GB", "\u00a0/ 6.00 GB"]);
  assert.equal(after.label, "Memory: 0.15 GB of 6.00 GB");
  assert.match(after.title, /cpu, float32/);
});
