// @ts-check
/* The easel: a tab's input picture on the big canvas, with a mask and a colour sketch painted over it. What is shown near
   or far, and what the pointer and the keys do; the marks themselves are kept in `strokes`. */
import { el, find, focused, press, toast } from "./dom.js";
import { fitted, within, zoomed } from "./lightbox.js";
import { LAYERS, covered, farther, harden, hexOf, journal, layerSize, paintedWords, put } from "./strokes.js";
import { frameOf } from "./frame.js";
import { TOOLBAR, keptTools, keepTools } from "./easel_tools.js";

/** @typedef {import("./strokes.js").Layer} Layer */
/** @typedef {import("./strokes.js").Mark} Mark */
/** @typedef {import("./lightbox.js").View} View */

const MASK_TINT = "#ff2fb0", MOST_ZOOM = 32, SMALL = 96;
const TYPED = "input:not([type=range], [type=checkbox], [type=color]), textarea, select, [contenteditable]";

const layerOf = (/** @type {string} */ name) => {
  const canvas = /** @type {HTMLCanvasElement} */ (/** @type {unknown} */ (el("canvas", name)));
  return { canvas, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true })) };
};

/**
 * @param {string} mode
 * @param {(what: "painted" | "open") => void} told called when something was painted, and when it opens or closes
 */
export const easelOf = (mode, told) => {
  const box = el("div", "easel");
  box.tabIndex = -1;
  box.hidden = true;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Paint on the picture");
  box.innerHTML = TOOLBAR; // ours, with nothing of anybody in it
  const $ = (/** @type {string} */ selector) => find(box, selector);
  const room = $(".room"), sheet = $(".sheet"), ring = $(".ring"), picture = el("img");
  picture.alt = "The picture that is painted on";
  picture.draggable = false;
  const layers = { mask: layerOf("mask"), sketch: layerOf("sketch") }, before = layerOf("before");
  sheet.append(picture, layers.sketch.canvas, layers.mask.canvas);
  const book = journal(), tools = keptTools(), source = /** @type {HTMLImageElement} */ (/** @type {unknown} */ (picture));
  let src = "", share = { mask: 0, sketch: 0 };
  /** @type {View} */
  let view = { scale: 1, x: 0, y: 0 };
  let fits = true, framing = false;
  const frame = frameOf(mode, room, () => { if (framing) fit(); });
  /** @type {PointerEvent | null} where the pointer is over the picture */
  let over = null;
  /** @type {Mark | null} */
  let mark = null;
  /** @type {{marks: Mark[], width: number, height: number} | null} of the picture before, for one of its size */
  let spare = null;
  /** @type {number[] | null} where the last stroke ended, for a straight line from there */
  let last = null;

  const size = () => ({ width: picture.naturalWidth || 1, height: picture.naturalHeight || 1 });
  const space = () => ({ width: room.clientWidth - 16, height: room.clientHeight - 16 });
  const longest = () => Math.max(layers.mask.canvas.width, layers.mask.canvas.height);
  const brush = () => Math.max(1, Math.round(tools.sizes[tools.layer] * longest()));

  const draw = () => {
    sheet.style.width = `${size().width}px`;
    sheet.style.height = `${size().height}px`;
    sheet.style.transform = `translate(-50%, -50%) translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    sheet.classList.toggle("pixels", view.scale > 3);
    box.dataset.scale = view.scale.toFixed(3);
    if (over) ringAt(over);
    $(".zoom output").textContent = `${Math.round(100 * view.scale)} %`;
    const { width, height } = size(), shown = { width: width * view.scale, height: height * view.scale };
    frame.draw({ ...shown, left: room.clientWidth / 2 + view.x - shown.width / 2, top: room.clientHeight / 2 + view.y - shown.height / 2 }, framing);
  };
  /* With room around it for a frame that is larger, or that is about to be. */
  const whole = () => {
    const { width, height } = framing || frame.grows() ? frame.extent(size()) : { width: 1, height: 1 }, more = framing ? 1.25 : 1;
    return fitted({ width: size().width * width * more, height: size().height * height * more }, space());
  };
  const fit = () => { fits = true; view = { scale: whole(), x: 0, y: 0 }; draw(); };
  const to = (/** @type {number} */ scale, /** @type {{x: number, y: number}} */ point = { x: 0, y: 0 }) => {
    const least = whole();
    view = zoomed(view, Math.min(MOST_ZOOM, Math.max(least, scale)), point, size(), space());
    fits = view.scale <= least * 1.001;
    draw();
  };
  const move = (/** @type {number} */ x, /** @type {number} */ y) => { view = within({ ...view, x: view.x + x, y: view.y + y }, size(), space()); draw(); };
  new ResizeObserver(() => { if (!box.hidden && room.clientWidth) { if (fits) fit(); else to(view.scale); } }).observe(room);

  /* A layer as its marks say. */
  const paint = (/** @type {Layer} */ layer) => {
    const { canvas, context } = layers[layer];
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const one of book.on(layer)) put(context, one);
  };
  const measure = () => {
    const small = layerOf("small");
    small.canvas.width = small.canvas.height = SMALL;
    for (const layer of LAYERS) {
      if (!book.on(layer).length) { share[layer] = 0; continue; }
      const { canvas, context } = layers[layer];
      small.context.clearRect(0, 0, SMALL, SMALL);
      small.context.drawImage(canvas, 0, 0, SMALL, SMALL);
      // A dot may be too small to be seen so.
      share[layer] = covered(small.context.getImageData(0, 0, SMALL, SMALL).data) || covered(context.getImageData(0, 0, canvas.width, canvas.height).data);
    }
  };
  const settle = () => {
    measure();
    $(".undo").disabled = !book.canUndo;
    $(".redo").disabled = !book.canRedo;
    $(".clear").disabled = !book.on(tools.layer).length;
    told("painted");
  };
  const step = (/** @type {boolean} */ done) => { if (done) { LAYERS.forEach(paint); settle(); } };
  const clear = (/** @type {Layer} */ layer) => {
    if (!book.on(layer).length) return;
    book.add({ layer, kind: "clear", erase: false, colour: "", size: 0, opacity: 1, points: [] });
    paint(layer);
    settle();
  };

  const show = () => {
    press($(".to-mask"), !framing && tools.layer === "mask");
    press($(".to-sketch"), !framing && tools.layer === "sketch");
    press($(".to-frame"), framing);
    $(".to-frame").hidden = !frame.can();
    box.classList.toggle("framing", framing);
    for (const [name, tool] of [["brush", "brush"], ["lasso", "lasso"], ["dropper", "pick"]]) press($(`.${name}`), tools.tool === tool);
    press($(".erase"), tools.erase);
    $(".size input").value = String(Math.round(100 * Math.sqrt(tools.sizes[tools.layer] / 0.5)));
    $(".size input").style.setProperty("--at", `${$(".size input").value}%`);
    $(".size output").textContent = `${brush()} px`;
    $(".tint input").value = tools.colour;
    $(".opacity input").value = String(Math.round(100 * tools.opacity));
    $(".opacity input").style.setProperty("--at", `${$(".opacity input").value}%`);
    $(".only input").checked = tools.only;
    $(".clear").disabled = !book.on(tools.layer).length;
    const clears = tools.layer === "mask" ? "Clear the mask" : "Clear the sketch";
    $(".clear").title = `${clears}; the picture stays`;
    $(".clear").setAttribute("aria-label", clears);
    box.dataset.layer = tools.layer;
    box.dataset.tool = tools.tool;
    if (over) ringAt(over);
    keepTools(tools);
  };
  const choose = (/** @type {Partial<typeof tools>} */ now) => {
    Object.assign(tools, now);
    if (framing) { framing = false; fit(); }
    show();
  };
  const outpaint = () => { framing = frame.can(); show(); fit(); };
  const grow = (/** @type {number} */ by) => {
    tools.sizes[tools.layer] = Math.min(0.5, Math.max(0.001, tools.sizes[tools.layer] * by));
    show();
  };

  /* The pointer: one paints, two move and zoom, Space or the middle button moves; the right button erases. */
  /** @type {Map<number, {x: number, y: number}>} */
  const held = new Map();
  let spaced = false, moving = false, due = 0;
  const place = (/** @type {{clientX: number, clientY: number}} */ event) => {
    const at = sheet.getBoundingClientRect(), { width, height } = layers.mask.canvas;
    return [((event.clientX - at.left) / at.width) * width, ((event.clientY - at.top) / at.height) * height];
  };
  const fromMiddle = (/** @type {{clientX: number, clientY: number}} */ event) => {
    const at = room.getBoundingClientRect();
    return { x: event.clientX - at.left - at.width / 2, y: event.clientY - at.top - at.height / 2 };
  };
  const ringAt = (/** @type {PointerEvent} */ event) => {
    over = event;
    const at = room.getBoundingClientRect(), wide = (brush() * sheet.getBoundingClientRect().width) / layers.mask.canvas.width;
    ring.hidden = event.pointerType === "touch" || tools.tool !== "brush" || spaced || framing;
    ring.style.width = ring.style.height = `${Math.max(3, wide)}px`;
    ring.style.left = `${event.clientX - at.left}px`;
    ring.style.top = `${event.clientY - at.top}px`;
    ring.classList.toggle("away", (event.buttons & 2) > 0 || tools.erase);
  };
  const preview = () => {
    due = 0;
    if (!mark) return;
    const { canvas, context } = layers[mark.layer];
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(before.canvas, 0, 0);
    put(context, mark);
  };
  const begin = (/** @type {PointerEvent} */ event) => {
    const { layer } = tools, { canvas } = layers[layer];
    before.canvas.width = canvas.width;
    before.canvas.height = canvas.height;
    before.context.drawImage(canvas, 0, 0);
    const at = place(event), line = event.shiftKey && last && tools.tool === "brush" ? [last, at] : [at];
    mark = {
      layer, kind: tools.tool === "lasso" ? "lasso" : "brush", erase: tools.erase || event.button === 2,
      colour: layer === "mask" ? MASK_TINT : tools.colour, size: brush(), opacity: layer === "mask" ? 1 : tools.opacity, points: line,
    };
    preview();
  };
  const end = (/** @type {boolean} */ keep) => {
    const done = mark;
    mark = null;
    cancelAnimationFrame(due);
    due = 0;
    if (!done) return;
    const whole = keep && (done.kind === "brush" || done.points.length > 2);
    if (whole) { book.add(done); last = done.points.at(-1) ?? null; }
    paint(done.layer);
    settle();
  };
  /* The colour that is seen there: of the sketch where there is one, else of the picture. */
  const pick = (/** @type {PointerEvent} */ event) => {
    const one = layerOf("one"), [x, y] = place(event), { width, height } = layers.mask.canvas;
    one.canvas.width = one.canvas.height = 1;
    for (const part of [source, layers.sketch.canvas]) one.context.drawImage(part, -x, -y, width, height);
    const [r, g, b, alpha] = one.context.getImageData(0, 0, 1, 1).data;
    if (alpha) choose({ colour: hexOf([r, g, b]), layer: "sketch", erase: false, ...(tools.tool === "pick" && { tool: "brush" }) });
  };
  const apart = () => { const [a, b] = [...held.values()]; return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0; };
  room.addEventListener("contextmenu", (event) => event.preventDefault());
  room.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    box.focus({ preventScroll: true });
    room.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 2) { end(false); moving = true; return; }
    moving = spaced || framing || event.button === 1;
    if (moving) return;
    if (event.altKey || tools.tool === "pick") { pick(event); return; }
    begin(event);
  });
  room.addEventListener("pointermove", (event) => {
    ringAt(event);
    const was = held.get(event.pointerId);
    if (!was) return;
    const far = apart();
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 2 && far) { to((view.scale * apart()) / far, fromMiddle(event)); move((event.clientX - was.x) / 2, (event.clientY - was.y) / 2); }
    else if (moving) move(event.clientX - was.x, event.clientY - was.y);
    else if (mark) {
      const seen = event.getCoalescedEvents?.() ?? [];
      for (const one of seen.length ? seen : [event]) mark.points = farther(mark.points, place(one));
      due ||= requestAnimationFrame(preview);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) room.addEventListener(name, /** @type {any} */ ((/** @type {PointerEvent} */ event) => {
    if (!held.delete(event.pointerId)) return;
    end(name === "pointerup");
    if (!held.size) moving = false;
  }));
  room.addEventListener("pointerleave", () => { over = null; ring.hidden = true; });
  room.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.altKey) grow(Math.exp(-event.deltaY / 400));
    else to(view.scale * Math.exp(-event.deltaY / 400), fromMiddle(event));
  }, { passive: false });

  const ui = { // what a button does, by its class
    "to-mask": () => choose({ layer: "mask" }), "to-sketch": () => choose({ layer: "sketch" }), "to-frame": outpaint,
    brush: () => choose({ tool: "brush" }), lasso: () => choose({ tool: "lasso" }), dropper: () => choose({ tool: "pick", layer: "sketch" }),
    erase: () => choose({ erase: !tools.erase }), undo: () => step(book.undo()), redo: () => step(book.redo()),
    clear: () => clear(tools.layer), nearer: () => to(view.scale * 1.5), farther: () => to(view.scale / 1.5), fit, done: () => close(),
  };
  /* A press by pointer gives the keyboard back to the picture, so that Space moves it. */
  for (const [name, act] of Object.entries(ui)) $(`button.${name}`).addEventListener("click", (event) => { act(); if (event.detail && !box.hidden) box.focus({ preventScroll: true }); });
  for (const name of ["size", "opacity"]) $(`.${name} input`).addEventListener("pointerup", () => box.focus({ preventScroll: true }));
  $(".size input").addEventListener("input", (event) => {
    tools.sizes[tools.layer] = Math.max(0.001, 0.5 * (Number(/** @type {any} */ (event.target).value) / 100) ** 2);
    show();
  });
  $(".tint input").addEventListener("input", (event) => choose({ colour: /** @type {any} */ (event.target).value, erase: false }));
  $(".opacity input").addEventListener("input", (event) => choose({ opacity: Math.max(0.02, Number(/** @type {any} */ (event.target).value) / 100) }));
  $(".only input").addEventListener("change", (event) => { choose({ only: /** @type {any} */ (event.target).checked }); told("painted"); });

  /** @type {Record<string, () => void>} by key */
  const keys = {
    b: ui.brush, l: ui.lasso, i: ui.dropper, e: ui.erase, m: ui["to-mask"], s: ui["to-sketch"], f: outpaint, x: () => choose({ layer: tools.layer === "mask" ? "sketch" : "mask" }),
    "[": () => grow(1 / 1.15), "]": () => grow(1.15), "+": ui.nearer, "=": ui.nearer, "-": ui.farther, 0: fit, Escape: () => close(), Enter: () => close(),
  };
  const takesKeys = () => !box.hidden && box.offsetParent !== null && !document.querySelector("dialog[open]") && !focused()?.closest(TYPED);
  addEventListener("keydown", (event) => {
    if (!takesKeys()) return;
    const control = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (control && (key === "z" || key === "y")) step(event.shiftKey || key === "y" ? book.redo() : book.undo());
    else if (control || (key === "Enter" && focused()?.matches("button"))) return;
    else if (key === " " && !focused()?.matches("button, input")) { spaced = true; room.classList.add("moves"); ring.hidden = true; }
    else if (Object.hasOwn(keys, key)) keys[key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  addEventListener("keyup", (event) => { if (event.key === " ") { spaced = false; room.classList.remove("moves"); } });

  const stageRoot = () => /** @type {HTMLElement | null} */ (box.closest(".stage"));
  const open = () => {
    if (!src) return false;
    box.hidden = false;
    stageRoot()?.classList.add("painting");
    show();
    if (fits) fit(); else draw();
    box.focus({ preventScroll: true });
    told("open");
    return true;
  };
  function close() {
    if (box.hidden) return false;
    end(true);
    box.hidden = true;
    stageRoot()?.classList.remove("painting");
    told("open");
    return true;
  }
  /* Another picture is in the field: what was painted on the last one goes, and comes back if it fits. */
  const lay = async (/** @type {string} */ now, /** @type {Mark[]} */ marks = []) => {
    if (now === src) return;
    if (src && book.marks.some((one) => one.kind !== "clear")) spare = { marks: book.marks, ...size() };
    src = now;
    book.reset();
    if (!now) { picture.removeAttribute("src"); close(); settle(); return; }
    picture.src = now;
    try { await source.decode(); } catch { /* it is said where it is used */ }
    if (src !== now) return;
    const { width, height } = layerSize(size().width, size().height);
    for (const layer of LAYERS) Object.assign(layers[layer].canvas, { width, height });
    fits = true;
    if (!box.hidden) fit();
    if (marks.length) { book.reset(marks); LAYERS.forEach(paint); }
    settle();
    const kept = spare;
    spare = null;
    if (kept?.width === size().width && kept.height === size().height) toast("Another picture; what was painted on the last one is taken off.", "info", {
      act: { label: "Put it on this one", run: () => { if (src === now) { book.reset(kept.marks); LAYERS.forEach(paint); settle(); } } },
    });
  };

  /** A layer as a PNG: the mask white on black, the sketch on nothing. @param {Layer} layer @returns {Promise<File>} */
  const file = async (layer) => {
    const out = layerOf("out"), { canvas } = layers[layer], { context } = out;
    Object.assign(out.canvas, { width: canvas.width, height: canvas.height });
    context.drawImage(canvas, 0, 0);
    if (layer === "mask") {
      const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
      harden(pixels.data);
      context.putImageData(pixels, 0, 0);
    }
    const blob = await new Promise((go) => out.canvas.toBlob(go, "image/png"));
    return new File([/** @type {Blob} */ (blob)], `${layer}.png`, { type: "image/png" });
  };
  show();
  return {
    box, open, close, lay, file, clear,
    isOpen: () => !box.hidden,
    hasPicture: () => Boolean(src),
    marks: () => book.marks,
    turn: () => book.turn,
    /** How much of each layer is covered. */
    share: () => ({ ...share }),
    only: () => tools.only,
    words: () => paintedWords(share),
  };
};
