// @ts-check
/* Which part of a clip is taken: its frames at a glance, and a handle at each end. */
import { all, el, finder } from "./dom.js";
import { loom } from "./registry.js";

/* How many frames a part holds, and what is said of it. */
/** @param {number} first @param {number} last @param {number} most @returns {string} */
export const partText = (first, last, most) => {
  const count = last - first + 1;
  const said = `${count} frame${count === 1 ? "" : "s"}`;
  return count > most ? `${said}; a clip has at most ${most}, so take one in ${Math.ceil(count / most)}, or a shorter part.` : said;
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountClipPart = (element, { mode, props, trigger, watch }) => {
  const $ = finder(element);
  const whole = $(".clip-part"), [from, to] = /** @type {any[]} */ (all(element, "input"));
  const [first, last] = all(element, "output");
  let every = 1, count = 0, most = 300;

  const show = () => {
    const low = Number(from.value), high = Number(to.value);
    first.textContent = String(low);
    last.textContent = high === count - 1 ? "end" : String(high);
    $("p").textContent = partText(low, high, most);
    [...$(".strip").children].forEach((node, i) => node.classList.toggle("taken", (i + 1) * every > low && i * every <= high));
  };
  const told = () => trigger("part", { first: Number(from.value), last: Number(to.value) === count - 1 ? -1 : Number(to.value) });
  from.addEventListener("input", () => { if (Number(from.value) > Number(to.value)) to.value = from.value; show(); });
  to.addEventListener("input", () => { if (Number(to.value) < Number(from.value)) from.value = to.value; show(); });
  for (const handle of [from, to]) handle.addEventListener("change", told);

  const take = () => {
    const { frames = [], text = "", ...said } = props.value || {};
    whole.hidden = !frames.length && !text;
    for (const label of all(element, "label")) label.hidden = !frames.length;
    $(".strip").hidden = !frames.length;
    $("p").textContent = text;
    if (!frames.length) return;
    ({ every, count, most } = said);
    $(".strip").replaceChildren(...frames.map((/** @type {string} */ src) => Object.assign(el("img"), { src, alt: "" })));
    from.max = to.max = String(count - 1);
    const { first_frame: low = 0, last_frame: high = -1 } = /** @type {any} */ (loom.forms[mode]?.last ?? {});
    from.value = String(low);
    to.value = String(high < 0 ? count - 1 : high);
    show();
  };
  watch("value", take);
  take();
};
