import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { browser } from "./browser.js";

browser();
const { putting } = await import("../../../../ui/static/putting.js");

const form = (/** @type {Record<string, unknown>} */ values) => {
  const done = [], last = { ...values };
  const arriving = putting(() => last);
  return { done, arriving, press: () => arriving.holds(() => done.push("drawn")), hear: (now) => arriving.heard(Object.assign(last, now)) };
};

test("Generate does not wait where nothing is on its way", () => {
  const { press, arriving } = form({ size: "256x256" });
  assert.equal(press(), false);
  arriving.put({ size: "256x256" }); // it is there
  assert.equal(press(), false);
});

test("Generate waits for what was put, and not for what came meanwhile", () => {
  const { done, press, hear, arriving } = form({ size: "256x256", prompt: "" });
  arriving.put({ size: "320x192" });
  assert.equal(press(), true);
  hear({ prompt: "a wide sea" });
  assert.deepEqual(done, []);
  hear({ size: "320x192" });
  assert.deepEqual(done, ["drawn"]);
  assert.equal(press(), false);
});

test("a control may show a value in its own words", () => {
  const { done, press, hear, arriving } = form({ size: "320x192" });
  arriving.put({ size: "native" });
  press();
  hear({ size: "256x256 (native)" });
  assert.deepEqual(done, ["drawn"]);
});

test("what no control shows is waited for no longer than two seconds", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { done, press, arriving } = form({});
  arriving.put({ unheard: 1 });
  assert.equal(press(), true);
  mock.timers.tick(1999);
  assert.deepEqual(done, []);
  mock.timers.tick(1);
  assert.deepEqual(done, ["drawn"]);
  mock.timers.reset();
});
