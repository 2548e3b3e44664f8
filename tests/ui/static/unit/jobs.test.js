import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browser, turn } from "./browser.js";

const { Stream } = browser();
const jobs = await import("../../../../ui/static/jobs.js");

beforeEach(() => {
  browser();
  Stream.opened.length = 0;
});
const open = () => Stream.opened.filter((one) => one.readyState !== Stream.CLOSED);

test("one stream carries the states of all jobs, to those who listen", async () => {
  const heard = [];
  jobs.watch("a", (state) => heard.push(["a", state.state]));
  const leave = jobs.watch("b", (state) => heard.push(["b", state.state]));
  await turn();
  assert.equal(open().length, 1);
  assert.match(open()[0].url, /jobs=a%2Cb$/);
  open()[0].tell({ job: "a", state: "running" });
  open()[0].tell({ job: "b", state: "queued" });
  assert.deepEqual(heard, [["a", "running"], ["b", "queued"]]);
  leave();
  open()[0].tell({ job: "a", state: "done" });
  await turn();
  assert.equal(open().length, 0);
});

test("who joins later is told at once where the job is", async () => {
  jobs.watch("c", () => {});
  await turn();
  open()[0].tell({ job: "c", state: "running", step: 3 });
  const late = [];
  const leave = jobs.watch("c", (state) => late.push(state.step));
  await turn();
  assert.deepEqual(late, [3]);
  leave();
  open()[0].tell({ job: "c", state: "done" });
});

test("a job that has ended is asked for anew by whoever watches it again", async () => {
  jobs.watch("d", (state) => { if (state.state === "done") jobs.watch("d", () => {}); });
  await turn();
  const first = open()[0];
  first.tell({ job: "d", state: "done" });
  await turn();
  assert.equal(open().length, 1);
  assert.notEqual(open()[0], first);
  open()[0].tell({ job: "d", state: "gone" });
});

test("a press is sent until it is answered, always as the same press", async () => {
  const sent = [];
  globalThis.fetch = async (path, options) => {
    sent.push(JSON.parse(options.body));
    if (sent.length < 3) throw new Error("cut");
    return { json: async () => ({ job: "j", words: "w" }) };
  };
  const press = jobs.newPress("txt2img", false);
  const got = await jobs.submit(press, { mode: "txt2img", values: { prompt: "x" } });
  assert.deepEqual(got, { job: "j", words: "w" });
  assert.deepEqual(new Set(sent.map((one) => one.press)), new Set([press]));
  assert.deepEqual(jobs.unanswered("txt2img"), []);
});

test("a press that the page never heard of again is found after a reload", async () => {
  globalThis.fetch = () => new Promise(() => {});
  const early = jobs.newPress("txt2img", false), sent = jobs.newPress("txt2img", true);
  jobs.submit(sent, { mode: "txt2img", values: { prompt: "x" } });
  const found = jobs.unanswered("txt2img");
  assert.deepEqual(found.map(({ press, adds }) => [press, adds]), [[early, false], [sent, true]]);
  assert.equal(found[0].body, undefined);
  assert.deepEqual(found[1].body.values, { prompt: "x" });
  assert.deepEqual(jobs.unanswered("txt2img").map((one) => one.press), [sent]); // told once
  assert.deepEqual(jobs.unanswered("morph"), []);
});

test("a server that is away gives null, not an error", async () => {
  globalThis.fetch = async () => { throw new Error("away"); };
  assert.equal(await jobs.ask("loom/memory"), null);
  assert.deepEqual(await jobs.picture("loom/x"), {});
});
