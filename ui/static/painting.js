// @ts-check
/* What is painted on a tab's picture goes with the form: the way to the easel, what lies on it, and its files. */
import { el, find, maybe } from "./dom.js";
import { easelOf } from "./easel.js";
import { keepMarks, keepPicture } from "./kept_picture.js";
import { loom } from "./registry.js";
import { paintedWords } from "./strokes.js";
import { onceThere } from "../gradio_compat/late_folds.js";

/** @typedef {import("./types.js").Mounted} Mounted */
/** @typedef {{mask: {path: string} | null, sketch: {path: string} | null, only: boolean}} Painted files of the layers, and whether no more than what is sketched is drawn anew */

const CALM_MS = 400; // after a stroke, until it is sent along

/* Called by the page with the file in a tab's picture field. */
/** @param {string} place a tab, or a tab and its part @param {{url?: string, orig_name?: string} | null} image */
export const laid = (place, image) => {
  const marks = keepPicture(place, image), src = image?.url ?? "";
  loom.easels[place]?.lay(src, marks);
  loom.stages[place]?.given(src);
};

/**
 * The values of a press with what is painted now, which the form may not have heard of yet; null where it could not be
 * sent. `false` is for a picture of its own, on which nothing is painted.
 * @param {string} mode
 * @param {Record<string, any>} values
 */
export const withPainted = async (mode, values) => {
  const easel = loom.easels[mode];
  if (values.painted === false) return { ...values, painted: null };
  if (!easel?.words()) return values;
  try { return { ...values, painted: await easel.files() }; } catch { return null; }
};

/** @param {HTMLElement} element @param {Mounted} given */
export const mountPainting = (element, { mode, props, upload }) => {
  const $ = (/** @type {string} */ selector) => find(element, selector);
  const door = $(".easel-door"), onCanvas = el("button", "paint quiet", "Paint");
  onCanvas.type = "button";
  onCanvas.hidden = true;
  onCanvas.title = "Paint a mask or a colour sketch on the picture";
  let sent = -1, calm = 0;
  /** @type {Promise<Painted | null>} */
  let files = Promise.resolve(null);

  /* Sends each layer that has something on it; the same marks once. */
  const send = () => {
    const { turn, share, only, file } = easel;
    if (sent !== turn()) {
      sent = turn();
      const { mask, sketch } = share(), mine = sent;
      const up = async (/** @type {"mask" | "sketch"} */ layer, /** @type {number} */ of) => (of > 0 ? { path: (await upload(await file(layer))).path } : null);
      files = Promise.all([up("mask", mask), up("sketch", sketch)]).then(
        ([one, other]) => (one || other ? { mask: one, sketch: other, only: only() } : null));
      files.catch(() => { if (sent === mine) sent = -1; }); // once more with the next press
    }
    return files.then((painted) => painted && { ...painted, only: only() });
  };
  const show = () => {
    const words = easel.words(), { mask, sketch } = easel.share();
    door.hidden = !easel.hasPicture();
    onCanvas.hidden = !easel.hasPicture() || easel.isOpen();
    $(".said").hidden = Boolean(words);
    for (const [layer, share] of Object.entries({ mask, sketch })) {
      $(`.clear-${layer}`).hidden = !share;
      $(`.clear-${layer} span`).textContent = paintedWords({ mask: 0, sketch: 0, [layer]: share });
    }
    $(".paint").setAttribute("aria-pressed", String(easel.isOpen()));
    const fold = maybe(`#${mode}-mask > button.label-wrap`);
    if (fold) {
      let badge = find(fold, ".painted");
      if (mask && !badge) fold.append((badge = el("span", "badge painted", "painted")));
      if (!mask) badge?.remove();
    }
    loom.forms[mode]?.sum();
  };
  const painted = () => {
    show();
    clearTimeout(calm);
    delete door.dataset.sent;
    keepMarks(mode, easel.marks());
    if (!easel.words()) { props.value = null; return; }
    const { turn } = easel, mine = turn();
    calm = setTimeout(() => { send().then((now) => { if (mine === turn()) { props.value = now; door.dataset.sent = "true"; } }, () => {}); }, CALM_MS);
  };
  const easel = easelOf(mode, (what) => { if (what === "painted") painted(); else show(); });
  loom.easels[mode] = {
    lay: easel.lay, close: easel.close, words: easel.words, share: easel.share,
    files: async () => { clearTimeout(calm); return send(); },
  };
  const toggle = () => { if (!easel.close()) easel.open(); };
  $(".paint").addEventListener("click", () => {
    toggle();
    if (easel.isOpen() && innerWidth <= 900) easel.box.scrollIntoView({ block: "center" });
  });
  onCanvas.addEventListener("click", toggle);
  $(".clear-mask").addEventListener("click", () => easel.clear("mask"));
  $(".clear-sketch").addEventListener("click", () => easel.clear("sketch"));
  onceThere(() => maybe(`#${mode}-stage .canvas`), (canvas) => { canvas.append(easel.box); find(canvas, ".corner").prepend(onCanvas); });
  show();
};
