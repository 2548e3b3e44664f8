// @ts-check
/* How results are saved: chosen once in this browser for all tabs, shown by each Generate, sent with each press. */
import { el, find } from "./dom.js";
import { ask } from "./jobs.js";

/** @typedef {{save?: boolean, save_format?: string, save_quality?: number, save_name?: string}} Saving */

const KEY = "loom.saving", LOOK_MS = 250;
const FORMATS = { png: "PNG", jpeg: "JPEG", webp: "WebP" };
const WORDS = ["date", "time", "seed", "prompt", "model", "index", "steps", "sampler", "guidance", "width", "height", "mode"];

/** @returns {Saving} what differs from the usual */
export const saving = () => {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
  } catch { return {}; }
};
/** @param {Saving} now @returns {Saving} without what is usual anyway */
export const unusual = (now) => ({
  ...(now.save === false && { save: false }),
  ...(now.save_format && now.save_format !== "png" && { save_format: now.save_format, save_quality: now.save_quality ?? 90 }),
  ...(now.save_name?.trim() && { save_name: now.save_name.trim() }),
});
/** What the button by Generate says. @param {Saving} now */
export const inShort = (now) =>
  now.save === false ? "not saved" : `${FORMATS[/** @type {"png"} */ (now.save_format ?? "png")] ?? "PNG"}${now.save_format && now.save_format !== "png" ? ` ${now.save_quality ?? 90}` : ""}`;

const show = () => {
  const text = inShort(saving());
  for (const button of document.querySelectorAll(".loom-actions .saving")) {
    if (button.textContent !== text) button.textContent = text;
    button.classList.toggle("acts", Object.keys(saving()).length > 0);
  }
};
/** @param {Saving} now */
const keep = (now) => {
  try { localStorage.setItem(KEY, JSON.stringify(unusual(now))); } catch { /* no room: a comfort only */ }
  show();
};

const open = () => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask save-as")));
  dialog.setAttribute("aria-labelledby", "loom-saving-title");
  dialog.innerHTML = `
    <button type="button" class="close quiet" aria-label="Close">×</button>
    <h2 id="loom-saving-title">How results are saved</h2>
    <p>In all tabs of this browser, from the next picture on. Each file carries its recipe.</p>
    <label class="row"><input type="checkbox" class="on"> Save pictures in the outputs folder</label>
    <div class="of">
      <label>Format <select class="format"><option value="png">PNG</option><option value="jpeg">JPEG</option><option value="webp">WebP</option></select></label>
      <label class="lossy">Quality <input type="number" class="quality" min="1" max="100" step="1"></label>
      <p class="told lossy"></p>
      <label class="whole">File name <input type="text" class="pattern" maxlength="200" spellcheck="false" placeholder="[time]_[seed]_[index]"></label>
      <div class="words" role="group" aria-label="Words to put in"></div>
    </div>
    <p class="named" role="status"></p>
    <div class="ways"><button type="button" class="chip usual">As usual</button></div>`;
  const $ = (/** @type {string} */ selector) => find(dialog, selector);
  const on = $(".on"), format = $(".format"), quality = $(".quality"), pattern = $(".pattern");
  /** @returns {Saving} */
  const now = () => ({ save: on.checked, save_format: format.value, save_quality: Math.round(Number(quality.value)) || 90, save_name: pattern.value });
  let looks = 0, timer = 0;
  const look = async () => {
    const mine = ++looks;
    const got = await ask("loom/saving", { method: "POST", body: JSON.stringify(unusual(now())), headers: { "Content-Type": "application/json" } });
    if (mine !== looks) return;
    const named = $(".named");
    named.classList.toggle("wrong", Boolean(got?.error));
    if (got?.error) { named.textContent = got.error; return; }
    named.textContent = !on.checked ? "Results stay in this page until you close it; Download keeps one." : got ? `For example: ${got.name}` : "";
    keep(now());
  };
  const follow = () => {
    for (const node of dialog.querySelectorAll(".lossy")) node.toggleAttribute("hidden", format.value === "png");
    $(".of").toggleAttribute("hidden", !on.checked);
    $("p.lossy").textContent = format.value === "webp" && Number(quality.value) === 100
      ? "At 100 WebP loses nothing." : "Smaller, and a little is lost; only PNG can be verified bit for bit.";
    clearTimeout(timer);
    timer = setTimeout(look, LOOK_MS);
  };
  const fill = (/** @type {Saving} */ values) => {
    on.checked = values.save !== false;
    format.value = values.save_format ?? "png";
    quality.value = String(values.save_quality ?? 90);
    pattern.value = values.save_name ?? "";
    follow();
  };
  for (const word of WORDS) {
    const chip = el("button", "chip", `[${word}]`);
    chip.type = "button";
    chip.onclick = () => {
      const at = pattern.selectionStart ?? pattern.value.length, before = pattern.value.slice(0, at);
      pattern.value = `${before}${before && !/[_\- ]$/.test(before) ? "_" : ""}[${word}]${pattern.value.slice(pattern.selectionEnd ?? at)}`;
      pattern.focus();
      follow();
    };
    $(".words").append(chip);
  }
  dialog.addEventListener("input", follow);
  $(".usual").onclick = () => fill({});
  $(".close").onclick = () => dialog.close();
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { clearTimeout(timer); dialog.remove(); });
  fill(saving());
  document.body.append(dialog);
  dialog.showModal();
};

/** The button at the end of the line by Generate. @param {import("./types.js").Found} button */
export const mountSaving = (button) => {
  button.onclick = open;
  show();
};
