import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { actingIn, summary } = await import("../../../../ui/static/acting.js");
const defaults = { loras: "", hires_scale: "off", hires_denoise: 0.7, hires_steps: 0, eta: 0, clip_skip: 1, negative_prompt: "" };

test("a fold whose controls have their defaults shows nothing", () => {
  assert.equal(actingIn(["eta", "clip_skip"], { eta: 0, clip_skip: 1 }, defaults), null);
  assert.equal(actingIn(["eta"], {}, defaults), null, "not known yet");
});

test("a badge counts what differs, and its reset knows it", () => {
  assert.deepEqual(actingIn(["eta", "clip_skip"], { eta: 0.5, clip_skip: 1 }, defaults), { text: "1 changed", keys: ["eta"] });
  assert.deepEqual(actingIn(["negative_prompt"], { negative_prompt: "blur" }, defaults), { text: "on", keys: ["negative_prompt"] });
});

test("LoRAs are counted where they are on", () => {
  const loras = (...rows) => actingIn(["loras"], { loras: JSON.stringify(rows) }, defaults);
  assert.equal(loras({ name: "a" }, { name: "b", on: false }).text, "1");
  assert.equal(loras({ name: "b", on: false }).text, "off");
});

test("hires fix acts by its scale alone", () => {
  const keys = ["hires_denoise", "hires_steps"];
  assert.equal(actingIn(keys, { hires_scale: "off", hires_steps: 9 }, defaults), null);
  assert.deepEqual(actingIn(keys, { hires_scale: "2", hires_denoise: 0.5, hires_steps: 9 }, defaults), { text: "2 changed", keys });
});

test("one line says what will run", () => {
  const values = { steps: 20, batch_size: 2, batch_count: 3, hires_scale: 2, loras: '[{"name":"a"}]', negative_prompt: " x ", seed: 7 };
  const titles = { sampler: { dpmpp_2m: "DPM++ 2M" }, upscaler: { lanczos: "Lanczos" } };
  assert.equal(summary({ ...values, sampler: "dpmpp_2m" }, titles, "256 × 256, native"),
    "20 steps · DPM++ 2M · 256 × 256 · 6 pictures · hires 2 × · 1 LoRA · negative prompt · seed 7");
  assert.equal(summary({ strength: 0.5, start_from: "picture" }, {}), "strength 0.5");
  assert.equal(summary({ strength: 0.5, start_from: "noise" }, {}), "", "it does nothing there");
  assert.equal(summary({ upscaler: "lanczos", factor: 2, strength: 0, steps: 20, sampler: "dpmpp_2m" }, titles), "Lanczos · 2 ×");
  assert.equal(summary({ upscaler: "new.pth", factor: 4, strength: 0.2, steps: 20, sampler: "dpmpp_2m" }, titles),
    "new.pth · 4 × · 20 steps · DPM++ 2M · noise level 0.2");
  assert.equal(summary({ steps: 1, batch_size: 1, hires_scale: 1, loras: "", negative_prompt: " ", seed: -1 }, {}), "1 step");
});
