// @ts-check
/* The history drawer: past pictures, newest first, searched in their prompts. */
import { el, find, focused } from "./dom.js";
import { loom } from "./registry.js";

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountHistory = (element, { server, trigger }) => {
  const drawer = find(element, ".drawer");
  const list = find(drawer, ".list");
  const search = find(drawer, "input");
  const more = find(drawer, ".more");
  const empty = find(drawer, ".none");
  let offset = 0, asked = 0;
  /** @type {import("./types.js").Found | null} */
  let opener = null;

  const load = async (fresh) => {
    const turn = ++asked;
    if (fresh) offset = 0;
    const page = await server.history({ search: search.value, offset });
    if (turn !== asked || !page?.items) return;
    if (fresh) list.replaceChildren();
    for (const item of page.items) {
      const card = el("button", "past");
      if (item.src) {
        const img = el("img");
        img.src = item.src;
        img.alt = "";
        card.append(img);
      }
      const text = el("span");
      text.append(el("span", "words", item.prompt || "no prompt"));
      text.append(el("small", "", item.when + (item.seed == null ? "" : ` · seed ${item.seed}`)));
      card.append(text);
      card.onclick = () => { trigger("restore", { name: item.name }); close(); };
      const row = el("div", "past-row");
      const tools = el("div", "past-tools");
      const tool = (label, run) => {
        const button = el("button", "quiet", label);
        button.setAttribute("aria-label", `${label}: ${(item.prompt || "no prompt").slice(0, 60)}, ${item.when}`);
        button.onclick = () => run(button);
        tools.append(button);
        return button;
      };
      tool("Verify", () => { close(); loom.verify(trigger, { name: item.name }); });
      const compare = tool("Compare", (button) => { loom.compare({ name: item.name }, button); });
      compare.setAttribute("aria-pressed", String(loom.chosenToCompare({ name: item.name })));
      row.append(card, tools);
      list.append(row);
    }
    offset += page.items.length;
    more.hidden = !page.more;
    empty.hidden = list.children.length > 0;
    empty.textContent = search.value ? "No prompt holds these words." : "Pictures you make appear here.";
  };
  const close = () => {
    if (drawer.hidden) return false;
    drawer.hidden = true;
    search.value = ""; // it opens again on everything
    opener?.focus();
    return true;
  };
  loom.openHistory = () => {
    opener = focused();
    drawer.hidden = false;
    search.focus();
    load(true);
  };
  let typed = 0;
  search.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => load(true), 200);
  });
  more.addEventListener("click", () => load(false));
  find(drawer, ".close").addEventListener("click", close);
  loom.closeOverlay = close;
};
