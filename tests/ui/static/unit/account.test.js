import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { limits } = await import("../../../../ui/static/account.js");

const QUOTA = {
  waiting: 2, waiting_limit: 32, waiting_in_all: 9, waiting_in_all_limit: 256,
  megapixel_steps: 1.5, megapixel_steps_limit: 40, results_limit: 64,
};

test("limits are told with what is left of them", () => {
  assert.deepEqual(limits(QUOTA), [
    "Waiting: 2 of 32 jobs; all together 9 of 256",
    "This hour: 1.5 of 40 megapixel-steps",
    "Results: the last 64 jobs of all are kept",
  ]);
});

test("where an hour has no limit, what was used is told alone", () => {
  assert.equal(limits({ ...QUOTA, megapixel_steps_limit: 0 })[1], "This hour: 1.5 megapixel-steps");
});
