// @ts-check
/* Models and LoRAs to choose from by their pictures: searched, read anew, chosen by a click or by keyboard. */
import { all, el, find, focused } from "./dom.js";

/** @typedef {{name: string, title: string, picture: string, facts: string[], about?: string, words?: string[], problem?: string, on?: boolean}} Item */

/** @param {"model" | "lora"} kind @param {string} name */
export const portraitOf = (kind, name) => `loom/portraits/${kind}?name=${encodeURIComponent(name)}`;

/** Whether all words of a search occur in what is said of an item. @param {Item} one @param {string} search */
export const matches = (one, search) => {
  const said = [one.name, one.title, one.about, ...one.facts, ...(one.words ?? [])].join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => said.includes(word));
};

/** @param {Item} one @param {() => void} choose */
const cardOf = (one, choose) => {
  const card = el("button", one.on ? "pick on" : "pick");
  card.type = "button";
  card.disabled = Boolean(one.problem);
  card.onclick = choose;
  if (one.on) card.setAttribute("aria-current", "true");
  const face = el("span", "face", one.title.slice(0, 1).toUpperCase());
  if (one.picture) {
    const img = el("img");
    img.alt = "";
    img.setAttribute("loading", "lazy");
    img.src = one.picture;
    img.onerror = () => img.remove();
    face.append(img);
  }
  card.append(face, el("b", "", one.title), el("small", "", one.facts.join(" · ")));
  if (one.words?.length) card.append(el("small", "words", one.words.slice(0, 6).join(", ")));
  if (one.problem || one.about) card.append(el("small", one.problem ? "why" : "about", one.problem || one.about));
  return card;
};

/**
 * @param {{title: string, items: (again: boolean) => Promise<Item[]>, choose: (name: string) => void}} given
 */
export const openPicker = ({ title, items, choose }) => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask picker")));
  const heading = el("h2", "", title), search = el("input"), again = el("button", "quiet", "Refresh"), close = el("button", "close quiet", "×");
  const grid = el("div", "picks"), none = el("p", "none"), top = el("div", "asked");
  heading.id = "loom-picker-title";
  dialog.setAttribute("aria-labelledby", heading.id);
  search.type = /** @type {any} */ ("search");
  search.placeholder = "Search";
  search.setAttribute("aria-label", `Search: ${title}`);
  again.title = "Look into the folders again";
  close.setAttribute("aria-label", "Close");
  top.append(search, again);
  dialog.append(close, heading, top, none, grid);
  /** @type {Item[]} */
  let known = [];
  const draw = () => {
    const shown = known.filter((one) => matches(one, search.value.trim()));
    grid.replaceChildren(...shown.map((one) => cardOf(one, () => { dialog.close(); choose(one.name); })));
    none.hidden = shown.length > 0;
    none.textContent = known.length ? "None is like this." : "There is none in the folders.";
  };
  const load = async (/** @type {boolean} */ anew) => {
    again.disabled = true;
    if (!known.length) { none.hidden = false; none.textContent = "Looking into the folders…"; }
    known = await items(anew);
    again.disabled = false;
    draw();
  };
  search.addEventListener("input", draw);
  again.onclick = () => load(true);
  close.onclick = () => dialog.close();
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => {
    const cards = all(grid, ".pick:not(:disabled)"), at = cards.findIndex((card) => card === focused());
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || at < 0) return;
    event.preventDefault();
    cards[Math.max(0, Math.min(cards.length - 1, at + step))].focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  search.focus();
  void load(false);
  return find(dialog, ".picks");
};
