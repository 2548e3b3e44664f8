// @ts-check
/* What every panel of the Lab works with: jobs of its own, pictures that are dropped, charts, files. */
import { download, el, release, toast } from "../static/dom.js";
import { AWAY, WAITS, ask, cancel, send, watch } from "../static/jobs.js";

/** @typedef {import("../static/types.js").Found} Found */
/** @typedef {import("../static/types.js").JobState} JobState */
/**
 * @typedef {object} Desk
 * @property {() => string} model name of the chosen one
 * @property {(told: () => void) => void} follow told when another is chosen
 * @property {(file: File) => Promise<{path: string}>} upload
 * @property {(what: string, sent?: Record<string, unknown>) => Promise<any>} tell asks what is answered at once
 * @property {() => Runner} runner for one kind of job, of which the newest counts
 */
/**
 * @typedef {object} Runner
 * @property {Found} node its line and its Stop
 * @property {(what: string, sent: Record<string, unknown>, show: (state: JobState) => void) => Promise<void>} run
 *   begins a job in the place of the one before; `show` hears each of its states that has pictures or facts
 * @property {() => string | null} job the newest
 * @property {() => void} stop
 * @property {(told: () => void) => void} follow told when there are numbers to save
 */

export const busy = (/** @type {JobState} */ v) => WAITS.includes(v.state);
const line = (/** @type {any} */ v) => {
  if (v.state === "queued") return v.position > 0 ? `Waiting: ${v.position} before it` : "Starting…";
  if (busy(v)) return v.note || (v.total ? `Step ${v.step} of ${v.total}` : "Getting ready");
  if (v.state === "gone") return "It is no longer kept; begin it again.";
  return v.state === "done" ? "" : v.message;
};

/** @param {string} panel @param {import("./lab.js").Given} given @returns {Desk} */
export const deskOf = (panel, given) => ({
  model: given.model,
  follow: given.follow,
  upload: given.upload,
  tell: (what, sent = {}) => send(`loom/lab/${panel}/tell/${what}`, { model: given.model(), ...sent }),
  runner: () => {
    const node = el("p", "run-line"), said = el("span"), halt = el("button", "quiet", "Stop");
    said.setAttribute("role", "status");
    halt.type = "button";
    halt.hidden = true;
    node.append(said, halt);
    let turn = 0;
    /** @type {string | null} */
    let job = null;
    let leave = () => {}, ready = () => {};
    const say = (/** @type {string} */ text, warn = false) => {
      said.textContent = text;
      said.classList.toggle("warn", warn);
    };
    const stop = () => { if (job) cancel(job); };
    halt.onclick = stop;
    return {
      node,
      job: () => job,
      stop,
      follow: (told) => { ready = told; },
      run: async (what, sent, show) => {
        const mine = ++turn;
        leave();
        if (!halt.hidden) stop(); // the newest counts
        say("Starting…");
        node.dataset.state = "asked";
        const got = await send(`loom/lab/${panel}/${what}`, { model: given.model(), ...sent });
        if (mine !== turn) { if (got?.job) cancel(got.job); return; }
        if (!got?.job) { halt.hidden = true; node.dataset.state = "failed"; say(got?.error ?? AWAY, true); return; }
        job = got.job;
        await new Promise((done) => {
          leave = watch(got.job, (v) => {
            if (mine !== turn) { done(null); return; }
            node.dataset.state = v.state;
            halt.hidden = !busy(v);
            say(line(v), ["failed", "gone"].includes(v.state));
            show(v);
            if (v.state === "done") ready();
            if (!busy(v)) done(null);
          });
        });
      },
    };
  },
});

/**
 * An input of the page.
 * @param {string} type
 * @param {string} label said to those who do not see it
 * @param {Record<string, unknown>} [more] further properties
 */
export const field = (type, label, more = {}) => {
  const node = /** @type {HTMLInputElement} */ (document.createElement("input"));
  Object.assign(node, { type, ...more });
  node.setAttribute("aria-label", label);
  return node;
};
/** The same under words that are seen. @param {string} text @param {Element} input */
export const labelled = (text, input) => {
  const label = el("label", "lab-field", text);
  label.append(input);
  return label;
};
/** @param {string} text @param {string} title @param {() => void} act */
export const button = (text, title, act) => {
  const node = el("button", "quiet", text);
  node.type = "button";
  node.title = title;
  node.onclick = act;
  return node;
};

/**
 * A place for one picture: dropped, chosen or pasted from a result of the page.
 * @param {string} label
 * @param {Desk} desk
 * @param {(picture: {path: string} | null) => void} given told when there is another; null when it is taken away
 */
export const dropZone = (label, desk, given) => {
  const zone = el("div", "lab-drop loom-drop"), img = el("img"), choose = el("label", "quiet", "Choose a picture");
  const input = field("file", "Choose a picture", { accept: "image/*" });
  const clear = el("button", "quiet", "Remove"), words = el("p", "say", label);
  zone.setAttribute("role", "group");
  zone.setAttribute("aria-label", label);
  choose.append(input);
  clear.type = "button";
  clear.hidden = img.hidden = true;
  img.alt = "The picture that was given";
  const row = el("p", "do");
  row.append(choose, clear);
  zone.append(img, words, row);
  const take = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    let sent;
    try { sent = await desk.upload(file); } catch { toast("The picture could not be sent; is the studio still running?", "warn"); return; }
    if (img.src) URL.revokeObjectURL(img.src);
    img.src = URL.createObjectURL(file);
    img.hidden = clear.hidden = false;
    zone.classList.add("full");
    given({ path: sent.path });
  };
  input.addEventListener("change", () => { take(input.files?.[0]); input.value = ""; });
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove("over");
    take(event.dataTransfer?.files?.[0]);
  });
  clear.onclick = () => {
    img.hidden = clear.hidden = true;
    zone.classList.remove("full");
    given(null);
  };
  return zone;
};

/** A picture with words below it. @param {string} src @param {string} title @param {string} [note] @param {boolean} [pixels] shown as squares */
export const figure = (src, title, note = "", pixels = false) => {
  const node = el("figure", pixels ? "pixels" : ""), img = el("img"), words = el("figcaption");
  img.src = src;
  img.alt = title;
  words.append(el("b", "", title), el("span", "", note));
  node.append(img, words);
  return node;
};

/** A button that saves all that a runner's job has told. @param {Runner} runner @param {string} name of the file */
export const exporter = (runner, name) => {
  const node = button("Save the data", "All numbers of this as a JSON file", async () => {
    const job = runner.job(), got = job ? await ask(`loom/lab/data/${encodeURIComponent(job)}`) : null;
    if (!got || got.error) { toast(got?.error ?? AWAY, "warn"); return; }
    const url = URL.createObjectURL(new Blob([JSON.stringify(got, null, 1)], { type: "application/json" }));
    download(url, `${name}.json`);
    release(url);
  });
  node.disabled = true; // until there are numbers
  runner.follow(() => { node.disabled = false; });
  return node;
};

const SVG = "http://www.w3.org/2000/svg";
/**
 * Lines over the same places, each from 0 to its most.
 * @param {{name: string, values: number[]}[]} lines
 * @param {number} [at] the place that is marked
 */
export const chart = (lines, at) => {
  const node = el("figure", "lab-chart"), svg = document.createElementNS(SVG, "svg"), words = el("figcaption");
  svg.setAttribute("viewBox", "0 0 320 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", lines.map(({ name }) => name).join(", "));
  lines.forEach(({ name, values }, number) => {
    const most = Math.max(...values, 1e-9), path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `line-${number}`);
    path.setAttribute("d", values.map((value, i) => `${i ? "L" : "M"}${(i / Math.max(1, values.length - 1)) * 320},${97 - (value / most) * 94}`).join(""));
    svg.append(path);
    words.append(el("b", `line-${number}`, name));
  });
  if (at !== undefined) {
    const mark = document.createElementNS(SVG, "line"), x = String((at / Math.max(1, lines[0].values.length - 1)) * 320);
    for (const [key, value] of Object.entries({ x1: x, x2: x, y1: "0", y2: "100" })) mark.setAttribute(key, value);
    svg.append(mark);
  }
  node.append(svg, words);
  return node;
};
