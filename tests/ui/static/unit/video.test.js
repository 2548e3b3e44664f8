import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { browser, turn } from "./browser.js";

const { Stream } = browser();
const { saveVideo } = await import("../../../../ui/static/video.js");

// A film stays for a while after it was saved; nobody waits for that here.
const plain = setTimeout;
globalThis.setTimeout = (work, ms, ...given) => {
  const timer = plain(work, ms, ...given);
  if (ms > 1000) timer.unref();
  return timer;
};

let told, links, asked;
const open = () => Stream.opened.find((one) => one.readyState !== Stream.CLOSED);
const say = (state) => open().tell({ job: "film", ...state });
/** What the server answers: to the press, and to whoever fetches the file. */
const server = (made, file = { ok: true, blob: async () => new Blob(["mp4"]) }) => {
  globalThis.fetch = async (path) => {
    asked.push(path);
    return path.includes("/video") ? { json: async () => made } : file;
  };
};

beforeEach(() => {
  browser();
  Stream.opened.length = 0;
  told = [], links = [], asked = [];
  document.createElement = () => ({ click() { links.push([this.href.split(":")[0], this.download]); } });
});
const begin = () => saveVideo("run", 1, "boat.mp4", (text) => told.push(text));

test("the page says all the while how far the video is", async () => {
  server({ job: "film" });
  const saved = begin();
  assert.deepEqual(told, ["Saving …"]);
  await turn();
  await turn();
  say({ state: "queued", position: 2 });
  say({ state: "loading", position: 0, step: 0, total: 0 });
  say({ state: "running", position: 0, step: 3, total: 20 });
  assert.deepEqual(told.slice(1), ["Waiting, 2 before it", "Saving …", "Saving, step 3/20"]);
  say({ state: "done" });
  assert.equal(await saved, "");
  assert.deepEqual(links, [["blob", "boat.mp4"]]);
  assert.deepEqual(asked, ["loom/jobs/run/video?image=1", "loom/jobs/film/file"]);
});

test("a video that fails says why, and nothing is saved", async () => {
  server({ job: "film" });
  for (const [state, said] of [
    [{ state: "failed", message: "The disk is full." }, "The disk is full."],
    [{ state: "gone" }, "The video was not made; save it again."],
  ]) {
    const saved = begin();
    await turn();
    await turn();
    say(state);
    assert.equal(await saved, said);
  }
  assert.deepEqual(links, []);
});

test("a video that cannot be begun or fetched says so", async () => {
  server({ error: "Its steps are no longer kept." });
  assert.equal(await begin(), "Its steps are no longer kept.");
  server({ job: "film" }, { ok: false, json: async () => ({ error: "That job is no longer known." }) });
  const saved = begin();
  await turn();
  await turn();
  say({ state: "done" });
  assert.equal(await saved, "That job is no longer known.");
  globalThis.fetch = async () => { throw new Error("cut"); };
  assert.equal(await begin(), "The video could not be made.");
});
