import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { branchedFrom, parents, treesOf } = await import("../../../../ui/static/tree.js");

const run = (job) => ({ job, state: "done", results: [], told: {} });

test("branches stand below the run that they were branched from", () => {
  const runs = ["d", "c", "b", "x", "a"].map(run);
  const [tree, ...others] = treesOf(runs, { d: { job: "b", step: 1 }, c: { job: "a", step: 5 }, b: { job: "a", step: 2 } });
  assert.deepEqual(others, []);
  assert.equal(tree.state.job, "a");
  assert.deepEqual(tree.children.map((one) => [one.state.job, one.step]), [["b", 2], ["c", 5]]);
  assert.equal(tree.children[0].children[0].state.job, "d");
});

test("a branch whose run is gone stands for itself, and no branch is no tree", () => {
  assert.deepEqual(treesOf([run("b"), run("x")], { b: { job: "gone", step: 1 } }), []);
  assert.deepEqual(treesOf([run("a")], { a: { job: "a", step: 1 } }), []);
});

test("the page keeps what was branched from what", () => {
  branchedFrom("b", { job: "a", step: 3, fan: true });
  assert.deepEqual(parents(), { b: { job: "a", step: 3 } });
});
