// @ts-check
/* Pictures that are dropped: files anywhere on the page, and results on the name of a tab. */
import { all, el, find, near, toast } from "./dom.js";
import { activeMode } from "./keys.js";
import { loom } from "./registry.js";
import { isBatch, offerFiles, takesBatch } from "./several.js";
import { showSent } from "./sent.js";

/** @typedef {import("./types.js").Mounted} Mounted */
/** @typedef {{mode: string, title: string}} Target */

const MOST_PROMPTS = 100, OWN = "application/x-latent-loom", KINDS = /\.(png|jpe?g|jfif|webp|avif|gif)$/i;

/**
 * Where a tab takes a picture first; null where it takes none.
 * @param {Target[]} targets
 * @param {string | null} mode of the tab
 */
export const firstIn = (targets, mode) => targets.find((one) => one.mode === mode || one.mode.startsWith(`${mode}-`)) ?? null;

/**
 * The same by the name on the tab.
 * @param {Target[]} targets
 * @param {string} name
 */
export const firstNamed = (targets, name) => targets.find((one) => one.title === name || one.title.startsWith(`${name}, `)) ?? null;

/**
 * The prompts of a text file, one a line; empty lines and those that begin with # are left out.
 * @param {string} text
 */
export const promptsIn = (text) => text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));

/* Each line of a text file is a picture with the form as it is, in the queue. */
const drawEach = async (/** @type {File} */ file) => {
  const prompts = promptsIn(await file.text()), mode = activeMode(), form = mode ? loom.forms[mode] : null;
  if (!form || !prompts.length) { toast("This file holds no prompts; write one a line.", "warn"); return; }
  if (prompts.length > MOST_PROMPTS) { toast(`A file of prompts may have ${MOST_PROMPTS} lines; this one has ${prompts.length}.`, "warn"); return; }
  const count = prompts.length === 1 ? "1 prompt" : `${prompts.length} prompts`;
  toast(`${count}, one a line. Each can be drawn with the form as it is.`, "choice", {
    keep: true, act: { label: "Draw them", run: () => form.trigger("generate", { prompts }) },
  });
};

/* All texts of a file that holds no recipe we can read. */
const showTexts = (/** @type {string} */ name, /** @type {[string, string][]} */ texts) => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask"))), title = el("h2", "", name), close = el("button", "close quiet", "×");
  title.id = "loom-texts-title";
  dialog.setAttribute("aria-labelledby", title.id);
  close.setAttribute("aria-label", "Close");
  close.onclick = () => dialog.close();
  dialog.append(close, title);
  for (const [key, text] of texts) dialog.append(el("h3", "", key), el("pre", "", text));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
};

/** What is wanted of a file that holds a recipe. @param {File} file @param {{recipe: string, texts: [string, string][]}} told @param {(to: string) => void} send @param {() => void} settings */
const choose = (file, { recipe, texts }, send, settings) => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask"))), url = URL.createObjectURL(file);
  dialog.setAttribute("aria-labelledby", "loom-ask-title");
  const img = el("img"), title = el("h2", "", "What is it wanted for?"), ways = el("div", "ways");
  img.src = url;
  img.alt = file.name;
  title.id = "loom-ask-title";
  const way = (/** @type {string} */ text, /** @type {() => void} */ run) => {
    const button = el("button", "chip", text);
    button.type = "button";
    button.onclick = run;
    ways.append(button);
    return button;
  };
  const done = (/** @type {() => void} */ then) => () => { dialog.close(); then(); };
  way("Use its settings", done(settings)).classList.add("fix");
  for (const { mode, title: name } of loom.targets) way(name, done(() => send(mode)));
  const told = el("div", "texts");
  told.hidden = true;
  for (const [key, text] of texts) told.append(el("h3", "", key), el("pre", "", text));
  const show = way("Show its text", () => {
    told.hidden = !told.hidden;
    show.setAttribute("aria-expanded", String(!told.hidden));
  });
  show.setAttribute("aria-expanded", "false");
  const close = el("button", "close quiet", "×");
  close.setAttribute("aria-label", "Close");
  close.onclick = () => dialog.close();
  const said = el("p", "", `It holds a recipe of ${recipe}. Take that into the form, or the picture into a tab:`);
  dialog.append(img, close, title, said, ways, told);
  dialog.addEventListener("close", () => { dialog.remove(); URL.revokeObjectURL(url); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
};

/**
 * @param {HTMLElement} element of the header
 * @param {Pick<Mounted, "trigger" | "upload" | "server">} given
 */
export const mountDropping = (element, { trigger, upload, server }) => {
  loom.upload = upload;
  loom.spread = server.spread;
  loom.give = async (/** @type {File} */ file, /** @type {string} */ to, { stays = false, unless = () => false } = {}) => {
    const { path } = await upload(file);
    if (!unless()) trigger("send", { to, path, stays });
  };
  const veil = find(element, ".veil");
  let ours = false, depth = 0; // a picture of the page is on its way: browsers call that a file too

  /* What a tool wrote beside a picture; a text that is none of these holds prompts, one a line. */
  const written = async (/** @type {File} */ file) => {
    const prompts = /\.txt$/i.test(file.name);
    const told = await upload(file).then(({ path }) => server.look({ path }).then((found) => ({ ...found, path })), () => null);
    if (told?.recipe) {
      toast(`The file holds a recipe of ${told.recipe}.`, "choice", {
        keep: true, act: { label: "Use its settings", run: () => trigger("record", { path: told.path }) },
      });
    } else if (prompts) await drawEach(file);
    else toast(told?.error ?? "The studio does not answer; is it still running?", "warn");
  };
  const taken = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    if (/\.(txt|json)$/i.test(file.name)) { await written(file); return; }
    if (!KINDS.test(file.name)) {
      toast("Drop a PNG, JPEG, WebP, AVIF or GIF picture, a tool's .txt or .json of settings, or a .txt of prompts: other files are not read here.", "warn");
      return;
    }
    let path = "";
    try {
      ({ path } = await upload(file));
    } catch {
      toast("The picture could not be sent; is it larger than 32 MB?", "warn");
      return;
    }
    const told = await server.look({ path });
    if (!told || told.error) { toast(told?.error ?? "The studio does not answer; is it still running?", "warn"); return; }
    const send = (/** @type {string} */ to) => { trigger("send", { to, path }); showSent(to); };
    if (told.recipe) { choose(file, told, send, () => trigger("record", { path })); return; }
    const place = firstIn(loom.targets, activeMode()) ?? firstIn(loom.targets, "img2img");
    if (!place) return;
    send(place.mode);
    const { texts } = told;
    toast(`The picture is in ${place.title}; it holds no settings.`, "info", { act: texts.length ? { label: "Show its text", run: () => showTexts(file.name, texts) } : null });
  };
  const forUs = (/** @type {DragEvent} */ event) =>
    !ours && [...(event.dataTransfer?.types ?? [])].includes("Files") &&
    !near(event).closest?.("input[type=file], .loom-drop, .image-container, [data-testid=image]");
  addEventListener("dragenter", (event) => { if (forUs(event)) { depth++; veil.hidden = false; } });
  addEventListener("dragleave", (event) => { if (forUs(event) && --depth <= 0) veil.hidden = true; });
  addEventListener("dragover", (event) => { if (forUs(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    depth = 0;
    veil.hidden = true;
    if (!forUs(event)) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])], mode = activeMode();
    if (mode && isBatch(files) && takesBatch(mode)) offerFiles(mode, files);
    else void taken(files[0]);
  });

  /* Results go to the tab on whose name they are let go. */
  document.addEventListener("dragstart", (event) => {
    const on = near(event), root = on.closest?.(".stage");
    const mode = root && Object.keys(loom.stages).find((key) => loom.stages[key].root === root), stage = mode && loom.stages[mode];
    if (!stage || !event.dataTransfer || !on.closest(".frame, .thumb, .tiles .cell")) return;
    const cell = on.closest(".thumb, .cell"), siblings = cell ? [...(cell.parentElement?.children ?? [])] : [];
    const image = cell ? siblings.indexOf(cell) : stage.selected();
    if (!stage.value.results[image]) return;
    ours = true;
    event.dataTransfer.setData(OWN, JSON.stringify({ job: stage.value.job, image }));
    event.dataTransfer.effectAllowed = "copy";
  });
  document.addEventListener("dragend", () => { ours = false; mark(null); });
  const tabOf = (/** @type {DragEvent} */ event) => {
    if (!ours || !event.dataTransfer?.types.includes(OWN)) return null;
    const tab = /** @type {HTMLElement | null} */ (near(event).closest?.("[role=tab]"));
    const place = tab && (firstIn(loom.targets, tab.dataset.tabId ?? "") ?? firstNamed(loom.targets, tab.textContent?.trim() ?? ""));
    return place ? { tab, place } : null;
  };
  const mark = (/** @type {Element | null} */ tab) => { for (const one of all(document, "[role=tab]")) one.classList.toggle("takes", one === tab); };
  document.addEventListener("dragover", (event) => {
    const over = tabOf(event);
    mark(over?.tab ?? null);
    if (over) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const over = tabOf(event);
    if (!over) return;
    event.preventDefault();
    mark(null);
    ours = false;
    showSent(over.place.mode);
    trigger("send", { to: over.place.mode, ...JSON.parse(event.dataTransfer?.getData(OWN) ?? "{}") });
  });
};
