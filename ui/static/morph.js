// @ts-check
/* A morph as a whole: how even its steps are, how well its ends came back, what it cost. */
import { el, finder } from "./dom.js";
import { mountPlayer } from "./player.js";

const PARTS = { drawing: "drawing the ends", fitting: "learning", inverting: "inversion",
                frames: "frames", "evening out": "even steps", decoding: "decoding" };

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountMorph = (element, given) => {
  const $ = finder(element);
  const { server } = given;
  let ended = "";

  const ends = async (v) => {
    const told = v.state === "done" ? v.told?.reconstruction ?? [] : [];
    const key = told.length ? v.job : "";
    if (key === ended) return;
    ended = key;
    const holder = $(".ends-shown");
    const made = await Promise.all(told.map(async (end, i) => {
      const figure = el("figure");
      const got = await server.end_picture({ job: v.job, end: i });
      const frame = v.results.filter((result) => result.views?.includes("end"))[i];
      for (const [src, alt] of [[got?.src, `End ${"ABCD"[i]}`], [frame?.url, "Its frame"]]) {
        if (!src) continue;
        const img = el("img");
        img.src = src;
        img.alt = alt;
        figure.append(img);
      }
      figure.append(el("figcaption", "", `End ${"ABCD"[i]} and its frame · ${end.psnr.toFixed(1)} dB`));
      return figure;
    }));
    if (ended === key) holder.replaceChildren(...made);
  };
  mountPlayer(element, given, {
    root: ".morph",
    gaps: ({ distances = [] }) => distances,
    says: (gap) => gap.toPrecision(3),
    label: (gaps) => `Distances: ${gaps.map((gap) => gap.toPrecision(2)).join(", ")}`,
    shown: (v) => {
      const told = v.told ?? {};
      const { light, sentence } = told.compatibility ?? {};
      $(".light").dataset.light = light ?? "";
      $(".light span").textContent = [sentence, ...(told.notes ?? [])].filter(Boolean).join(" ");
      $(".meter span").textContent = told.distances?.length
        ? `PPL ${told.ppl.toPrecision(3)} · PDV ${told.pdv.toPrecision(2)}` : "";
      $(".meter figcaption").title = told.distance ? `Measured as: ${told.distance}` : "";
      ends(v);
      const cost = Object.entries(told.times_s ?? {}).map(([part, s]) => `${PARTS[part] ?? part} ${s.toFixed(1)} s`);
      const calls = Object.values(told.sample_forwards ?? {}).reduce((a, b) => a + b, 0);
      $(".cost").textContent = cost.length ? `${cost.join(" · ")} · ${calls} sample-forwards of the UNet` : "";
    },
  });
};
