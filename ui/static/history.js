// @ts-check
/* The gallery of past pictures: searched, chosen, and each shown over the whole window with what can be done with it. */
import { byKey, cellGrid } from "./cells.js";
import { download, el, finder, focused, near, press, pressed, toast } from "./dom.js";
import { ask } from "./jobs.js";
import { openLightbox } from "./lightbox.js";
import { pages } from "./pages.js";
import { actsOn } from "./past_acts.js";
import { loom } from "./registry.js";

/** @typedef {import("./types.js").Past} Past */

const ROOT = "loom/history", AGAIN_MS = 700, AHEAD_MS = 400;
const send = (/** @type {string} */ what, /** @type {unknown} */ told) =>
  ask(`${ROOT}/${what}`, { method: "POST", body: JSON.stringify(told), headers: { "Content-Type": "application/json" } });
const counted = (/** @type {number} */ n) => `${n.toLocaleString("en")} ${n === 1 ? "picture" : "pictures"}`;

/** @param {Past} one */
const nameOf = (one) => `${one.prompt || "no prompt"}, ${one.when}${one.seed ? `, seed ${one.seed}` : ""}`;
/** What the lightbox shows of it. @param {Past} one */
export const shownOf = (one) => ({
  src: one.src, name: one.name.split("/").at(-1) ?? "", past: one,
  words: [one.prompt, one.seed && `seed ${one.seed}`, `${one.width} × ${one.height}`, one.model, ...one.loras, one.when].filter(Boolean).join(" · "),
});

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountHistory = (element, { trigger }) => {
  const $ = finder(element);
  const gallery = $(".gallery"), rows = $(".rows"), bar = $(".chosen"), inBar = finder(bar);
  const search = $(".words"), model = $(".model"), lora = $(".lora"), since = $(".since"), until = $(".until"), favourites = $(".favourites");
  /** @type {Set<string>} names */
  const chosen = new Set();
  let at = 0, anchor = 0, unread = /** @type {number | null} */ (null), looks = 0;

  const every = el("button", "chip every", "Show all pictures");
  every.type = "button";
  every.hidden = true;
  $(".empty").after(every);
  const query = () => ({ search: search.value, model: model.value, lora: lora.value, since: since.value, until: until.value, favourites: pressed(favourites) ? "1" : "" });
  const asks = () => Object.values(query()).some(Boolean);
  /* Who is about to press History has its first page asked for already. */
  /** @type {{at: number, asked: string, got: Promise<any>} | null} */
  let ahead = null;
  const fetched = (/** @type {Record<string, string>} */ asked) => {
    const text = String(new URLSearchParams(asked)), early = ahead;
    ahead = null;
    return early && early.asked === text && performance.now() - early.at < AHEAD_MS ? early.got : ask(`${ROOT}?${text}`);
  };
  const list = pages(fetched, () => fill(), 60);

  /* Cells. */
  const make = (/** @type {number} */ index) => {
    const one = /** @type {Past | undefined} */ (list.get(index)), cell = el("div", "past");
    cell.setAttribute("role", "listitem");
    cell.setAttribute("aria-setsize", String(list.length));
    cell.setAttribute("aria-posinset", String(index + 1));
    cell.dataset.index = String(index);
    if (!one) { void list.want(index); return cell; }
    cell.dataset.name = one.name;
    const button = (/** @type {string} */ kind, /** @type {string} */ text, /** @type {string} */ label, /** @type {(event: MouseEvent) => void} */ run) => {
      const node = el("button", kind, text);
      node.type = "button";
      node.tabIndex = index === at ? 0 : -1;
      node.setAttribute("aria-label", label);
      node.onclick = run;
      cell.append(node);
      return node;
    };
    const open = button("open", "", nameOf(one), () => enlarge(index)), img = el("img");
    img.alt = "";
    img.setAttribute("decoding", "async");
    img.src = one.thumb;
    img.onerror = () => cell.classList.add("gone");
    open.append(img, el("span", "words", one.prompt || "no prompt"));
    const star = button("mark star", "★", `Favourite: ${nameOf(one)}`, () => favour([one.name], !one.favourite));
    press(star, one.favourite);
    const pick = button("mark pick", "✓", `Choose: ${nameOf(one)}`, (event) => choose(index, event.shiftKey));
    press(pick, chosen.has(one.name));
    cell.classList.toggle("picked", chosen.has(one.name));
    return cell;
  };
  const grid = cellGrid(rows, $(".cells"), { count: () => list.length, make });
  const fill = () => {
    for (const index of grid.indices()) {
      const one = /** @type {Past | undefined} */ (list.get(index)), node = $(`.past[data-index="${index}"]`);
      if (one && node?.dataset.name !== one.name) grid.again(index);
    }
    grid.draw();
    say();
  };
  const say = () => {
    const rest = unread ? `, ${unread.toLocaleString("en")} files still to be read` : "";
    $(".count").textContent = `${counted(list.length)}${rest}`;
    $(".empty").hidden = list.length > 0;
    $(".empty").textContent = unread ? "The pictures are being read for the first time." : asks() ? "No picture is like this." : "Pictures you make appear here.";
    every.hidden = list.length > 0 || !asks() || Boolean(unread);
    bar.hidden = !chosen.size;
    inBar("output").textContent = `${counted(chosen.size)} chosen`;
  };
  const redraw = () => { for (const index of grid.indices()) grid.again(index); say(); };

  /* What is asked for. */
  const options = (/** @type {import("./types.js").Found} */ select, /** @type {string} */ any, /** @type {string[]} */ names) => {
    const now = select.value;
    select.replaceChildren(new Option(any, ""), ...names.map((name) => new Option(name, name)));
    select.value = names.includes(now) ? now : "";
    select.hidden = names.length < 2 && !(any === "any LoRA" && names.length);
  };
  const heard = (/** @type {any} */ got) => {
    if (got?.error) { toast(got.error, "warn"); return; }
    if (!got) { toast("The studio does not answer; is it still running?", "warn"); return; }
    unread = got.unread ?? null;
    if (got.models) { options(model, "any model", got.models); options(lora, "any LoRA", got.loras); }
    say();
    if (unread !== null && gallery.open) setTimeout(async () => heard(await list.look()), AGAIN_MS);
  };
  const load = async () => {
    const mine = ++looks;
    at = anchor = 0;
    const got = await list.ask(query());
    if (mine !== looks) return;
    rows.scrollTop = 0;
    grid.clear();
    heard(got);
  };
  let typed = 0;
  search.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(load, 200); });
  for (const field of [model, lora, since, until]) field.addEventListener("change", load);
  const askAll = () => {
    for (const field of [search, model, lora, since, until]) field.value = "";
    press(favourites, false);
  };
  every.addEventListener("click", () => { askAll(); search.focus(); load(); });
  favourites.addEventListener("click", () => { press(favourites, !pressed(favourites)); load(); });

  /* What is done to pictures. */
  const told = (/** @type {any} */ got) => {
    if (got && !got.error) return true;
    toast(got?.error ?? "The studio does not answer; is it still running?", "warn");
    return false;
  };
  const favour = async (/** @type {string[]} */ names, /** @type {boolean} */ on) => {
    if (!told(await send("favour", { names, on }))) return;
    const meant = new Set(names);
    for (const one of list.here()) if (meant.has(one.name)) one.favourite = on;
    redraw();
  };
  const remove = async (/** @type {string[]} */ names) => {
    const got = await send("delete", { names });
    if (!told(got)) return;
    const gone = new Set(got.names);
    list.remove((/** @type {any} */ one) => gone.has(one.name));
    for (const name of names) chosen.delete(name);
    at = Math.min(at, Math.max(0, list.length - 1));
    grid.clear();
    say();
    toast(`${counted(gone.size)} deleted.`, "info", { act: { label: "Undo", run: async () => {
      const back = await send("restore", { names: [...gone] });
      if (told(back)) { await load(); toast(`${counted(back.names.length)} back.`); }
    } } });
  };
  const choose = (/** @type {number} */ index, /** @type {boolean} */ range) => {
    const one = /** @type {Past | undefined} */ (list.get(index));
    if (!one) return;
    const on = !chosen.has(one.name), [from, to] = range ? [Math.min(anchor, index), Math.max(anchor, index)] : [index, index];
    for (let i = from; i <= to; i++) {
      const name = /** @type {Past | undefined} */ (list.get(i))?.name;
      if (name) { if (on) chosen.add(name); else chosen.delete(name); }
    }
    anchor = index;
    redraw();
    reach(index, ".pick");
  };
  inBar(".none").addEventListener("click", () => { chosen.clear(); redraw(); search.focus(); });
  inBar(".all").addEventListener("click", async () => {
    const got = await ask(`${ROOT}/names?${new URLSearchParams(query())}`);
    if (told(got)) { for (const name of got.names) chosen.add(name); redraw(); }
  });
  inBar(".favour").addEventListener("click", () => favour([...chosen], true));
  /* What is somebody else's, or lies in a folder of another tool, is looked at alone. */
  const own = (/** @type {string[]} */ names) => {
    const fixed = new Set([...list.here()].filter((/** @type {any} */ one) => one.fixed).map((/** @type {any} */ one) => one.name));
    const left = names.filter((name) => !fixed.has(name)), stay = names.length - left.length;
    if (stay) toast(`${counted(stay)} not yours, or in a folder of another tool: only looked at.`, "warn");
    return left;
  };
  const removeOwn = async (/** @type {string[]} */ names) => { const left = own(names); if (left.length) await remove(left); };
  inBar(".delete").addEventListener("click", () => removeOwn([...chosen]));
  const zip = inBar(".zip");
  zip.addEventListener("click", async () => {
    zip.disabled = true;
    zip.textContent = "Packing…";
    const names = [...chosen];
    try {
      const answer = await fetch(`${ROOT}/zip`, { method: "POST", body: JSON.stringify({ names }), headers: { "Content-Type": "application/json" } });
      if (!answer.ok) told(await answer.json());
      else {
        const url = URL.createObjectURL(await answer.blob());
        download(url, `latent-loom-${names.length}-pictures.zip`);
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      }
    } catch { told(null); }
    zip.disabled = false;
    zip.textContent = "Download";
  });

  /* One picture over the whole window. */
  const enlarge = (/** @type {number} */ index) => {
    const deck = {
      get length() { return list.length; },
      get: (/** @type {number} */ i) => { const one = /** @type {Past | undefined} */ (list.get(i)); return one && shownOf(one); },
      want: list.want,
    };
    const acts = actsOn({ trigger, favour, remove: (name) => remove([name]), close: () => gallery.close() });
    openLightbox(deck, index, { acts, left: (i) => reach(i, ".open") });
  };

  /* By keyboard: one cell of the grid is on the way of Tab, arrows go to the others. */
  const reach = (/** @type {number} */ index, /** @type {string} */ part) => {
    const before = at;
    at = index;
    grid.again(before);
    grid.reach(index);
    grid.again(index);
    /** @type {HTMLElement | null} */ ($(`.past[data-index="${index}"] ${part}`))?.focus();
  };
  rows.addEventListener("keydown", (event) => {
    const cell = /** @type {import("./types.js").Found | null} */ (near(event).closest(".past"));
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = Number(cell.dataset.index), to = byKey(event.key, index, grid.columns(), list.length);
    if (to !== null) {
      const part = `.${[...(focused()?.classList ?? [])].at(-1) ?? "open"}`;
      void list.want(to).then(() => reach(to, part));
    } else if (event.key === "Delete" && cell.dataset.name) void removeOwn([cell.dataset.name]).then(() => reach(at, ".open"));
    else return;
    event.preventDefault();
  });

  const close = () => {
    if (!gallery.open) return false;
    gallery.close();
    return true;
  };
  gallery.addEventListener("close", () => {
    askAll(); // it opens again on everything
    chosen.clear();
  });
  loom.nearHistory = () => {
    const asked = String(new URLSearchParams({ ...query(), offset: "0", limit: "60" }));
    if (!gallery.open && (!ahead || performance.now() - ahead.at > AHEAD_MS)) ahead = { at: performance.now(), asked, got: ask(`${ROOT}?${asked}`) };
  };
  loom.openHistory = () => {
    gallery.showModal();
    search.focus();
    load();
  };
  $(".close").addEventListener("click", close);
  loom.closeOverlay = close;
};
