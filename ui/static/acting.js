// @ts-check
/* Nothing hidden acts: what a closed fold holds shows on it, and one line says what Generate will run. */
import { el, find, maybe } from "./dom.js";
import { loom } from "./registry.js";

/** @typedef {Record<string, any>} Values */

/** The LoRAs that are on. @param {Values} values @returns {number} */
const loras = (values) => {
  try { return JSON.parse(values.loras || "[]").filter((/** @type {any} */ use) => use.on !== false).length; } catch { return 0; }
};
/** The further stages that are on. @param {Values} values @returns {number} */
const stages = (values) => {
  try { return JSON.parse(values.stages || "[]").filter((/** @type {any} */ row) => row.on !== false).length; } catch { return 0; }
};
/** @param {number} count @param {string} one @param {string} many */
const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;
/** @param {Values} values @param {Values} defaults @param {string} key */
const differs = (values, defaults, key) => key in defaults && key in values && String(values[key] ?? "") !== String(defaults[key] ?? "");

/**
 * What a fold's badge says, and what its reset sets back; null where nothing in it acts.
 * @param {string[]} keys of the controls in it
 * @param {Values} values
 * @param {Values} defaults
 */
export const actingIn = (keys, values, defaults) => {
  const changed = keys.filter((key) => differs(values, defaults, key));
  if (!changed.length) return null;
  if (keys.includes("loras")) {
    const on = loras(values);
    return { text: on ? String(on) : "off", keys: changed };
  }
  if (keys.includes("stages")) return stages(values) ? { text: `+ ${stages(values)}`, keys: changed } : null;
  // Without its scale the rest of hires fix does nothing.
  if (keys.includes("hires_denoise") && !(values.hires_scale > 1)) return null;
  // Where nothing pulls, how hard and how often is nothing too.
  if (keys.includes("steer"))
    return values.steer !== "off" ? { text: values.steer, keys: changed } : null;
  if (keys.length === 1) return { text: "on", keys: changed };
  return { text: `${changed.length} changed`, keys: changed };
};

/** A value of a list by its title. @param {Values} values @param {Record<string, Record<string, string>>} titles @param {string} key */
const titled = (values, titles, key) => (values[key] ? titles[key]?.[values[key]] ?? String(values[key]) : "");

/**
 * One line of what will run.
 * @param {Values} values
 * @param {Record<string, Record<string, string>>} titles of what lists offer, by control and value
 * @param {string} [size] as its list shows it
 */
export const summary = (values, titles, size = "") => {
  const pictures = (values.batch_size ?? 1) * (values.batch_count ?? 1), uses = loras(values);
  const enlarges = values.factor != null, draws = !enlarges || values.strength > 0;
  return [
    enlarges && titled(values, titles, "upscaler"),
    enlarges && `${values.factor} ×`,
    draws && values.steps && counted(values.steps, "step", "steps"),
    draws && titled(values, titles, "sampler"),
    size.replace(/,.*|\s*\(.*/, ""),
    values.frames && counted(values.frames, "frame", "frames"),
    enlarges && draws && `noise level ${values.strength}`,
    !enlarges && values.strength != null && (values.start_from ?? "picture") === "picture" && `strength ${values.strength}`,
    pictures > 1 && counted(pictures, "picture", "pictures"),
    values.hires_scale > 1 && `hires ${values.hires_scale} ×`,
    stages(values) && counted(stages(values), "further stage", "further stages"),
    (values.steer ?? "off") !== "off" && `pulled: ${values.steer}`,
    uses && counted(uses, "LoRA", "LoRAs"),
    String(values.negative_prompt ?? "").trim() && "negative prompt",
    values.seed >= 0 && `seed ${values.seed}`,
  ].filter(Boolean).join(" · ");
};

/**
 * Badges and resets of a tab's folds, and its line.
 * @param {string} mode
 * @param {Values} values
 */
export const showActing = (mode, values) => {
  const form = loom.forms[mode];
  if (!form) return;
  for (const [id, keys] of Object.entries(form.folds)) {
    const block = maybe(`#${CSS.escape(id)}`), label = block && find(block, ":scope > button.label-wrap");
    if (!block || !label) continue;
    const acting = actingIn(keys, values, form.defaults);
    let badge = find(label, ".badge:not(.painted)"), reset = find(block, ":scope > .fold-tools > .fold-reset");
    if (!acting) {
      badge?.remove();
      reset?.parentElement?.remove();
      continue;
    }
    if (!badge) label.append((badge = el("span", "badge")));
    if (badge.textContent !== acting.text) badge.textContent = acting.text;
    if (!reset) {
      reset = el("button", "fold-reset", "↺");
      reset.type = "button";
      reset.title = "Set all of it back";
      reset.setAttribute("aria-label", `Set back: ${label.querySelector("span")?.textContent ?? ""}`);
      const tools = el("span", "fold-tools");
      tools.append(reset);
      block.append(tools);
    }
    reset.onclick = () => form.reset(acting.keys);
  }
  const text = [summary(values, form.titles, maybe(`#${mode}-size input`)?.value ?? ""), loom.easels[mode]?.words()].filter(Boolean).join(" · ");
  const line = form.go.closest(".loom-actions")?.querySelector(".sum");
  if (line && line.textContent !== text) {
    line.textContent = text;
    line.setAttribute("title", text); // where it is cut off
  }
};
