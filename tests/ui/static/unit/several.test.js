// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { isBatch, refusal, takesBatch } = await import("../../../../ui/static/several.js");

const file = (name, size = 1000) => ({ name, size });

test("several pictures or a zip are a batch, one picture is none", () => {
  assert.equal(isBatch([file("a.png")]), false);
  assert.equal(isBatch([file("a.zip")]), true);
  assert.equal(isBatch([file("a.png"), file("b.JPG")]), true);
  assert.equal(isBatch([file("a.png"), file("b.txt")]), false);
  assert.equal(takesBatch("img2img"), true);
  assert.equal(takesBatch("txt2img"), false);
});

test("what is over a limit is said in one sentence before anything is sent", () => {
  assert.equal(refusal([file("a.png"), file("b.png")]), "");
  assert.match(refusal([]), /no picture among these files/);
  assert.match(refusal(Array.from({ length: 101 }, (_, i) => file(`${i}.png`))), /up to 100 pictures; these are 101/);
  assert.match(refusal([file("sky.png", 33_000_000)]), /^sky.png has more than 32 MB/);
  assert.match(refusal(Array.from({ length: 20 }, (_, i) => file(`${i}.png`, 30_000_000))), /600 MB together/);
});
