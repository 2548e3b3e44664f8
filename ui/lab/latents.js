// @ts-check
/* What an autoencoder keeps of a picture, and what noise leaves of it, level by level. */
import { el } from "../static/dom.js";
import { button, chart, dropZone, exporter, field, figure, labelled } from "./bench.js";

const EXACT_DB = 99, REST_MS = 120;

/** @param {import("../static/types.js").Found} root @param {import("./bench.js").Desk} desk */
export const mountLatents = (root, desk) => {
  const coding = desk.runner(), noising = desk.runner();
  const facts = el("p", "facts"), pictures = el("div", "lab-pictures"), channels = el("div", "lab-pictures small"), noisy = el("div", "lab-pictures");
  const head = el("h3", "", "The latents, channel by channel");
  head.hidden = true;
  const curve = el("div", "lab-curve"), at = el("output");
  const range = field("range", "Noise level", { min: "0", max: "1", value: "0", disabled: true });
  const prompt = field("text", "Words for the one step", { placeholder: "words, if you like", maxLength: 1000 });
  const seed = field("number", "Seed of the noise", { min: "0", value: "0" });
  /** @type {{path: string} | null} */
  let picture = null;
  /** @type {any[]} */
  let levels = [];
  let rest = 0;

  const show = (/** @type {any} */ v) => {
    const found = v.told?.lab, made = v.results?.[0];
    if (v.state !== "done" || !found || !made) return;
    const view = (/** @type {string} */ name) => `loom/jobs/${encodeURIComponent(v.job)}/pictures/0/${name}`;
    const back = found.psnr >= EXACT_DB ? "the picture itself" : `${found.psnr.toFixed(1)} dB`;
    facts.textContent = `${found.shape.join(" × ")} numbers for ${found.shape[2] * found.factor} × ${found.shape[1] * found.factor} px: ${found.compression.toLocaleString("en")} × fewer`;
    pictures.replaceChildren(
      figure(view("original"), "Given", "at the model's size"),
      figure(made.url, "There and back", back),
      figure(view("difference"), "Difference", `at most ${found.worst} of 255`),
    );
    head.hidden = false;
    channels.replaceChildren(...found.channels.map((/** @type {any} */ one, /** @type {number} */ i) =>
      figure(view(`channel-${i}`), `Channel ${i + 1}`, `${one.least.toFixed(2)} to ${one.most.toFixed(2)}`, true)));
    place(found.levels);
  };
  const place = (/** @type {any[]} */ told) => {
    const same = levels.length === told.length;
    levels = told;
    range.max = String(levels.length - 1);
    if (!same) range.value = String(Math.floor(levels.length / 2));
    range.disabled = false;
    mark();
  };
  // Left is the picture, right is noise: the schedule's own order is the other way round.
  const index = () => levels.length - 1 - Number(range.value);
  const mark = () => {
    const { timestep, sigma, alpha } = levels[index()];
    at.textContent = `t ${Math.round(timestep)} · noise σ ${sigma.toFixed(3)} · picture α ${alpha.toFixed(3)}`;
    range.setAttribute("aria-valuetext", at.textContent);
    const rising = [...levels].reverse();
    curve.replaceChildren(chart([
      { name: "noise σ", values: rising.map((level) => level.sigma) }, { name: "picture α", values: rising.map((level) => level.alpha) },
    ], Number(range.value)));
  };
  const noise = (/** @type {boolean} */ pure) => {
    const sent = { level: levels.length && !pure ? index() : 0, prompt: prompt.value, seed: Number(seed.value) || 0 };
    return noising.run("noise_at", pure ? sent : { ...sent, image: picture }, (v) => {
      const [seen, foretold] = v.results ?? [], found = v.told?.lab;
      if (v.state !== "done" || !found || !foretold) return;
      if (!levels.length) place(found.levels);
      const near = found.psnr === null ? "from noise alone" : `${found.psnr.toFixed(1)} dB from the given one`;
      noisy.replaceChildren(
        figure(seen.url, pure ? "Pure noise, decoded" : "With noise, decoded", `σ ${found.level.sigma.toFixed(3)}`),
        figure(foretold.url, "x0 after one step", near),
      );
      noisy.dataset.level = String(found.level.timestep);
    });
  };
  const again = () => {
    clearTimeout(rest);
    rest = setTimeout(() => { if (picture && levels.length) noise(false); }, REST_MS);
  };
  const code = () => {
    if (!picture) return;
    coding.run("encode", { image: picture }, show).then(again);
  };
  range.addEventListener("input", () => { mark(); again(); });
  prompt.addEventListener("change", again);
  seed.addEventListener("change", again);

  const first = el("div", "lab-do"), second = el("div", "lab-do");
  first.append(exporter(coding, "latents"), coding.node);
  second.append(button("Decode pure noise", "What the decoder makes of noise alone, and one step from it", () => { noise(true); }), exporter(noising, "noise"), noising.node);
  const given = el("div", "lab-given"), slider = el("div", "lab-slider");
  given.append(dropZone("Drop a picture here", desk, (found) => { picture = found; code(); }));
  slider.append(labelled("Noise", range), at, labelled("Words", prompt), labelled("Seed", seed));
  root.append(given, first, facts, pictures, head, channels, el("h3", "", "Noise"), slider, second, curve, noisy);
  desk.follow(() => { levels = []; code(); });
};
