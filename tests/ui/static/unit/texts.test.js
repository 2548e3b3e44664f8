import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { seconds } = await import("../../../../ui/static/dom.js");
const { loraRows, loraText } = await import("../../../../ui/static/lora.js");
const { embedded } = await import("../../../../ui/static/embeddings.js");
const { styled } = await import("../../../../ui/static/styles.js");
const { weigh } = await import("../../../../ui/static/prompt.js");

test("times are short", () => {
  assert.deepEqual([0.04, 9.94, 9.96, 89, 95].map(seconds), ["0.0 s", "9.9 s", "10 s", "89 s", "2 min"]);
});

test("LoRA rows keep what differs from the defaults, and come back whole", () => {
  const rows = [{ name: "ink", weight: 0.5, start: 0, end: 1, on: true, blocks: "MID=0" }, { name: "pen", weight: 1, start: 0, end: 0.5, on: false, blocks: "" }];
  const text = loraText(rows);
  assert.equal(text, '[{"name":"ink","weight":0.5,"blocks":"MID=0"},{"name":"pen","end":0.5,"on":false}]');
  assert.deepEqual(loraRows(text), rows);
  assert.deepEqual([loraRows(""), loraRows("{broken"), loraText([])], [[], [], ""]);
});

test("styles go in and come out again", () => {
  for (const style of ["ink, fine lines", "a drawing of {prompt}, ink"]) {
    const put = styled.put("a boat", style);
    assert.notEqual(put, "a boat");
    assert.equal(styled.taken(put, style), "a boat");
  }
  assert.equal(styled.taken("a boat", "ink"), null);
});

test("embeddings are found standing alone", () => {
  assert.ok(embedded.within("a boat, InkWash", "inkwash"));
  assert.ok(!embedded.within("inkwashed", "inkwash"));
  assert.equal(embedded.without(embedded.withIt("a boat", "inkwash"), "inkwash"), "a boat");
});

test("Ctrl+Up and Down weigh what the cursor is in", () => {
  const apply = (text, from, to, up) => {
    const change = weigh(text, from, to, up);
    return change && text.slice(0, change.from) + change.text + text.slice(change.to);
  };
  assert.equal(apply("a red boat", 3, 3, true), "a (red:1.1) boat");
  assert.equal(apply("a (red:1.1) boat", 4, 4, false), "a red boat");
  assert.equal(apply("<lora:ink:0.8>", 3, 3, true), "<lora:ink:0.85>");
  assert.equal(apply("  ", 1, 1, true), null);
});
