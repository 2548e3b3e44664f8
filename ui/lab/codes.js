// @ts-check
/* A picture as a map of codes: what they keep of it, and chosen cells drawn anew or put in by hand. */
import { el } from "../static/dom.js";
import { button, dropZone, exporter, field, figure, labelled } from "./bench.js";

/** @param {import("../static/types.js").Found} root @param {import("./bench.js").Desk} desk */
export const mountCodes = (root, desk) => {
  const drawing = desk.runner();
  const facts = el("p", "facts"), pictures = el("div", "lab-pictures"), map = el("div", "lab-map"), said = el("p", "say");
  const prompt = field("text", "Words for the prior", { placeholder: "a red house on grass", maxLength: 1000 });
  const seed = field("number", "Seed of the codes", { min: "0", value: "0" });
  const cells = field("text", "Cells", { placeholder: "click on the map, or write 3,4 3,5", maxLength: 20000 });
  const code = field("number", "Code to put in", { min: "0", value: "0" });
  /** @type {number[][]} */
  let codes = [];
  /** @type {{path: string} | null} */
  let picture = null;

  const chosen = () => new Set(cells.value.split(/\s+/).filter(Boolean));
  const mark = () => {
    const on = chosen();
    for (const box of map.querySelectorAll("button")) box.setAttribute("aria-pressed", String(on.has(box.dataset.cell ?? "")));
  };
  const toggle = (/** @type {string} */ cell) => {
    const on = chosen();
    if (!on.delete(cell)) on.add(cell);
    cells.value = [...on].join(" ");
    mark();
  };
  const show = (/** @type {any} */ v) => {
    const found = v.told?.lab, made = v.results?.[0];
    if (v.state !== "done" || !found || !made) return;
    const view = (/** @type {string} */ name) => `loom/jobs/${encodeURIComponent(v.job)}/pictures/0/${name}`;
    codes = found.codes;
    const db = found.psnr_db === undefined ? "" : `${found.psnr_db.toFixed(1)} dB`;
    facts.textContent = `${codes.length} × ${codes[0].length} cells · ${found.used} of ${found.codebook} codes in this picture`;
    pictures.replaceChildren(figure(made.url, "Out of the codes", db), ...(db ? [figure(view("difference"), "Difference", "four times as bright")] : []), figure(view("codes"), "Map of codes", "a colour each", true));
    map.style.setProperty("--columns", String(codes[0].length));
    map.style.backgroundImage = `url("${view("codes")}")`;
    map.replaceChildren(...codes.flatMap((row, i) => row.map((one, j) => {
      const box = el("button");
      box.type = "button";
      box.dataset.cell = `${i},${j}`;
      box.title = `row ${i}, column ${j}: code ${one}`;
      box.tabIndex = -1; // the field says the same to a keyboard
      box.setAttribute("aria-label", box.title);
      box.onclick = () => { toggle(`${i},${j}`); code.value = String(one); };
      return box;
    })));
    mark();
  };
  const run = (/** @type {Record<string, unknown>} */ sent) => {
    said.textContent = "";
    return drawing.run("draw", { prompt: prompt.value, seed: Number(seed.value) || 0, ...sent }, show);
  };
  /* All codes as they are but the chosen ones, which are left open or given a code. */
  const but = (/** @type {string} */ put) => codes.flatMap((row, i) => row.map((one, j) => {
    const cell = `${i},${j}`;
    return chosen().has(cell) ? (put && `${cell}=${put}`) : `${cell}=${one}`;
  })).filter(Boolean).join(" ");
  const change = (/** @type {string} */ put) => {
    if (!codes.length || !chosen().size) { said.textContent = "Choose cells on the map first."; return; }
    run({ paint: but(put) });
  };
  cells.addEventListener("input", mark);

  const given = el("div", "lab-given"), asked = el("div", "lab-slider"), first = el("div", "lab-do"), second = el("div", "lab-do");
  given.append(dropZone("Drop a picture here to see its codes", desk, (found) => { picture = found; if (found) run({ image: found, redraw: "none" }); }));
  asked.append(labelled("Words", prompt), labelled("Seed", seed));
  first.append(button("Draw all cells", "The prior draws every code from the words", () => { run({}); }), exporter(drawing, "codes"), drawing.node);
  const changing = el("div", "lab-slider");
  changing.append(labelled("Cells", cells), labelled("Code", code));
  second.append(
    button("Draw these anew", "The prior draws the chosen cells; all others stay", () => change("")),
    button("Put the code in", "The chosen cells become this code", () => change(String(Number(code.value) || 0))),
    button("Choose none", "No cell is chosen", () => { cells.value = ""; mark(); }),
    said,
  );
  said.setAttribute("role", "status");
  root.append(given, asked, first, facts, pictures, el("h3", "", "The codes, cell by cell"), map, changing, second);
  desk.follow(() => { codes = []; map.replaceChildren(); if (picture) run({ image: picture, redraw: "none" }); });
};
