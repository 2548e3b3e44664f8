// @ts-check
/* Several pictures, a folder or a zip of them as one batch: each is drawn with the form as it is, and names its source. */
import { el, find, maybe, toast } from "./dom.js";
import { paced } from "./paced.js";
import { loom } from "./registry.js";

const TABS = ["img2img", "style_transfer"], MOST = 100, MOST_BYTES = 32_000_000, ALL_BYTES = 400_000_000;
const PICTURE = /\.(png|jpe?g|jfif|webp|avif|gif)$/i, ZIP = /\.zip$/i;

/** @typedef {{name: string, file?: File, path?: string}} Source */
/** @type {Record<string, Source[]>} by the number of the offer */
const offered = {};
let offers = 0;

/** @param {string} mode */
export const takesBatch = (mode) => TABS.includes(mode);
/** @param {{name: string}[]} files */
export const isBatch = (files) => files.length === 1 ? ZIP.test(files[0].name) : files.filter((one) => PICTURE.test(one.name)).length > 1;

/**
 * Why files are no batch, in a sentence; "" where they are.
 * @param {{name: string, size: number}[]} files pictures alone
 */
export const refusal = (files) => {
  const large = files.find((one) => one.size > MOST_BYTES), all = files.reduce((sum, one) => sum + one.size, 0);
  if (!files.length) return "There is no picture among these files; choose PNG, JPEG, WebP, AVIF or GIF, or a zip of them.";
  if (files.length > MOST) return `A batch takes up to ${MOST} pictures; these are ${files.length}. Choose fewer.`;
  if (large) return `${large.name} has more than ${MOST_BYTES / 1e6} MB; make it smaller or leave it out.`;
  if (all > ALL_BYTES) return `These pictures have ${Math.round(all / 1e6)} MB together, and a batch takes ${ALL_BYTES / 1e6}; choose fewer.`;
  return "";
};

/** @param {string} mode @param {Source[]} sources */
const offer = (mode, sources) => {
  const count = sources.length === 1 ? "1 picture" : `${sources.length} pictures`, batch = String(++offers);
  offered[batch] = sources;
  toast(`${count}. Each can be drawn with the form as it is, without its mask.`, "choice", {
    keep: true, closed: () => delete offered[batch], act: { label: "Draw them", run: () => loom.forms[mode]?.trigger("generate", { batch }) },
  });
};
const send = async (/** @type {File} */ file) => {
  try { return (await loom.upload(file)).path; } catch {
    toast(`${file.name} could not be sent; is it larger than 32 MB?`, "warn");
    return "";
  }
};

/** Files that were chosen or dropped. @param {string} mode @param {File[]} files */
export const offerFiles = async (mode, files) => {
  const zip = files.length === 1 && ZIP.test(files[0].name) ? files[0] : null;
  const pictures = files.filter((one) => PICTURE.test(one.name)).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const wrong = refusal(zip ? [zip] : pictures);
  if (wrong) { toast(wrong, "warn"); return; }
  if (!zip) { offer(mode, pictures.map((file) => ({ name: file.name, file }))); return; }
  const path = await send(zip);
  const got = path && await loom.spread({ path });
  if (got?.pictures) offer(mode, got.pictures);
  else if (path) toast(got?.error ?? "The studio does not answer; is it still running?", "warn");
};

/**
 * Draws an offer that was taken.
 * @param {string} mode
 * @param {string} batch its number
 * @param {(own: Record<string, any>, source: string) => Promise<boolean>} each
 */
export const drawBatch = async (mode, batch, each) => {
  const sources = offered[batch] ?? [];
  delete offered[batch];
  await paced(sources, "pictures", async ({ name, file, path }) => {
    const sent = path ?? (file ? await send(file) : "");
    return Boolean(sent) && each({ image: { path: sent }, mask: null, painted: false }, name.slice(-100));
  });
};

/** The way in, below the picture of a tab that takes several. @param {string} mode */
export const offerBatch = (mode) => {
  const block = takesBatch(mode) ? maybe(`#${mode}-image`) : null;
  if (!block || find(block, ":scope > .several")) return;
  const button = el("button", "several quiet", "Several, or a zip…");
  button.type = "button";
  button.title = "Each is drawn with the form as it is, and its result names it";
  button.onclick = () => {
    const input = el("input"); // of its own each time: the picture's field is Gradio's
    Object.assign(input, { type: "file", multiple: true, accept: "image/*,.zip" });
    input.onchange = () => { void offerFiles(mode, [...(input.files ?? [])]); };
    input.click();
  };
  block.append(button);
};
