// @ts-check
/* Several devices in the panel of the memory: what each is, does and holds, and what an owner does to it. */
import { el, toast } from "./dom.js";
import { post } from "./jobs.js";

/**
 * @typedef {{models: string[], part: string, in_use: boolean}} Part
 * @typedef {{name: string, hardware: string, used_bytes: number, budget_bytes: number, residents: Part[],
 *   takes: boolean, failed: string, pinned: string, busy: boolean}} Device
 */

/** What a device does now, in words. @param {Device} device */
export const doing = ({ takes, failed, pinned, busy }) => failed ? failed
  : !takes ? (busy ? "drained; a job still runs" : "drained")
  : pinned ? `${busy ? "works" : "idle"}, for ${pinned} alone` : busy ? "works" : "idle";

/** Models that are loaded there, the last used first. @param {Device} device */
export const loaded = ({ residents }) => [...new Set(residents.flatMap((part) => part.models))];

/**
 * A block for each device.
 * @param {HTMLElement} box
 * @param {Device[]} devices
 * @param {(bytes: number) => string} size
 * @param {() => void} changed
 */
export const showDevices = (box, devices, size, changed) => {
  box.hidden = !devices.length;
  // A press must not lose its button under it: a block is made anew where it says something else.
  const said = JSON.stringify(devices.map((one) => [one.name, one.hardware, size(one.used_bytes), size(one.budget_bytes),
    loaded(one), doing(one), one.takes]));
  if (box.dataset.said === said) return;
  box.dataset.said = said;
  const focus = box.contains(document.activeElement) ? document.activeElement?.getAttribute("data-act") : null;
  box.replaceChildren(...devices.map((device) => block(device, size, changed)));
  if (focus) /** @type {HTMLElement | null} */ (box.querySelector(`[data-act="${CSS.escape(focus)}"]`))?.focus();
};

/** @param {Device} device @param {(bytes: number) => string} size @param {() => void} changed */
const block = (device, size, changed) => {
  const made = el("section", "device"), head = el("h3", "", device.name);
  made.setAttribute("aria-label", device.name);
  head.append(el("small", "", device.hardware));
  const state = el("p", device.failed ? "doing warn" : "doing", doing(device));
  const models = loaded(device);
  const holds = el("p", "holds", `${size(device.used_bytes)} of ${size(device.budget_bytes)}`);
  if (models.length) holds.append(` · ${models.join(", ")}`);
  const acts = el("div", "acts"), takes = device.takes && !device.failed;
  const act = (/** @type {string} */ text, /** @type {string} */ path, /** @type {string} */ title) => {
    const button = el("button", "quiet", text);
    button.type = "button";
    button.title = title;
    button.dataset.act = `${device.name} ${path.split("?")[0]}`;
    button.addEventListener("click", async () => {
      const answer = await post(`loom/devices/${encodeURIComponent(device.name)}/${path}`);
      if (!answer || answer.error) toast(answer?.error ?? "The studio did not answer.", "warn");
      changed();
    });
    acts.append(button);
  };
  if (takes) act("Drain", "drain", "What runs there ends; no further job begins there");
  else act("Enable", "enable", "Jobs may begin there again");
  if (device.pinned) act("Take all models", "pin", "Jobs of every model may run there");
  else if (models.length) {
    act(`Keep for ${models[0]}`, `pin?model=${encodeURIComponent(models[0])}`, "Jobs of this model alone run there");
  }
  made.append(head, state, holds, acts);
  return made;
};
