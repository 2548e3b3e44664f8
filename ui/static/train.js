// @ts-check
/* The training panel: what to learn from, and how the training goes. */
import { all, el, find, finder, focused, toast } from "./dom.js";
import { onGathered } from "./events.js";
import { AWAY, WAITS, ask, cancel, send, watch } from "./jobs.js";
import { loom } from "./registry.js";

const PICTURE = /\.(png|jpe?g|webp|bmp)$/i, TAKEN = /\.(png|jpe?g|webp|bmp|zip|jsonl|txt)$/i;
const SVG = "http://www.w3.org/2000/svg";
/** @type {{files: any[], sending?: boolean}} */
const training = { files: [] };
const seconds = (s) => (s < 90 ? `${Math.ceil(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);
const session = (key, value) => {
  try {
    if (value === undefined) return JSON.parse(sessionStorage.getItem(key) ?? "null");
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch { return null; }
};

/* A dropped folder, with all that is in it. */
const walk = async (entry, below = "") => {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad));
    return [{ file, name: below + file.name }];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (!some.length) return found;
    for (const inside of some) found.push(...await walk(inside, `${below}${entry.name}/`));
  }
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountTrainPictures = (element, { upload }) => {
  const zone = find(element, ".loom-drop"), cards = find(element, ".cards");
  const status = find(element, "[role=status]"), clear = find(element, ".clear");

  const keep = () => session("loom.train.files", training.files.map(({ path, name, caption }) => ({ path, name, caption })));
  const card = (item) => {
    const node = el("div", PICTURE.test(item.name) ? "card" : "card file");
    const short = item.name.split("/").at(-1);
    if (PICTURE.test(item.name)) {
      const img = el("img");
      img.src = item.shown ?? `gradio_api/file=${encodeURIComponent(item.path)}`;
      img.alt = short;
      img.title = short;
      const caption = Object.assign(el("input"), { type: "text", value: item.caption, placeholder: "its own caption", maxLength: 2000 });
      caption.setAttribute("aria-label", `Caption of ${short}`);
      caption.onchange = () => { item.caption = caption.value; keep(); };
      node.append(img, caption);
    } else node.append(el("span", "", short));
    const gone = el("button", "quiet", "×");
    gone.type = "button";
    gone.title = `Remove ${short}`;
    gone.setAttribute("aria-label", `Remove ${short}`);
    gone.onclick = () => { training.files = training.files.filter((other) => other !== item); draw(); };
    node.append(gone);
    return node;
  };
  const draw = () => {
    cards.replaceChildren(...training.files.map(card));
    clear.hidden = !training.files.length;
    const count = training.files.filter((item) => PICTURE.test(item.name)).length;
    status.textContent = training.files.length ? `${count} picture${count === 1 ? "" : "s"}` + (training.files.length > count ? `, ${training.files.length - count} more` : "") : "";
    keep();
  };
  const add = async (found) => {
    const taken = found.filter(({ name }) => TAKEN.test(name) && !/(^|\/)\./.test(name));
    if (taken.length < found.length) toast(`${found.length - taken.length} of the files are no pictures, zips or captions; they are left out.`, "warn");
    training.sending = true;
    for (const [i, { file, name }] of taken.entries()) {
      status.textContent = `Sending ${i + 1} of ${taken.length}…`;
      try {
        const { path } = await upload(file);
        training.files.push({ path, name, caption: "", shown: PICTURE.test(name) ? URL.createObjectURL(file) : undefined });
      } catch {
        toast(`${name} could not be sent; is it larger than 32 MB?`, "warn");
      }
    }
    training.sending = false;
    draw();
  };
  for (const input of all(element, "input[type=file]"))
    input.addEventListener("change", async () => {
      await add([...(input.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  clear.onclick = () => { training.files = []; draw(); };
  const over = (on) => zone.classList.toggle("over", on);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  zone.addEventListener("dragleave", () => over(false));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    for (const entry of entries) found.push(...await walk(entry));
    await add(found);
  });
  training.files = session("loom.train.files") ?? [];
  draw();
};

const svg = (tag, attributes) => {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};
const plot = (figure, losses) => {
  const drawing = find(figure, "svg");
  const values = losses.map(([, loss]) => loss);
  const sorted = [...values].sort((a, b) => a - b);
  const low = 0, high = (sorted[Math.floor(sorted.length * 0.98)] || sorted.at(-1) || 1) * 1.1;
  const [first, last] = [losses[0][0], losses.at(-1)[0]];
  const at = ([step, loss]) => `${last > first ? ((step - first) / (last - first)) * 320 : 160},${(118 - ((Math.min(loss, high) - low) / (high - low)) * 114).toFixed(1)}`;
  // A mean over about a tenth of the curve: single losses mostly say which noise level was drawn.
  const keep = 1 - 1 / Math.max(1, losses.length / 10);
  let mean = values[0];
  const smooth = losses.map(([step, loss], i) => [step, (mean = i ? keep * mean + (1 - keep) * loss : loss)]);
  drawing.replaceChildren(
    svg("polyline", { class: "raw", points: losses.map(at).join(" "), "vector-effect": "non-scaling-stroke" }),
    svg("polyline", { class: "mean", points: smooth.map(at).join(" "), "vector-effect": "non-scaling-stroke" }));
  const said = `${smooth.at(-1)[1].toPrecision(3)} on average, ${values.at(-1).toPrecision(3)} now`;
  find(figure, "figcaption span").textContent = said;
  drawing.setAttribute("aria-label", `Loss over the steps: ${said}`);
  const [from, to] = all(figure, ".axis span");
  from.textContent = `step ${first}`;
  to.textContent = last > first ? `step ${last}` : "";
};

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountTraining = (element, { trigger }) => {
  const $ = finder(element);
  const root = $(".train-run"), begin = $(".begin"), resume = $(".resume"), halt = $(".halt");
  let job = localStorage.getItem("loom.train.job"), asks = 0, chosen = -1;
  /** @type {string | null} */
  let seen = null;
  /** @type {{src: string, step: number}[]} */
  let pictures = [];
  let leave = () => {};

  const busy = (on) => { begin.disabled = resume.disabled = on; halt.disabled = !on; };
  const start = (again) => {
    if (training.sending) { toast("The pictures are still being sent.", "warn"); return; }
    focused()?.blur?.();
    busy(true);
    halt.disabled = true;
    $(".line").textContent = "Starting…";
    setTimeout(() => trigger("start", { mine: ++asks, resume: again }), 60); // what was typed last has arrived
  };
  begin.onclick = () => start(false);
  resume.onclick = () => start(true);
  halt.onclick = () => { halt.disabled = true; if (job) cancel(job); };

  const line = (v) => {
    if (v.state === "queued") return v.position > 0 ? `Waiting: ${v.position} job${v.position === 1 ? " goes" : "s go"} first` : "Starting…";
    if (WAITS.includes(v.state)) {
      if (v.stage !== "fitting") return v.note || "Getting ready";
      const left = v.eta == null ? "" : ` · ${seconds(v.eta)} left`;
      return `Step ${v.step} of ${v.total}${left}` + (v.note ? ` · ${v.note.toLowerCase()}` : " · pictures of any tab go first, between two steps");
    }
    if (v.state === "done") return `Done in ${seconds(v.elapsed)}: ‘${v.training.lora}’ is in the LoRA rows of every tab.`;
    return v.message;
  };
  const choose = (i) => {
    chosen = i;
    const shown = pictures[i];
    if (!shown) return;
    $(".seen > img").src = shown.src;
    $(".seen > img").alt = `What it draws after ${shown.step} steps`;
    $(".seen figcaption").textContent = `After ${shown.step} steps, same seed`;
    [...$(".steps").children].forEach((b, k) => b.setAttribute("aria-pressed", String(k === i)));
  };
  const addPictures = (v) => {
    const steps = v.training.validated ?? [];
    while (pictures.length < Math.min(v.results.length, steps.length)) {
      const image = pictures.length, step = steps[image], src = v.results[image].url;
      const newest = chosen === image - 1;
      pictures.push({ src, step });
      const button = el("button", "thumb"), img = el("img");
      button.type = "button";
      img.src = src;
      img.alt = "";
      button.append(img);
      button.title = `step ${step}`;
      button.setAttribute("aria-label", `Picture after ${step} steps`);
      button.onclick = () => choose(image);
      $(".steps").append(button);
      $(".seen").hidden = false;
      if (newest) choose(image);
    }
  };
  const show = (v) => {
    root.dataset.state = v.state;
    $(".line").textContent = line(v);
    $(".line").classList.toggle("warn", v.state === "failed");
    const done = v.state === "done" ? 1 : v.total ? v.step / v.total : 0;
    $(".bar i").style.transform = `scaleX(${done})`;
    $(".bar").setAttribute("aria-valuenow", String(Math.round(done * 100)));
    const losses = v.training.losses ?? [];
    $(".shown").hidden = !losses.length;
    if (losses.length) plot($(".curve"), losses);
    $(".made").hidden = v.state !== "done";
    $(".use").textContent = `Add ‘${v.training.lora ?? ""}’ to this mix`;
    $(".use").onclick = () => loom.loraAdd?.lora_mix?.(v.training.lora);
    addPictures(v);
    busy(WAITS.includes(v.state));
    if (v.state === "done" && seen && seen !== "done") {
      for (const ask of Object.values(loom.loras)) ask(true);
      toast(`The LoRA ‘${v.training.lora}’ is learned; it is in the rows of every tab.`);
    }
    seen = v.state;
  };
  /* States come by themselves; what it has learned is asked for, one question at a time. */
  /** @type {import("./types.js").JobState | null} */
  let newest = null;
  let asking = false, learned = {};
  const take = async (v) => {
    newest = v;
    if (asking) return;
    asking = true;
    while (newest) {
      const shown = newest;
      newest = null;
      const got = await ask(`loom/trainings/${encodeURIComponent(String(shown.job))}`);
      if (shown.job !== job) continue;
      learned = got && !got.error ? got : learned;
      show({ ...shown, training: learned });
      if (WAITS.includes(shown.state)) await new Promise((go) => setTimeout(go, document.hidden ? 2000 : 400));
    }
    asking = false;
  };
  const follow = (of) => {
    leave();
    leave = watch(of, (v) => {
      if (v.state !== "gone") { take(v); return; }
      localStorage.removeItem("loom.train.job");
      job = null;
      busy(false);
    });
  };
  onGathered("train.start", async ({ mine, resume: again }, values) => {
    const files = training.files.map(({ path, name, caption }) => ({ path, name, caption }));
    const got = await send("loom/trainings", { values, resume: again, pictures: files });
    if (mine !== asks) return;
    if (!got?.job) {
      busy(false);
      root.dataset.state = "failed";
      $(".line").textContent = got?.error ?? AWAY;
      $(".line").classList.add("warn");
      return;
    }
    job = String(got.job);
    localStorage.setItem("loom.train.job", job);
    [pictures, chosen, seen, learned] = [[], -1, "queued", {}];
    $(".steps").replaceChildren();
    $(".seen").hidden = true;
    follow(job);
  });
  busy(false);
  if (job) follow(job);
};
