// @ts-check
/* The X/Y/Z grid of a tab: what it will cost, and the button that draws it. */
import { find, toast } from "./dom.js";
import { onGathered } from "./events.js";
import { WAITS, newPress } from "./jobs.js";
import { loom } from "./registry.js";
import { run } from "./run.js";

const WAIT_MS = 150;
const axes = {}, shown = {};
/* Called by the page on each change of the axes, with those by name. */
export const axesChanged = (mode, names, now) => {
  axes[mode] = Object.fromEntries(names.map((name, i) => [name, now[i]]));
  shown[mode]?.();
};
/* Called when the form has changed. */
export const gridChanged = (mode) => shown[mode]?.();

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountGrid = (element, { mode, trigger, props, server, watch }) => {
  const cost = find(element, ".cost"), draw = find(element, ".draw");
  draw.addEventListener("click", () => {
    const stage = loom.stages[mode];
    if (stage && WAITS.includes(stage.value.state)) {
      toast("A run is under way here; stop it, or wait for its end.");
      return;
    }
    const press = newPress(mode, false);
    stage?.begin();
    trigger("draw", { press });
  });
  onGathered(`${mode}.draw`, ({ press }, values) => run(press, false, { mode, values, grid: true }));
  const take = () => {
    cost.textContent = props.value?.text ?? "";
    draw.disabled = !props.value?.ready;
  };
  watch("value", take);
  take();
  let timer = 0, asks = 0, told = "";
  const ask = async () => {
    const last = loom.forms[mode]?.last;
    if (element.offsetParent === null || !last || !axes[mode]) return; // closed: when it opens
    const asked = { ...last, ...axes[mode] }, words = JSON.stringify(asked);
    if (told === words) return;
    const mine = ++asks;
    const got = await server.forecast(asked);
    if (mine !== asks || !got) return;
    told = words;
    props.value = got;
    take();
  };
  shown[mode] = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  };
  element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => {
    told = ""; // how fast the model is may be known by now
    shown[mode]();
  });
  shown[mode]();
};
