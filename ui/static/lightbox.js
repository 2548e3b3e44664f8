// @ts-check
/* One picture over the whole window: fitted, zoomed to its pixels, moved; arrows and swipes go on. */
import { el, find, focused } from "./dom.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {{src: string, name: string, words: string, past?: import("./types.js").Past}} Shown */
/** @typedef {{length: number, get: (index: number) => Shown | undefined, want: (index: number) => Promise<void>}} Deck a list of which pieces come when they are wanted */
/** @typedef {{close: () => void, again: () => void}} Opened `again` after something changed in what is shown */
/** @typedef {{acts?: (shown: Shown, box: Opened) => HTMLElement[], left?: (at: number) => void}} More buttons for a picture; called as it closes */
/** @typedef {{scale: number, x: number, y: number}} View of the picture's middle, from the window's */
/** @typedef {{width: number, height: number}} Box */

const MOST = 32, SWIPE_PX = 60;

/**
 * All pictures of a page's runs, oldest first, and where the one on the canvas stands among them.
 * @param {JobState[]} runs newest first
 * @param {JobState} now what the stage shows
 * @param {string} src of its picture
 * @returns {{items: Shown[], at: number}}
 */
export const gather = (runs, now, src) => {
  const all = runs.some((one) => one.job === now.job) ? runs : [now, ...runs];
  const items = all.toReversed().flatMap((run) => run.results.map((one) => ({
    src: one.url, name: one.name, words: [`seed ${one.seed}`, `${one.width} × ${one.height}`, one.label].filter(Boolean).join(" · "),
  })));
  const at = items.findIndex((one) => one.src === src);
  if (at >= 0) return { items, at };
  // A preview, or a step of the timeline: nothing that stays.
  return { items: [...items, { src, name: "", words: "as it forms" }], at: items.length };
};

/** @param {Box} picture @param {Box} room */
export const fitted = (picture, room) => Math.min(room.width / picture.width, room.height / picture.height);

/** No further than its edges. @param {View} view @param {Box} picture @param {Box} room @returns {View} */
export const within = ({ scale, x, y }, picture, room) => {
  const most = (/** @type {number} */ side, /** @type {number} */ space) => Math.max(0, (side * scale - space) / 2);
  const [across, down] = [most(picture.width, room.width), most(picture.height, room.height)];
  return { scale, x: Math.max(-across, Math.min(across, x)), y: Math.max(-down, Math.min(down, y)) };
};

/**
 * Zoomed so that what lies under a point stays there.
 * @param {View} view
 * @param {number} scale wanted
 * @param {{x: number, y: number}} at from the window's middle
 * @param {Box} picture
 * @param {Box} room
 * @returns {View}
 */
export const zoomed = (view, scale, at, picture, room) => {
  const fit = fitted(picture, room), to = Math.max(Math.min(fit, 1), Math.min(MOST, scale)), by = to / view.scale;
  return within({ scale: to, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by }, picture, room);
};

/** What one click goes to: the picture's own pixels, or where it is shown larger already, twice that. @param {number} fit */
export const closer = (fit) => (fit < 0.95 ? 1 : 2 * Math.ceil(fit));

const TEMPLATE = `<div class="room"><img alt="" draggable="false"></div>
  <div class="foot"><p class="words"></p><div class="acts" role="group" aria-label="This picture"></div></div>
  <button type="button" class="before quiet" aria-label="Picture before">‹</button>
  <button type="button" class="after quiet" aria-label="Next picture">›</button>
  <div class="tools"><button type="button" class="zoom quiet" aria-pressed="false">Pixels</button>
  <a class="save quiet">Download</a><button type="button" class="close quiet" aria-label="Close">×</button></div>`;

/** @param {Shown[]} list @returns {Deck} */
const deckOf = (list) => ({ length: list.length, get: (index) => list[index], want: async () => {} });

/** @type {((items: Deck, at: number, more: More) => void) | null} */
let open = null;

const made = () => {
  const dialog = el("dialog", "lightbox");
  dialog.setAttribute("aria-label", "Picture at full size");
  dialog.tabIndex = -1; // has the keyboard itself, so that Space closes it and presses none of its buttons
  dialog.innerHTML = TEMPLATE; // ours, with nothing of anybody in it
  document.body.append(dialog);
  const $ = (/** @type {string} */ selector) => find(dialog, selector);
  const img = $("img"), zoom = $(".zoom");
  /** @type {Deck} */
  let items = deckOf([]);
  /** @type {More} */
  let more = {};
  let at = 0, fits = true, dragged = false;
  /** @type {View} */
  let view = { scale: 1, x: 0, y: 0 };
  const room = () => ({ width: $(".room").clientWidth, height: $(".room").clientHeight });
  const picture = () => ({ width: img.naturalWidth || 1, height: img.naturalHeight || 1 });
  const draw = () => {
    img.style.width = `${picture().width}px`;
    img.style.transform = `translate(-50%, -50%) translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    img.classList.toggle("pixels", view.scale > 2);
    zoom.setAttribute("aria-pressed", String(!fits));
    dialog.classList.toggle("near", !fits);
    dialog.dataset.scale = view.scale.toFixed(3);
  };
  const fit = () => {
    fits = true;
    view = { scale: fitted(picture(), room()), x: 0, y: 0 };
    draw();
  };
  const to = (/** @type {number} */ scale, /** @type {{x: number, y: number}} */ point) => {
    view = zoomed(view, scale, point, picture(), room());
    fits = view.scale <= fitted(picture(), room()) * 1.001;
    draw();
  };
  const toggle = (point = { x: 0, y: 0 }) => { if (fits) to(closer(view.scale), point); else fit(); };
  const show = (/** @type {number} */ index) => {
    at = Math.max(0, Math.min(items.length - 1, index));
    if (!items.length) { dialog.close(); return; }
    const one = items.get(at);
    if (!one) { void items.want(at).then(() => { if (at === index && items.get(at)) show(at); }); return; }
    img.alt = `Picture ${at + 1} of ${items.length}, ${one.words}`;
    $(".words").textContent = `${one.words} · ${at + 1} of ${items.length}`;
    $(".before").disabled = at === 0;
    $(".after").disabled = at === items.length - 1;
    $(".save").hidden = !one.name;
    $(".save").href = one.src;
    $(".save").download = one.name;
    const held = focused()?.closest(".acts") ? focused()?.classList[0] : null;
    $(".acts").replaceChildren(...(more.acts?.(one, { close: () => dialog.close(), again: () => { if (dialog.open) show(at); } }) ?? []));
    if (held) find($(".acts"), `.${held}`)?.focus();
    if (img.getAttribute("src") !== one.src) img.src = one.src;
    fit();
  };
  const fromMiddle = (/** @type {PointerEvent | WheelEvent | MouseEvent} */ event) => {
    const box = $(".room").getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  };
  // Somebody who zooms before the picture has come keeps what they zoomed to.
  img.addEventListener("load", () => { if (fits) fit(); else to(view.scale, { x: 0, y: 0 }); });
  addEventListener("resize", () => { if (dialog.open) fit(); });
  zoom.addEventListener("click", () => toggle());
  $(".before").addEventListener("click", () => show(at - 1));
  $(".after").addEventListener("click", () => show(at + 1));
  $(".close").addEventListener("click", () => dialog.close());
  // A button that is switched off gives the keyboard away, so the whole page is listened to.
  document.addEventListener("keydown", (event) => {
    const on = /** @type {Element} */ (event.target);
    if (!dialog.open || (on.closest("dialog") ?? dialog) !== dialog || on.matches("select")) return;
    const onButton = on.matches("button, a") && (event.key === " " || event.key === "Enter");
    if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(items.length - 1);
    else if (event.key === "+" || event.key === "=") to(view.scale * 1.5, { x: 0, y: 0 });
    else if (event.key === "-") to(view.scale / 1.5, { x: 0, y: 0 });
    else if (event.key === " " && !onButton) dialog.close();
    else return;
    event.preventDefault();
  });
  $(".room").addEventListener("wheel", (event) => {
    event.preventDefault();
    to(view.scale * Math.exp(-event.deltaY / 400), fromMiddle(event));
  }, { passive: false });
  /* Fingers and the mouse: one moves a near picture or swipes, two zoom. */
  /** @type {Map<number, {x: number, y: number}>} */
  const held = new Map();
  let begun = { x: 0, y: 0 };
  const apart = () => { const [a, b] = [...held.values()]; return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0; };
  $(".room").addEventListener("pointerdown", (event) => {
    $(".room").setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 1) { begun = { x: event.clientX, y: event.clientY }; dragged = false; }
  });
  $(".room").addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const far = apart();
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (Math.hypot(event.clientX - begun.x, event.clientY - begun.y) > 6) dragged = true;
    if (held.size === 2 && far) to((view.scale * apart()) / far, fromMiddle(event));
    else if (!fits) {
      view = within({ ...view, x: view.x + event.clientX - before.x, y: view.y + event.clientY - before.y }, picture(), room());
      draw();
    }
  });
  const let_go = (/** @type {PointerEvent} */ event) => {
    const alone = held.size === 1, moved = event.clientX - begun.x;
    if (!held.delete(event.pointerId) || !alone || event.type === "pointercancel") return;
    if (!dragged) toggle(fromMiddle(event));
    else if (fits && Math.abs(moved) > SWIPE_PX) show(at + (moved < 0 ? 1 : -1));
  };
  for (const name of ["pointerup", "pointercancel"]) $(".room").addEventListener(name, /** @type {any} */ (let_go));
  dialog.addEventListener("close", () => { more.left?.(at); more = {}; });
  return (/** @type {Deck} */ list, /** @type {number} */ index, /** @type {More} */ further) => {
    items = list;
    more = further;
    show(index);
    dialog.showModal();
    dialog.focus();
    fit();
  };
};

/**
 * Opens it; what runs goes on behind.
 * @param {Shown[] | Deck} items
 * @param {number} at
 * @param {More} [more]
 */
export const openLightbox = (items, at, more = {}) => {
  open ??= made();
  open(Array.isArray(items) ? deckOf(items) : items, at, more);
};
