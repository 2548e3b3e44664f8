// @ts-check
/* A clip as a whole: its frames beside what they were, and how much they flicker. */
import { finder } from "./dom.js";
import { address } from "./jobs.js";
import { mountPlayer } from "./player.js";

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
    says: (gap) => percent(gap),
    label: (gaps) => `Flicker: ${gaps.map((gap) => percent(gap, 1)).join(", ")}`,
    shown: (v, at) => {
      const { notes = [], flicker = {} } = v.told ?? {};
      const { whole = null, still = null } = flicker;
      $(".light span").textContent = notes.join(" ");
      $(".meter span").textContent = whole === null ? ""
        : `${percent(whole)}${still === null ? "" : ` · where nothing moves ${percent(still)}`}`;
      const has = v.results[at]?.views?.includes("source");
      source.hidden = !has;
      if (!has) return;
      $(".source .before").src = `${address(v.job)}/pictures/${at}/source`;
      $(".source .after").src = v.results[at].url;
    },
  });
};
