// @ts-check
/* What can be done with one past picture, as buttons for the lightbox. */
import { el, press } from "./dom.js";
import { activeMode } from "./keys.js";
import { loom } from "./registry.js";
import { remarkButton } from "./remark.js";
import { showSent } from "./sent.js";

/** @typedef {import("./types.js").Past} Past */

/**
 * @param {{trigger: import("./types.js").Mounted["trigger"], favour: (names: string[], on: boolean) => Promise<void>,
 *   remove: (name: string) => Promise<void>, close: () => void}} given `close` lets the gallery go, once the lightbox is
 * @returns {(shown: {past?: Past}, box: {close: () => void, again: () => void}) => HTMLElement[]}
 */
export const actsOn = ({ trigger, favour, remove, close }) => ({ past }, box) => {
  if (!past) return [];
  const { name } = past;
  const act = (/** @type {string} */ kind, /** @type {string} */ text, /** @type {string} */ title, /** @type {(button: import("./types.js").Found) => void} */ run) => {
    const button = el("button", `${kind} quiet`, text);
    button.type = "button";
    button.title = title;
    button.onclick = () => run(button);
    return button;
  };
  const leave = (/** @type {() => void} */ then) => { box.close(); close(); then(); };
  const sends = el("select", "send quiet");
  sends.setAttribute("aria-label", "Send to");
  sends.append(new Option("send to …", ""), ...loom.targets.map((one) => new Option(one.title, one.mode)));
  sends.hidden = !loom.targets.length;
  sends.onchange = () => leave(() => { trigger("send", { to: sends.value, name }); showSent(sends.value); });
  const star = act("favour", "★ Favourite", "Keep it among the favourites", async () => {
    await favour([name], !past.favourite);
    box.again();
  });
  press(star, past.favourite);
  const compare = act("compare", "Compare", "Choose this picture and another one, and see them side by side", (button) => loom.compare({ name }, button));
  press(compare, loom.chosenToCompare({ name }));
  return [
    act("use", "Use settings", "Put its settings into the form of its tab", () => leave(() => trigger("restore", { name }))),
    act("reuse", "Reuse seed", "Put its seed into the form of the open tab", () => leave(() => {
      const mode = activeMode();
      if (mode) loom.forms[mode]?.trigger("put", { changes: { seed: Number(past.seed) } });
    })),
    sends,
    act("verify", "Verify", "Run the recipe again and compare every pixel", () => loom.verify({ name })),
    compare,
    star,
    remarkButton(name, past.fixed),
    ...(past.fixed ? [] : [act("delete", "Delete", "Put it aside; Undo brings it back", async () => {
      await remove(name);
      box.again();
    })]),
  ];
};
