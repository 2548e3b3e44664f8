import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { keepTools, keptTools } = await import("../../../../ui/static/easel_tools.js");

test("tools are as they were left, with a size for each layer; what is not theirs is not taken", () => {
  const tools = keptTools();
  assert.deepEqual([tools.layer, tools.tool, tools.erase], ["mask", "brush", false]);
  keepTools({ ...tools, layer: "sketch", erase: true, colour: "#123abc", opacity: 0.4, only: true, sizes: { mask: 0.2, sketch: 0.01 } });
  const again = keptTools();
  assert.deepEqual([again.layer, again.erase], ["mask", false], "one begins with the brush");
  assert.deepEqual([again.colour, again.opacity, again.only, again.sizes], ["#123abc", 0.4, true, { mask: 0.2, sketch: 0.01 }]);
  localStorage.setItem("loom.easel", JSON.stringify({ colour: "url(x)", opacity: 9, sizes: { mask: -1, sketch: "a" } }));
  const safe = keptTools();
  assert.deepEqual([safe.colour, safe.opacity, safe.sizes], [tools.colour, 1, tools.sizes]);
  localStorage.setItem("loom.easel", "{");
  assert.equal(keptTools().opacity, 1);
});
