import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { mountLive } = await import("../../../../ui/static/live.js");

const button = () => {
  const told = { "aria-pressed": "false" }, heard = [];
  return {
    getAttribute: (name) => told[name],
    setAttribute: (name, value) => { told[name] = value; },
    addEventListener: (_, listener) => heard.push(listener),
    click: () => heard.forEach((listener) => listener()),
  };
};
const later = () => new Promise((go) => setTimeout(go, 400));

test("what changes is sent once, while the switch is on and a job runs", async () => {
  const sent = [], one = button();
  let runs = false;
  const live = mountLive(one, async (values) => { sent.push(values); return {}; }, () => runs);
  live.changed({ prompt: "a" });
  one.click();
  await later();
  assert.deepEqual(sent, []);
  runs = true;
  live.changed({ prompt: "b" });
  live.changed({ prompt: "bo" });
  await later();
  live.changed({ prompt: "bo" });
  await later();
  assert.deepEqual(sent, [{ prompt: "bo" }]);
  one.click();
  live.changed({ prompt: "boat" });
  await later();
  assert.equal(sent.length, 1);
});

test("a tab without the switch sends nothing", async () => {
  const live = mountLive(null, () => assert.fail("nothing to send"), () => true);
  live.changed({ prompt: "a" });
  await later();
});
