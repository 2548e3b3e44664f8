import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { limits } = await import("../../../../ui/static/account.js");

const QUOTA = {
  waiting: 2, waiting_limit: 32, waiting_in_all: 9, waiting_in_all_limit: 256,
  megapixel_steps: 1.5, megapixel_steps_limit: 40, results_limit: 64, done_s: 0,
  upload_bytes: 3 * 2 ** 20 + 1, upload_bytes_limit: 512 * 2 ** 20,
};

test("limits are told with what is left of them", () => {
  assert.deepEqual(limits(QUOTA), [
    "Waiting: 2 of 32 jobs; all together 9 of 256",
    "This hour: 1.5 of 40 megapixel-steps",
    "Uploads: 4 of 512 MB",
    "Results: the last 64 jobs of all are kept",
  ]);
});

test("how long one's jobs take is told where it can be foreseen", () => {
  assert.match(limits({ ...QUOTA, done_s: 200 })[0], /; yours are done in about 3 min$/);
  assert.match(limits({ ...QUOTA, done_s: null })[0], /not known yet$/);
});

test("where an hour has no limit, what was used is told alone", () => {
  assert.equal(limits({ ...QUOTA, megapixel_steps_limit: 0 })[1], "This hour: 1.5 megapixel-steps");
});
