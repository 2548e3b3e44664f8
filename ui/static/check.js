// @ts-check
/* The dialog of two pictures: how a verification goes and ends, or two results side by side. */
import { all, el, finder, toast } from "./dom.js";
import { onGathered } from "./events.js";
import { AWAY, WAITS, ask, cancel, send, watch as follow } from "./jobs.js";
import { loom } from "./registry.js";

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountCheck = (element, { trigger, server }) => {
  const $ = finder(element);
  const dialog = $("dialog"), view = $(".view"), range = $(".wipe input"), side = $(".side");
  const [one, other] = all(element, ".view img");
  const [oneSaid, otherSaid] = all(element, ".view figcaption");
  const [left, right] = all(element, ".wipe span");
  let asks = 0, busy = false;
  /** @type {string | null} */
  let job = null;

  const wipe = () => view.style.setProperty("--at", `${range.value}%`);
  const beside = (on) => {
    side.setAttribute("aria-pressed", String(on));
    view.classList.toggle("beside", on);
    $(".wipe").hidden = on;
  };
  range.addEventListener("input", wipe);
  side.addEventListener("click", () => beside(side.getAttribute("aria-pressed") !== "true"));

  const open = (title, text) => {
    job = null;
    busy = false;
    $("h2").textContent = title;
    $(".say").textContent = text;
    $(".say").className = "say";
    $(".found").replaceChildren();
    $(".pictures").hidden = true;
    $(".bar").hidden = true;
    if (!dialog.open) dialog.showModal();
  };
  const list = (lines) => $(".found").replaceChildren(...lines.map((text) => el("li", "", text)));
  const loaded = (img) => new Promise((go) => { img.onload = img.onerror = go; });
  const pictures = async (a, b, names) => {
    const both = Promise.all([loaded(one), loaded(other)]);
    one.src = a.src;
    other.src = b.src;
    one.alt = a.label;
    other.alt = b.label;
    oneSaid.textContent = a.label;
    otherSaid.textContent = b.label;
    [left.textContent, right.textContent] = names;
    range.value = 50;
    wipe();
    await both;
    // A slider over pictures of another shape would lay unlike places on each other.
    const alike = one.naturalWidth * other.naturalHeight === other.naturalWidth * one.naturalHeight;
    view.style.setProperty("--shape", `${one.naturalWidth} / ${one.naturalHeight}`);
    view.style.setProperty("--wide", String(one.naturalWidth / one.naturalHeight));
    $(".tools").hidden = !alike;
    beside(!alike);
    $(".pictures").hidden = false;
    return alike && one.naturalWidth === other.naturalWidth;
  };

  /* Verify: the recipe runs again as a job, and the server holds the two pictures against each other. */
  const failed = (text) => {
    busy = false;
    $(".bar").hidden = true;
    $(".say").textContent = text;
    $(".say").className = "say warn";
  };
  loom.verify = (picture) => {
    open("Verify", "Reading the record…");
    busy = true;
    asks += 1;
    trigger("verify", { picture, mine: asks });
  };
  onGathered(".verify", async ({ picture, mine }, values) => {
    const got = await send("loom/verify", { picture, values });
    if (mine !== asks || !busy) { if (got?.job) cancel(got.job); return; }
    if (!got?.job) { failed(got?.error ?? AWAY); return; }
    job = got.job;
    follow(got.job, (state) => { if (job === got.job && busy) take(state); });
  });
  const take = (v) => {
    $(".bar").hidden = !WAITS.includes(v.state);
    $(".bar i").style.transform = `scaleX(${v.total ? v.step / v.total : 0})`;
    if (v.state === "queued") $(".say").textContent = v.position > 0 ? `Waiting: ${v.position} before this one` : "Waiting: next in line";
    else if (v.state === "loading" || v.state === "running") $(".say").textContent = v.total ? `Running the recipe again: step ${v.step} of ${v.total}` : v.note || "Running the recipe again";
    else held(v.job);
  };
  /* What came of a run that has ended. */
  const held = async (ran) => {
    const at = `loom/verify/${encodeURIComponent(ran)}`;
    const got = await ask(at);
    if (job !== ran || !busy) return;
    if (!got?.report) { failed(got?.error ?? AWAY); return; }
    busy = false;
    const { verdict, equal, changes, not_recorded: unsaid, notes } = got.report;
    $(".say").textContent = verdict;
    $(".say").className = equal ? "say same" : "say warn";
    const lines = changes.map(({ what, then, now }) => `${what}: ${then} then, ${now ?? "none"} now`);
    if (!lines.length) lines.push(unsaid.length ? "What the record names of versions, device and weights is unchanged." : "Versions, device and weights are unchanged.");
    if (unsaid.length) lines.push(`Not recorded: ${unsaid.join(", ")}.`);
    list([...lines, ...notes]);
    pictures({ src: `${at}/then`, label: "then" }, { src: `${at}/now`, label: "now" }, ["then", "now"]);
  };

  /* Compare: the first press chooses, the second one on another picture opens the dialog. */
  /** @type {{picture: import("./types.js").PictureRef, button?: Element | null} | null} */
  let first = null;
  /** @type {import("./types.js").Found | null} */
  let note = null;
  const same = (a, b) => a.name === b.name && a.job === b.job && a.image === b.image;
  const forget = () => {
    first?.button?.setAttribute("aria-pressed", "false");
    first = null;
    note?.remove();
  };
  loom.chosenToCompare = (picture) => Boolean(first && same(first.picture, picture));
  loom.compare = async (picture, button) => {
    if (loom.chosenToCompare(picture)) return forget();
    if (!first) {
      first = { picture, button };
      button?.setAttribute("aria-pressed", "true");
      note = toast("One picture is chosen. Press Compare on the other one, here or in the history.", "choice", { keep: true, closed: forget });
      return;
    }
    const asked = { one: first.picture, other: picture };
    forget();
    const got = await server.compare(asked);
    if (!got || got.error) { toast(got?.error ?? "The pictures could not be compared.", "warn"); return; }
    open("Compare", "");
    $(".say").textContent = got.words.some((text) => text !== "seed the same") ? "From the first to the second:" : "The settings are the same.";
    list(got.words);
    if (await pictures(got.one, got.other, ["first", "second"])) return;
    $(".found").append(el("li", "", `${one.naturalWidth} × ${one.naturalHeight} px → ${other.naturalWidth} × ${other.naturalHeight} px`));
  };

  const close = () => {
    if (!dialog.open) return false;
    dialog.close();
    return true;
  };
  // Also reached by Escape, which closes a dialog by itself.
  dialog.addEventListener("close", () => {
    if (busy && job) cancel(job);
    busy = false;
    for (const img of [one, other]) img.removeAttribute("src");
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  $(".close").addEventListener("click", close);
  loom.closeCheck = close;
};
