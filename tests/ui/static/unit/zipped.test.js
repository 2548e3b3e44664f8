import assert from "node:assert/strict";
import { test } from "node:test";
const { crc32, zipped } = await import("../../../../ui/static/zipped.js");

const bytes = (text) => new TextEncoder().encode(text);

test("the sum is that of the standard's check value", () => assert.equal(crc32(bytes("123456789")), 0xcbf43926));

test("a zip tells where each file begins and how many there are", () => {
  const whole = Buffer.concat(zipped([["a.png", bytes("first")], ["b.png", bytes("second")]]));
  const end = whole.indexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  assert.equal(whole.length - end, 22);
  assert.equal(whole.readUInt16LE(end + 10), 2);
  let entry = whole.readUInt32LE(end + 16);
  assert.equal(entry + whole.readUInt32LE(end + 12), end, "the list ends where its end is told");
  for (const [name, text] of [["a.png", "first"], ["b.png", "second"]]) {
    const at = whole.readUInt32LE(entry + 42), from = at + 30 + whole.readUInt16LE(at + 26);
    assert.equal(whole.toString("latin1", at + 30, from), name);
    assert.equal(whole.toString("latin1", from, from + whole.readUInt32LE(at + 22)), text);
    assert.equal(whole.readUInt32LE(entry + 16), crc32(bytes(text)));
    entry += 46 + whole.readUInt16LE(entry + 28);
  }
});
