// @ts-check
/* Small things that every part needs: nodes, notes, times. Text that comes from anywhere enters the
   page by textContent. */

/** @typedef {import("./types.js").Found} Found */

/**
 * A new node.
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {Found}
 */
export const el = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return /** @type {Found} */ (node);
};

/**
 * Finds what a component's template is known to hold.
 * @param {Element} root
 * @returns {(selector: string) => Found}
 */
export const finder = (root) => (selector) => /** @type {Found} */ (root.querySelector(selector));

/**
 * One node of a part that is known to hold it.
 * @param {ParentNode} root
 * @param {string} selector
 */
export const find = (root, selector) => /** @type {Found} */ (root.querySelector(selector));
/**
 * A node of the page that may not be there (yet).
 * @param {string} selector
 */
export const maybe = (selector) => /** @type {Found | null} */ (document.querySelector(selector));
/**
 * All of them.
 * @param {ParentNode} root
 * @param {string} selector
 */
export const all = (root, selector) => /** @type {Found[]} */ ([...root.querySelectorAll(selector)]);
/** What has the keyboard. */
export const focused = () => /** @type {Found | null} */ (document.activeElement);
/** Where an event happened. @param {Event} event */
export const near = (event) => /** @type {Found} */ (event.target);

/** @param {number} s */
export const seconds = (s) => (s < 9.95 ? `${s.toFixed(1)} s` : s < 90 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`);

/** @param {Element} button */
export const pressed = (button) => button.getAttribute("aria-pressed") === "true";
/** @param {Element} button @param {boolean} on */
export const press = (button, on) => button.setAttribute("aria-pressed", String(on));

/* Of open dialogs the one opened last lies on top, and all else is out of reach. */
/** @type {Element[]} */
const opened = [];
const top = () => {
  for (const dialog of document.querySelectorAll("dialog[open]")) if (!opened.includes(dialog)) opened.push(dialog);
  return opened.findLast((dialog) => dialog.isConnected && dialog.hasAttribute("open")) ?? document.body;
};
document.addEventListener("close", () => {
  opened.splice(0, opened.length, ...opened.filter((dialog) => dialog.hasAttribute("open")));
  for (const tray of document.querySelectorAll(".loom-tray")) top().append(tray); // notes outlive their dialog
}, true);

/**
 * A note in the corner.
 * @param {string} text
 * @param {string} [kind] "info", "warn", "error" or "choice"
 * @param {{keep?: boolean, closed?: (() => void) | null, act?: {label: string, run: () => void} | null | false,
 *   lines?: string[], kept?: string[]}} [more]
 *   `act` is a button in the note; `keep` leaves it until it is dismissed; `lines` are listed below the text, and
 *   `kept` below those, folded.
 * @returns {Found}
 */
export const toast = (
  text, kind = "info", { keep = false, closed = null, act = null, lines = [], kept = [] } = {},
) => {
  // What asks for a press elsewhere must not lie over the buttons.
  const place = kind === "choice" || lines.length ? "loom-tray left" : "loom-tray";
  let tray = document.querySelector(`[class="${place}"]`);
  if (!tray) {
    tray = el("div", place);
    tray.setAttribute("role", "status");
  }
  const home = top();
  if (tray.parentElement !== home) home.append(tray);
  const note = el("div", `loom-note ${kind}`);
  const words = el("div", "words");
  words.append(el("p", "", text));
  if (lines.length) {
    const list = el("ul");
    for (const line of lines) list.append(el("li", "", line));
    words.append(list);
  }
  if (kept.length) {
    const fold = el("details");
    fold.append(el("summary", "", "As it was written"), el("pre", "", kept.join("\n")));
    words.append(fold);
  }
  note.append(words);
  const close = el("button", "", "×");
  close.setAttribute("aria-label", "Dismiss");
  close.onclick = () => { note.remove(); closed?.(); };
  if (act) {
    const button = el("button", "act", act.label);
    button.onclick = () => { note.remove(); act.run(); };
    note.append(button);
  }
  note.append(close);
  tray.append(note);
  while (tray.children.length > 4) tray.firstChild?.remove();
  if (!keep) setTimeout(() => note.remove(), kind === "info" && !act ? 6000 : 15000);
  return note;
};

/**
 * Saves a file that the page has.
 * @param {string} href
 * @param {string} name
 */
export const download = (href, name) => {
  const link = /** @type {HTMLAnchorElement} */ (document.createElement("a"));
  link.href = href;
  link.download = name;
  link.click();
};

/** Lets a fetched picture go, once nothing can still be about to show it. @param {string} url */
export const release = (url) => { setTimeout(() => URL.revokeObjectURL(url), 30_000); };
