import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { endOf } = await import("../../../../ui/static/notify.js");
const state = (kind, more = {}) => ({ job: "j", state: kind, results: [], message: "", ...more });

test("the end of a run is told once, and by what came of it", () => {
  assert.equal(endOf(state("running"), state("done", { results: [{}] }), "txt2img"), "txt2img: the picture is done");
  assert.equal(endOf(state("queued"), state("done", { results: [{}, {}] }), "morph"), "morph: 2 pictures are done");
  assert.equal(endOf(state("running"), state("failed", { message: "It is full." }), "txt2img"), "txt2img: It is full.");
  assert.equal(endOf(state("done"), state("done"), "txt2img"), "", "it had ended");
  assert.equal(endOf(state("running", { job: "other" }), state("done"), "txt2img"), "");
  assert.equal(endOf(state("running"), state("stopped"), "txt2img"), "", "a person did that");
  assert.equal(endOf(state("loading"), state("running"), "txt2img"), "");
});
