import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { explicit, notesEnter } = await import("../../../../ui/gradio_compat/explicit_choice.js");

const told = (target, type, more = {}) => target.dispatchEvent(Object.assign(new Event(type), more));
const dropdown = (id) => {
  const field = new EventTarget(), page = new EventTarget();
  notesEnter(id, field, page);
  return { field, page };
};

test("what Enter chose is a choice, however late the page asks, and once", () => {
  const { field } = dropdown("a");
  told(field, "keydown", { key: "Q" });
  told(field, "keydown", { key: "Enter" });
  told(field, "blur");
  assert.equal(explicit("b", "other"), null);
  assert.equal(explicit("a", "Quick"), "Quick");
  assert.equal(explicit("a", "Quick"), null);
});

test("a field that is only left chooses nothing", () => {
  const { field, page } = dropdown("c");
  told(field, "keydown", { key: "Tab" });
  told(field, "blur");
  assert.equal(explicit("c", "one"), null);
  told(field, "keydown", { key: "Enter" }); // matches nothing: the field stays
  told(page, "pointerdown");
  told(field, "blur");
  assert.equal(explicit("c", "one"), null);
  told(field, "keydown", { key: "Enter" });
  told(field, "keydown", { key: "Tab" });
  told(field, "blur");
  assert.equal(explicit("c", "one"), null);
});
