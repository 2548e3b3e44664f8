import assert from "node:assert/strict";
import { test } from "node:test";

const { pages } = await import("../../../../ui/static/pages.js");
const turn = () => new Promise((go) => setTimeout(go, 2));

const server = (count) => {
  const asked = [];
  const load = async ({ offset, limit, search = "" }) => {
    asked.push(`${search}${offset}`);
    await turn();
    const items = Array.from({ length: count }, (_, i) => ({ name: `${search}${i}` }));
    return { items: items.slice(Number(offset), Number(offset) + Number(limit)), total: count };
  };
  return { asked, load };
};

test("pieces come when they are wanted, each once", async () => {
  const { asked, load } = server(25);
  const list = pages(load, () => {}, 10);
  await list.ask({});
  assert.equal(list.length, 25);
  assert.equal(list.get(9).name, "9");
  assert.equal(list.get(10), undefined);
  await Promise.all([list.want(12), list.want(19), list.want(3)]);
  assert.deepEqual(asked, ["0", "10"]);
  assert.equal(list.get(19).name, "19");
});

test("an answer to what is no longer asked is not taken", async () => {
  const { load } = server(5);
  const list = pages(load, () => {}, 10);
  const before = list.ask({ search: "a" });
  await list.ask({ search: "b" });
  await before;
  assert.equal(list.get(0).name, "b0");
});

test("what is taken out leaves no gap, and pieces that were on their way are asked for again", async () => {
  const { asked, load } = server(25);
  const list = pages(load, () => {}, 10);
  await list.ask({});
  const late = list.want(12);
  list.remove((one) => ["3", "4"].includes(one.name));
  await late;
  assert.equal(list.length, 23);
  assert.deepEqual([list.get(2).name, list.get(3).name, list.get(7).name], ["2", "5", "9"]);
  assert.equal(list.get(12), undefined, "counted before two were gone");
  await list.want(12);
  assert.deepEqual(asked, ["0", "10", "10"]);
  await list.want(8);
  assert.equal(list.get(8).name, "8", "the server counts as the page does once it has deleted");
});

test("a list that grows at its end is told without losing what is here", async () => {
  let count = 3;
  const list = pages(async () => ({ items: [{ name: "0" }], total: count }), () => {}, 10);
  await list.ask({});
  count = 9;
  await list.look();
  assert.equal(list.length, 9);
});
