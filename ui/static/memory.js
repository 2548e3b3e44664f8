// @ts-check
/* The header's memory: a number, and behind it what is loaded, where, how big and how long idle. */
import { showDevices } from "./devices.js";
import { el, find, near, toast } from "./dom.js";
import { ask as asked, post } from "./jobs.js";
import { loom } from "./registry.js";

const EVERY_MS = 5000, SOON_MS = 500, STARTS_MS = 400;
const GIB = 2 ** 30, MIB = 2 ** 20;
const size = (bytes) => !bytes ? "0 MB" : bytes >= GIB / 10 ? `${(bytes / GIB).toFixed(bytes < 10 * GIB ? 2 : 1)} GB`
  : `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MB`;
/** A model's name without its folder. @param {string} model */
const name = (model) => model.split("/").pop() ?? model;
const ago = (seconds) => seconds < 90 ? `${Math.round(seconds)} s`
  : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

/**
 * What the button says: the model that is loaded while the page is read, then how much lies in memory.
 * @param {{loading: string, used_bytes: number, budget_bytes: number, device: string, dtype: string}} system
 * @returns {{text: string, of?: string, title: string, label: string}}
 */
export const headline = ({ loading, used_bytes, budget_bytes, device, dtype }) => loading ? {
  text: `loading ${name(loading)}…`,
  // The first picture need not wait for it; whoever presses Generate now waits for the rest of it.
  title: "The default model is loaded while you write; a picture may be asked for at any time",
  label: `Loading the model ${name(loading)}`,
} : {
  text: size(used_bytes),
  of: `\u00a0/ ${size(budget_bytes)}`,
  title: `Models in memory on ${device}, ${dtype}`,
  label: `Memory: ${size(used_bytes)} of ${size(budget_bytes)}`,
};

export const mountMemory = (element) => {
  const button = find(element, ".memory");
  const panel = find(element, "#loom-memory");
  const free = find(panel, ".free");
  const show = (system) => {
    const { text, of, title, label } = headline(system);
    button.replaceChildren(text, ...(of ? [el("span", "of", of)] : []));
    button.title = title;
    button.setAttribute("aria-label", label);
    button.hidden = false;
    if (system.loading) return;
    const apart = system.device.startsWith("cuda");
    const sum = (name, used, budget) => `${name}: ${size(used)} of ${size(budget)}`;
    find(panel, ".sums").textContent = [
      ...(apart ? [sum(system.device, system.used_bytes, system.budget_bytes)] : []),
      sum(apart || system.device === "cpu" ? "RAM" : system.device, system.ram_bytes, system.ram_budget_bytes),
    ].join(" · ");
    const lying = system.devices.length
      ? system.devices.flatMap((device) => device.residents.map((part) => [part, device.name]))
      : system.residents.map((part) => [part, system.device]);
    find(panel, "tbody").replaceChildren(...lying.map(([part, place]) => {
      const row = el("tr");
      const what = el("td", "", part.part);
      what.append(el("small", "", part.models.map(name).join(", ")));
      const where = part.device_bytes ? `${place} + RAM` : apart || place === "cpu" ? "RAM" : place;
      row.append(what, el("td", "", size(part.ram_bytes)), el("td", "", where),
        el("td", "", part.in_use ? "in use" : ago(part.idle_s)));
      return row;
    }));
    showDevices(find(panel, ".devices"), system.devices, size, () => ask());
    const none = !system.residents.length;
    find(panel, "table").hidden = none;
    find(panel, ".none").hidden = !none;
    free.disabled = !system.residents.some((part) => !part.in_use);
  };
  /** @type {any} */
  let timer = null;
  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    // The engine is still starting: it answers when it is there.
    const starts = setTimeout(() => {
      if (!button.hidden) return;
      button.replaceChildren("starting…");
      button.title = "The engine is starting; a picture may be asked for at any time";
      button.hidden = false;
    }, STARTS_MS);
    const system = await asked("loom/memory");
    clearTimeout(starts);
    if (system) show(system);
    timer = setTimeout(ask, system?.loading ? SOON_MS : EVERY_MS);
  };
  let overlay;
  const open = (wanted) => {
    if (panel.hidden === !wanted) return;
    panel.hidden = !wanted;
    // Escape closes what was opened last.
    if (wanted) overlay = loom.closeOverlay;
    loom.closeOverlay = wanted ? () => (open(false), button.focus(), true) : overlay;
    button.setAttribute("aria-expanded", String(wanted));
    if (!wanted) return;
    const { bottom, right } = button.getBoundingClientRect();
    panel.style.top = `${bottom + 8}px`;
    panel.style.right = `${Math.max(14, Math.min(document.documentElement.clientWidth - right, document.documentElement.clientWidth - panel.offsetWidth - 14))}px`;
    ask();
  };
  button.addEventListener("click", () => open(panel.hidden));
  free.addEventListener("click", async () => {
    free.disabled = true;
    const answer = await post("loom/memory/free");
    if (answer) toast(answer.freed ? `${size(answer.freed)} were freed.` : "All models are in use; nothing was freed.");
    ask();
    button.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!panel.hidden && !panel.contains(near(event)) && !button.contains(near(event))) open(false);
  });
  ask();
  document.addEventListener("visibilitychange", ask);
};
