// @ts-check
/* Examples for tabs that begin with a picture, a clip or LoRAs: made here, so that none has to be looked for. */
import { el, maybe, toast } from "./dom.js";
import { loraText } from "./lora.js";
import { loom } from "./registry.js";
import { zipped } from "./zipped.js";

const SIDE_PX = 256, FRAMES = 6;
/** @typedef {{sky: string, light: string, ground: string, wall: string, roof: string}} Colours */
/** @type {Colours[]} by day and by night */
const TIMES = [
  { sky: "#8fc7ef", light: "#ffd84d", ground: "#67a852", wall: "#c0392b", roof: "#5c4033" },
  { sky: "#1f2a56", light: "#f4f1d6", ground: "#25492f", wall: "#2d5f9a", roof: "#3a2f45" },
];

/** A house on a meadow. @param {Colours} colours @param {number} [across] where its sun stands, px @returns {Promise<File>} */
const drawn = async ({ sky, light, ground, wall, roof }, across = 200) => {
  const canvas = /** @type {HTMLCanvasElement} */ (document.createElement("canvas"));
  canvas.width = canvas.height = SIDE_PX;
  const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const fill = (/** @type {string} */ colour, /** @type {() => void} */ shape) => { brush.fillStyle = colour; brush.beginPath(); shape(); brush.fill(); };
  fill(sky, () => brush.rect(0, 0, SIDE_PX, SIDE_PX));
  fill(light, () => brush.arc(across, 52, 26, 0, 7));
  fill(ground, () => brush.ellipse(128, 268, 210, 92, 0, 0, 7));
  fill(wall, () => brush.rect(76, 118, 104, 84));
  fill(roof, () => { brush.moveTo(62, 120); brush.lineTo(128, 66); brush.lineTo(194, 120); });
  fill(roof, () => brush.rect(116, 156, 26, 46));
  for (const x of [88, 150]) fill(light, () => brush.rect(x, 134, 20, 20));
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ take) => canvas.toBlob(take, "image/png"));
  return new File([/** @type {Blob} */ (blob)], "example.png", { type: "image/png" });
};

/**
 * Where a tab takes pictures; those that are extra, as a mask's, are none of them.
 * @param {{mode: string, title: string}[]} targets
 * @param {string} mode
 */
export const placesOf = (targets, mode) => targets.filter((one) => one.mode === mode || one.mode.startsWith(`${mode}-`)).slice(0, TIMES.length);

/**
 * What the chips of an empty tab write, by field: a prompt each, or where a tab has two ends, one for each of them. What enlarges a picture
 * begins with that alone: words are read by few upscalers.
 * @param {string} mode
 * @param {string[]} prompts
 * @returns {Record<string, string>[]}
 */
export const examplesOf = (mode, prompts) => (mode === "upscale" ? [] : mode === "morph"
  ? prompts.slice(1).map((prompt_b, i) => ({ prompt_a: prompts[i], prompt_b })) : prompts.map((prompt) => ({ prompt })));

/** The sun goes over the house: a zip of pictures, as the clip's field takes it. */
const giveClip = async () => {
  /** @type {[string, Uint8Array][]} */
  const frames = [];
  for (let i = 0; i < FRAMES; i++) {
    const picture = await drawn(TIMES[0], 40 + (i * 170) / (FRAMES - 1));
    frames.push([`${i}.png`, new Uint8Array(await picture.arrayBuffer())]);
  }
  const field = /** @type {HTMLInputElement | null} */ (/** @type {unknown} */ (maybe("#clip-clip input[type=file]")));
  if (!field) { toast("There is a clip already; take it away first.", "warn"); return; }
  const files = new DataTransfer();
  files.items.add(new File(zipped(frames), "example.zip", { type: "application/zip" }));
  field.files = files.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

/**
 * What an example of LoRAs writes into the form: where nothing is typed, words too, since without them each picture shows something else.
 * @param {string} loras
 * @param {string} typed
 * @param {string[]} prompts
 */
export const comparisonOf = (loras, typed, prompts) => ({ loras, compare: true, ...(typed.trim() || !prompts.length ? {} : { prompt: prompts[0] }) });

/** The first two LoRAs that fit, and the comparison of them. @param {string} mode @param {string[]} prompts */
const giveLoras = async (mode, prompts) => {
  const fit = (await loom.loraFits[mode]?.() ?? []).slice(0, 2);
  if (!fit.length) { toast("Put LoRA files (.safetensors) into models/loras; they appear here.", "warn"); return; }
  const loras = loraText(fit.map((name) => ({ name })));
  const typed = maybe(`#${mode}-prompt textarea`)?.value ?? "";
  loom.forms[mode]?.trigger("put", { changes: comparisonOf(loras, typed, prompts) });
};

/** What the chip of a tab says and does; null for tabs that begin with words. @param {string} mode @param {string[]} prompts @returns {{text: string, give: () => Promise<void>} | null} */
const exampleFor = (mode, prompts) => {
  if (mode === "clip") return { text: "An example clip", give: giveClip };
  if (mode === "lora_mix") return { text: "Two LoRAs, compared", give: () => giveLoras(mode, prompts) };
  const places = placesOf(loom.targets, mode);
  return places.length ? {
    text: places.length > 1 ? "Two example pictures" : "An example picture",
    give: async () => { for (const [i, place] of places.entries()) await loom.give?.(await drawn(TIMES[i]), place.mode); },
  } : null;
};

/** A chip that puts an example in; null for tabs that begin with none. @param {string} mode @param {string[]} prompts */
export const exampleChip = (mode, prompts) => {
  const example = exampleFor(mode, prompts);
  if (!example) return null;
  const chip = el("button", "chip example", example.text);
  chip.type = "button";
  chip.onclick = async () => {
    chip.disabled = true;
    try {
      await example.give();
    } catch {
      toast("The picture could not be sent; is the studio still running?", "warn");
    }
    chip.disabled = false;
  };
  return chip;
};
