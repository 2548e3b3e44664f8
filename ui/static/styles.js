// @ts-check
/* Styles as chips: one adds its words to the prompts, once more takes them out again. */
import { el, find, toast } from "./dom.js";
import { loom } from "./registry.js";

const FIELDS = ["prompt", "negative_prompt"], HERE = "{prompt}";
/** @type {Promise<any> | null} */
let known = null; // one answer for every tab

/* What stands before and behind the prompt; words without a place follow it. */
const sides = (style) => {
  const at = style.indexOf(HERE);
  return at < 0 ? null : [style.slice(0, at), style.slice(at + HERE.length).replaceAll(HERE, "")];
};
const put = (text, style) => {
  const about = sides(style);
  if (about) return about[0] + text + about[1];
  return [text.trim().replace(/,$/, ""), style].filter(Boolean).join(", ");
};
/* The text without the style's words, or null where they do not stand in it. */
const taken = (text, style) => {
  const about = sides(style);
  if (about) {
    const [before, behind] = about;
    const from = text.indexOf(before), to = text.lastIndexOf(behind);
    if (from < 0 || to < from + before.length) return null;
    return text.slice(0, from) + text.slice(from + before.length, to) + text.slice(to + behind.length);
  }
  if (text === style) return "";
  const at = text.lastIndexOf(`, ${style}`);
  if (at >= 0) return text.slice(0, at) + text.slice(at + style.length + 2);
  return text.startsWith(`${style}, `) ? text.slice(style.length + 2) : null;
};
export const styled = { put, taken };

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountStyles = (element, { mode, server, upload }) => {
  const chips = find(element, ".chips"), warn = find(element, ".warn");
  const file = find(element, "input[type=file]"), take = find(element, ".take");
  const texts = () => loom.prompts?.[mode]?.texts() ?? { prompt: "", negative_prompt: "" };
  const own = (style) => FIELDS.filter((key) => style[key] && style[key] !== HERE);
  const used = (style, now = texts()) => own(style).every((key) => taken(now[key], style[key]) !== null);
  /** @type {Map<Element, any>} */
  const made = new Map();
  const mark = () => {
    for (const [chip, style] of made) chip.setAttribute("aria-pressed", String(used(style)));
  };
  const click = (style) => {
    const now = texts(), change = used(style) ? taken : put;
    for (const key of own(style)) now[key] = change(now[key], style[key]);
    loom.prompts[mode].fill(now);
    mark();
  };
  const chip = (style) => {
    const button = el("button", "chip", style.name);
    button.type = "button";
    made.set(button, style);
    button.title = FIELDS.map((key) => style[key]).filter(Boolean).join("\nnot: ");
    button.onclick = () => click(style);
    return button;
  };
  const show = ({ styles, problem }) => {
    made.clear();
    chips.replaceChildren(...styles.filter((style) => own(style).length).map(chip));
    warn.hidden = !problem;
    warn.textContent = problem ?? "";
    mark();
  };
  loom.styles[mode] = Object.assign(mark, { show });
  known ??= server.styles({});
  known.then((found) => found?.styles && show(found)).catch(() => { known = null; });

  take.addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const sent = file.files?.[0];
    file.value = "";
    if (!sent) return;
    try {
      const { path } = await upload(sent);
      const found = await server.take_styles({ path });
      if (found.error) return toast(found.error, "warn");
      known = Promise.resolve(found);
      for (const tab of Object.values(loom.styles)) tab.show(found);
      toast(`${found.taken} ${found.taken === 1 ? "style is" : "styles are"} in the list.`);
    } catch {
      toast("The file could not be sent; is it larger than 1 MB?", "warn");
    }
  });
};
