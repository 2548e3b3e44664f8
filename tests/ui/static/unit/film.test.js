import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browser } from "./browser.js";

browser();
const load = async () => (await import(`../../../../ui/static/film.js?${Math.random()}`));
const run = (job, more = {}) => ({ job, state: "done", results: [{ url: `${job}.png`, seed: 1 }], timeline: { steps: 3 }, ...more });

beforeEach(() => { browser(); });

test("runs that left something stay, newest first, also over a reload", async () => {
  const { film } = await load();
  assert.equal(film.add("txt2img", run("a")), true);
  assert.equal(film.add("txt2img", run("b")), true);
  film.add("txt2img", run("waits", { state: "running" }));
  film.add("txt2img", run("nothing", { state: "failed", results: [], timeline: null }));
  film.add("morph", run("m"));
  const again = await load();
  assert.deepEqual(again.film.runs("txt2img").map((one) => one.job), ["b", "a"]);
  assert.deepEqual(again.film.runs("morph").map((one) => one.job), ["m"]);
  assert.deepEqual(again.film.runs("img2img"), []);
});

test("a run that is told of again is not doubled, and keeps its place", async () => {
  const { film } = await load();
  film.add("t", run("a"));
  film.add("t", run("b"));
  assert.equal(film.add("t", run("a", { timeline: null })), false);
  assert.deepEqual(film.runs("t").map((one) => [one.job, one.timeline]), [["b", { steps: 3 }], ["a", null]]);
});

test("the latest run with pictures is what a failure leaves", async () => {
  const { film } = await load();
  assert.equal(film.newest("t"), undefined);
  film.add("t", run("a"));
  film.add("t", run("stopped", { state: "stopped", results: [] }));
  assert.equal(film.newest("t").job, "a");
  film.remove("t", "a");
  assert.equal(film.newest("t"), undefined);
});

test("the strip is bounded", async () => {
  const { film } = await load();
  for (let i = 0; i < 80; i++) film.add("t", run(`j${i}`));
  assert.equal(film.runs("t").length, 60);
  assert.equal(film.runs("t")[0].job, "j79");
});

test("what was kept and is damaged is nothing", async () => {
  sessionStorage.setItem("loom.film", "[1, 2");
  assert.deepEqual((await load()).film.runs("t"), []);
  sessionStorage.setItem("loom.film", "[]");
  assert.deepEqual((await load()).film.runs("t"), []);
});

test("a tile shows the whole of a grid, a batch's first picture, or the last prediction", async () => {
  const { tilePicture } = await load();
  const two = [{ url: "one.png" }, { url: "two.png" }];
  assert.equal(tilePicture(run("a", { results: two })), "one.png");
  assert.equal(tilePicture(run("a", { results: [two[0], { ...two[1], sheet: true }] })), "two.png");
  assert.equal(tilePicture(run("a b", { results: [] })), "loom/jobs/a%20b/timeline/2?kind=x0&image=0");
  assert.equal(tilePicture(run("a", { results: [], timeline: null })), "");
});
