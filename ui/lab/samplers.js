// @ts-check
/* One seed by several samplers, against a run of many steps; and the DDIM experiment. */
import { el } from "../static/dom.js";
import { ask } from "../static/jobs.js";
import { button, exporter, field, figure, labelled } from "./bench.js";

const FIRST = ["euler", "heun", "dpmpp_2m", "ddim"];
const numbers = (/** @type {string} */ text) => text.split(/[\s,;]+/).filter(Boolean).map(Number);

/** A table with a head. @param {string[]} heads @param {(string | Node)[][]} rows */
const tabled = (heads, rows) => {
  const table = el("table"), head = el("tr");
  head.append(...heads.map((text) => el("th", "", text)));
  table.append(head, ...rows.map((cells) => {
    const row = el("tr");
    row.append(...cells.map((cell) => {
      const node = el("td");
      node.append(cell);
      return node;
    }));
    return row;
  }));
  return table;
};

/** @param {import("../static/types.js").Found} root @param {import("./bench.js").Desk} desk */
export const mountSamplers = (root, desk) => {
  const comparing = desk.runner(), ddim = desk.runner();
  const prompt = field("text", "Prompt of the table", { value: "a red house", maxLength: 1000 });
  const seed = field("number", "Seed of the table", { min: "0", value: "0" });
  const counts = field("text", "Steps of the columns", { value: "5, 10, 20" });
  const several = field("text", "Step counts of DDIM", { value: "10, 20, 50" });
  const boxes = el("fieldset", "lab-boxes"), near = el("div", "lab-table"), drawn = el("div", "lab-pictures small"), sheet = el("div", "lab-table"), whole = el("div", "lab-pictures");
  /** @type {any} */
  let offered = null;
  boxes.append(el("legend", "", "Samplers"));
  const offer = async () => {
    offered = await desk.tell("offered");
    for (const { name, title } of offered?.samplers ?? []) {
      const box = field("checkbox", title, { checked: FIRST.includes(name), value: name }), label = el("label", "lab-box");
      label.append(box, title);
      boxes.append(label);
    }
  };
  const asked = () => ({ prompt: prompt.value, seed: Number(seed.value) || 0 });
  const showNear = (/** @type {any} */ v) => {
    const found = v.told?.lab;
    if (!found) return;
    const best = Math.min(...found.cells.map((/** @type {any} */ one) => one.distance));
    near.replaceChildren(tabled(["Sampler", "Steps", "Model calls", "Distance", "PSNR"], found.cells.map((/** @type {any} */ one) => [
      one.sampler, String(one.steps), String(one.calls), one.distance === best ? el("b", "", one.distance.toFixed(2)) : one.distance.toFixed(2), `${one.psnr.toFixed(1)} dB`,
    ])));
    const results = v.results ?? [];
    if (results.length !== drawn.children.length) {
      drawn.replaceChildren(...results.map((/** @type {any} */ one, /** @type {number} */ i) => {
        const cell = i ? found.cells[i - 1] : null;
        return figure(one.url, cell ? `${cell.sampler}, ${cell.steps}` : `${found.reference}, ${found.reference_steps}`, cell ? `${cell.distance.toFixed(1)} away` : "compared with");
      }));
    }
    near.dataset.cells = String(found.cells.length);
  };
  const showDdim = async (/** @type {any} */ v) => {
    const results = v.results ?? [];
    whole.replaceChildren(...results.filter((/** @type {any} */ one) => one.sheet).map((/** @type {any} */ one) => figure(one.url, "The whole table")));
    if (v.state !== "done" || !offered) return;
    const data = await ask(`loom/lab/data/${encodeURIComponent(v.job)}`), distances = data?.pictures?.at(-1)?.distances ?? [];
    const steps = [...new Set(numbers(String(several.value)))].sort((a, b) => a - b);
    sheet.replaceChildren(tabled(["", ...steps.map((count) => `${count} steps`)], offered.ways.map((/** @type {string} */ way, /** @type {number} */ row) => [
      way, ...steps.map((count, column) => {
        const far = distances[row * steps.length + column], fid = offered.published[count]?.[row];
        return `${far === undefined ? "–" : far.toFixed(1)}${fid ? ` · FID ${fid.toFixed(2)} published` : ""}`;
      }),
    ])));
    sheet.dataset.ways = String(offered.ways.length);
  };
  const top = el("div", "lab-slider"), first = el("div", "lab-do"), second = el("div", "lab-do"), columns = el("div", "lab-slider two");
  top.append(labelled("Prompt", prompt), labelled("Steps", counts), labelled("Seed", seed));
  first.append(button("Draw the table", "Each sampler with each number of steps, and one run of 200", () => {
    const samplers = [...boxes.querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
    drawn.replaceChildren();
    comparing.run("compare", { ...asked(), samplers, counts: numbers(String(counts.value)) }, showNear);
  }), exporter(comparing, "samplers"), comparing.node);
  columns.append(labelled("Step counts", several));
  second.append(button("Run the experiment", "DDIM with eta 0, eta 1 and sigma hat, after few steps and many", () => {
    ddim.run("ddim", { ...asked(), step_counts: several.value }, showDdim);
  }), exporter(ddim, "ddim"), ddim.node);
  root.append(top, boxes, first, near, drawn, el("h3", "", "What DDIM adds in a step"),
    el("p", "say", "Each number is the mean difference of a picture from that of eta 0 after the most steps; FIDs are those of a published rerun on faces of 64 px."), columns, second, sheet, whole);
  offer();
};
