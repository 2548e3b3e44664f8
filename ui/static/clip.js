// @ts-check
/* A clip as a whole: its frames beside what they were, and how much they flicker. */
import { finder } from "./dom.js";
import { address } from "./jobs.js";
import { mountPlayer } from "./player.js";

const KEPT = "loom-clip-alone";
/** @typedef {{ clip: string, whole: number | null, still: number | null, over_time: number[] }} Flicker */

/* What a clip flickers frame by frame, if its last run of that kind is known: it is kept until another clip's is. */
/** @param {any} flicker @param {Storage} kept @returns {Flicker | null} */
export const frameByFrame = (flicker, kept) => {
  if (!flicker?.clip || !flicker.over_time?.length) return null;
  if (flicker.alone) {
    try { kept.setItem(KEPT, JSON.stringify(flicker)); } catch { /* a full store forgets it */ }
    return null;
  }
  try {
    const found = JSON.parse(kept.getItem(KEPT) ?? "null");
    return found?.clip === flicker.clip && found.over_time.length === flicker.over_time.length ? found : null;
  } catch { return null; }
};

const percent = (/** @type {number} */ share, digits = 2) => `${(100 * share).toFixed(digits)} %`;

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountClip = (element, given) => {
  const $ = finder(element);
  const loop = $(".loop"), source = $(".source");
  const wipe = $(".source input");
  wipe.addEventListener("input", () => source.style.setProperty("--wipe", `${wipe.value}%`));
  const loops = () => loop.getAttribute("aria-pressed") === "true";
  loop.addEventListener("click", () => loop.setAttribute("aria-pressed", String(!loops())));

  mountPlayer(element, given, {
    root: ".clip",
    loops,
    gaps: ({ flicker }) => flicker?.over_time ?? [],
    beside: ({ flicker }) => frameByFrame(flicker, localStorage)?.over_time ?? [],
    says: (gap) => percent(gap),
    label: (gaps) => `Flicker: ${gaps.map((gap) => percent(gap, 1)).join(", ")}`,
    shown: (v, at) => {
      const { notes = [], flicker = {} } = v.told ?? {};
      const { whole = null, still = null } = flicker;
      $(".light span").textContent = notes.join(" ");
      $(".meter span").textContent = whole === null ? ""
        : `${percent(whole)}${still === null ? "" : ` · where nothing moves ${percent(still)}`}`;
      const alone = frameByFrame(flicker, localStorage);
      $(".meter .alone").textContent = alone === null || alone.whole === null ? ""
        : `The line: frame by frame, ${percent(alone.whole)}${alone.still === null ? "" : `, where nothing moves ${percent(alone.still)}`}`;
      const has = v.results[at]?.views?.includes("source");
      source.hidden = !has;
      if (!has) return;
      $(".source .before").src = `${address(v.job)}/pictures/${at}/source`;
      $(".source .after").src = v.results[at].url;
    },
  });
};
