/* Styles as chips: one adds its words to the prompts, once more takes them out again. */
(() => {
  if (window.loom.mountStyles) return;
  const loom = window.loom;
  const FIELDS = ["prompt", "negative_prompt"], HERE = "{prompt}";
  loom.styles = {};
  let all = null; // one answer for every tab

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
  loom.styled = { put, taken };

  loom.mountStyles = (element, { mode, server, upload }) => {
    const chips = element.querySelector(".chips"), warn = element.querySelector(".warn");
    const file = element.querySelector("input[type=file]"), take = element.querySelector(".take");
    const texts = () => loom.prompts?.[mode]?.texts() ?? { prompt: "", negative_prompt: "" };
    const own = (style) => FIELDS.filter((key) => style[key] && style[key] !== HERE);
    const used = (style, now = texts()) => own(style).every((key) => taken(now[key], style[key]) !== null);
    const mark = () => {
      for (const chip of chips.children) chip.setAttribute("aria-pressed", String(used(chip.style_)));
    };
    const click = (style) => {
      const now = texts(), change = used(style) ? taken : put;
      for (const key of own(style)) now[key] = change(now[key], style[key]);
      loom.prompts[mode].fill(now);
      mark();
    };
    const chip = (style) => {
      const button = loom.el("button", "chip", style.name);
      button.type = "button";
      button.style_ = style;
      button.title = FIELDS.map((key) => style[key]).filter(Boolean).join("\nnot: ");
      button.onclick = () => click(style);
      return button;
    };
    const show = ({ styles, problem }) => {
      chips.replaceChildren(...styles.filter((style) => own(style).length).map(chip));
      warn.hidden = !problem;
      warn.textContent = problem ?? "";
      mark();
    };
    loom.styles[mode] = mark;
    loom.styles[mode].show = show;
    all ??= server.styles({});
    all.then((found) => found?.styles && show(found)).catch(() => { all = null; });

    take.addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      const sent = file.files[0];
      file.value = "";
      if (!sent) return;
      try {
        const { path } = await upload(sent);
        const found = await server.take_styles({ path });
        if (found.error) return loom.toast(found.error, "warn");
        all = Promise.resolve(found);
        for (const tab of Object.values(loom.styles)) tab.show(found);
        loom.toast(`${found.taken} ${found.taken === 1 ? "style is" : "styles are"} in the list.`);
      } catch {
        loom.toast("The file could not be sent; is it larger than 1 MB?", "warn");
      }
    });
  };
})();
