// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { translator } = await import("../../../../ui/static/speak.js");

const say = translator({ language: "Deutsch", dir: "ltr", words: {
  Steps: "Schritte", steps: "Schritte", to: "bis", "How hard.": "Wie stark.", "step {}/{}": "Schritt {}/{}",
  "step {}/{} · {} left": "Schritt {}/{} · noch {}", "{} runs": "{} läuft", morph: "Morph", "done in {}": "fertig in {}",
  "strength {}": "Stärke {}",
} });

test("a text is looked up whole, with the blanks around it kept", () => {
  assert.equal(say("Steps"), "Schritte");
  assert.equal(say("  Steps\n"), "  Schritte\n");
  assert.equal(say("Nothing of it"), null);
  assert.equal(say("constructor"), null);
});

test("numbers and names in it stay, or are looked up themselves", () => {
  assert.equal(say("step 3/20"), "Schritt 3/20");
  assert.equal(say("step 3/20 · 4 s left"), "Schritt 3/20 · noch 4 s");
  assert.equal(say("morph runs"), "Morph läuft");
  assert.equal(say("done in 3 s · 256 × 256"), "fertig in 3 s · 256 × 256");
  assert.equal(say("done in 3 s · 256 × 256 · strength 0.75"), "fertig in 3 s · 256 × 256 · Stärke 0.75");
});

test("a hint's range is put behind its sentence", () => {
  assert.equal(say("How hard. 0 to 30."), "Wie stark. 0 bis 30.");
  assert.equal(say("How hard. -1 to 3.5 steps."), "Wie stark. -1 bis 3.5 Schritte.");
});
