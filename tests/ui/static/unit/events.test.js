import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { carry, gathered, onGathered, telling } = await import("../../../../ui/static/events.js");

test("what is said with an event meets its values", () => {
  const triggered = [];
  const trigger = telling("train", (name, data) => triggered.push([name, data]));
  trigger("start", { asked: 1 });
  assert.deepEqual(triggered, [["start", { asked: 1 }]]);
  assert.deepEqual(carry("train.start", ["a", "b"], [1, 2]), { event: { asked: 1 }, values: { a: 1, b: 2 } });
  assert.deepEqual(carry("train.never", ["a"], [1]).event, {});
});

test("presses that overtake their values each keep their own", () => {
  const heard = [];
  onGathered("t.generate", (told, values) => heard.push([told.press, values.x]));
  const trigger = telling("t", () => {});
  trigger("generate", { press: "first" });
  trigger("generate", { press: "second" });
  gathered("t.generate", ["x"], [1]);
  gathered("t.generate", ["x"], [2]);
  assert.deepEqual(heard, [["first", 1], ["second", 2]]);
});
