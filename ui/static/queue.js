// @ts-check
/* The page's own jobs that run or wait: their list in the header, and which one a stage shows. */
import { el, find, finder, focused, maybe, near, press, seconds, toast } from "./dom.js";
import { WAITS, ask, cancel, post, promote, retry, watch } from "./jobs.js";
import { loom } from "./registry.js";

/** @typedef {import("./types.js").Found} Found */

const KEY = "loom-queue";
/** @type {any[]} */
let jobs = [];
try { jobs = JSON.parse(sessionStorage.getItem(KEY) ?? "[]").filter((one) => one?.job && one.mode); } catch { jobs = []; }

/** @type {((selector: string) => Found) | null} */
let $ = null;
/** @type {() => boolean} */
let closing = () => false;
export const closeQueue = () => closing();
const open = (one) => !one.state || WAITS.includes(one.state);
const keep = () => sessionStorage.setItem(KEY, JSON.stringify(jobs.map(({ job, mode, words, thumb }) => ({ job, mode, words, thumb }))));
const known = (job) => jobs.find((one) => one.job === job);
const busy = (stage) => Boolean(stage?.awaited) || WAITS.includes(stage?.live.state);

const about = (one) => {
  if (!one.state) return "";
  const left = one.eta == null ? "" : seconds(one.eta);
  if (one.state === "queued")
    return (one.position ? `${one.position} before it` : "next") + (one.note ? ` · ${one.note}` : "") + (left ? ` · starts in about ${left}` : "");
  return one.total ? `step ${one.step}/${one.total}${left ? ` · ${left} left` : ""}` : "running";
};

const button = (text, label, act) => {
  const node = el("button", "quiet", text);
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  node.onclick = async () => {
    node.disabled = true;
    const got = await act();
    if (got?.error) toast(got.error, "warn");
    node.disabled = false;
  };
  return node;
};

/* The forming picture of the job that a stage shows; before that, the picture that it starts from. */
const source = (mode) => {
  const src = maybe(`[id^="${mode}-image"] img`)?.src ?? "";
  return src.startsWith("http") ? src : ""; // kept over a reload, so never the picture itself
};
const thumb = (one) => {
  const stage = loom.stages[one.mode];
  const frame = stage?.value.job === one.job ? finder(stage.root)(".frame") : null;
  return (frame && frame.dataset.job === one.job ? frame.src : "") || one.thumb || "";
};

let drawn = "";
const render = () => {
  for (const form of Object.values(loom.forms)) form.name?.();
  if (!$) return;
  // In the order in which they will run; the server counts positions.
  const listed = jobs.filter(open).sort((a, b) => (a.position ?? 99) - (b.position ?? 99));
  const waiting = listed.filter((one) => one.state === "queued").length;
  const runs = listed.some((one) => one.state !== "queued");
  const text = !listed.length ? "queue is free" : runs ? `running${waiting ? ` · ${waiting} waiting` : ""}` : listed.length > 1 ? `${waiting} waiting` : about(listed[0]).split(" ·")[0];
  const said = $(".queue span");
  if (said.textContent !== text) said.textContent = text;
  $(".queue-list .none").hidden = listed.length > 0;
  const key = JSON.stringify(listed.map((one) => [one.job, one.state === "queued", typeof one.keeps]));
  const list = $(".queue-list ol");
  if (key !== drawn) {
    drawn = key;
    const held = /** @type {Found | null} */ (focused()?.closest?.(".queue-list li") ?? null)?.dataset.job;
    let before = false;
    list.replaceChildren(...listed.map((one) => {
      const row = el("li");
      row.dataset.job = one.job;
      const picture = el("img", "thumb");
      picture.alt = "";
      row.append(picture);
      const texts = el("div");
      texts.append(el("b", "", one.mode.replaceAll("_", " ")), el("span", "words", one.words), el("small"));
      row.append(texts);
      if (one.state === "queued" && before)
        row.append(button("↑", `Move up: ${one.words}`, () => promote(one.job)));
      before = before || one.state === "queued";
      if (typeof one.keeps === "boolean") {
        const stay = button("keep", `Keep when I leave: ${one.words}`, () => post(`loom/jobs/${encodeURIComponent(one.job)}/${one.keeps ? "leave" : "keep"}`));
        stay.classList.add("stays");
        row.append(stay);
      }
      row.append(button("×", `Stop: ${one.words}`, () => cancel(one.job)));
      return row;
    }));
    if (held) find(list, `[data-job="${CSS.escape(held)}"] button`)?.focus();
  }
  listed.forEach((one, i) => {
    const row = list.children[i], picture = find(row, ".thumb"), src = thumb(one);
    find(row, "small").textContent = about(one);
    const stays = row.querySelector(".stays");
    if (stays) press(stays, one.keeps);
    if (src && picture.src !== src) picture.src = src;
  });
};

/* A stage that is free shows the next job of its tab, also one that ended unseen. */
const follow = () => {
  const taken = new Set();
  for (const one of jobs) {
    const stage = loom.stages[one.mode];
    if (taken.has(one.mode) || one.followed || !one.state || one.state === "queued" || one.state === "gone") continue;
    taken.add(one.mode);
    if (!stage || busy(stage)) continue;
    one.followed = true;
    stage.follow(one.job);
  }
  jobs = jobs.filter((one) => open(one) || (one.state !== "gone" && !one.followed));
};

const settle = () => {
  follow();
  keep();
  render();
};
const again = async (one) => {
  const got = await retry(one.job);
  if (got?.job) queue.add({ job: got.job, mode: one.mode, words: one.words });
  else toast(got?.error ?? "The studio did not answer.", "warn");
};
const seen = new WeakSet();
const listen = (one, state) => {
  if (known(one.job) !== one) return;
  if (state.state === "failed" && one.state !== "failed" && !one.followed) toast(`${one.words}: ${state.message}`, "warn", { act: { label: "Try again", run: () => again(one) } });
  const { position, eta, step, total, note, keeps } = state;
  Object.assign(one, { state: state.state, position, eta, step, total, note, keeps });
  // Taken out before it began, it has nothing to show.
  if (one.state === "stopped" && !one.step && !one.followed) one.state = "gone";
  settle();
};
const see = (one) => {
  if (seen.has(one)) return;
  seen.add(one);
  watch(one.job, (state) => listen(one, state));
};

export const queue = {
  /* Whether a job of that tab runs or waits. */
  has: (mode) => jobs.some((one) => one.mode === mode && open(one)),
  /* How many of this page's jobs run or wait. */
  open: () => jobs.filter(open).length,
  add: (entry) => {
    if (known(entry.job)) return;
    const one = { thumb: source(entry.mode), ...entry };
    jobs.push(one);
    keep();
    see(one);
    render();
  },
  /* A stage is free: the next of its tab is shown there. */
  next: settle,
  /* Called by the stage at each state of its job. */
  saw: (mode, v) => {
    if (!v.job) return;
    const one = known(v.job);
    if (!WAITS.includes(v.state)) {
      // One that had ended before its stage heard of it is gone from here: the next may follow all the same.
      if (!one && !jobs.some((other) => other.mode === mode && !other.followed)) return;
      jobs = jobs.filter((other) => other !== one);
      settle();
    } else if (one) one.followed = true;
    else {
      const words = String(loom.forms[mode]?.last?.prompt ?? "").trim().slice(0, 80) || mode.replaceAll("_", " ");
      queue.add({ job: v.job, mode, words, followed: true, state: v.state === "queued" ? "queued" : "running", position: v.position, eta: v.eta, step: v.step, total: v.total });
    }
  },
};

export const mountQueue = (element) => {
  $ = finder(element);
  const toggle = $(".queue"), list = $(".queue-list");
  const show = (on) => {
    list.hidden = !on;
    toggle.setAttribute("aria-expanded", String(on));
  };
  toggle.addEventListener("click", () => show(list.hidden));
  document.addEventListener("pointerdown", (event) => { if (!near(event).closest(".queue-box")) show(false); });
  closing = () => {
    if (list.hidden) return false;
    show(false);
    toggle.focus();
    return true;
  };
  const hold = $(".hold"), held = $(".held");
  const told = (/** @type {{paused?: boolean, error?: string} | null} */ answer) => {
    if (answer?.error) toast(answer.error, "warn");
    if (typeof answer?.paused !== "boolean") return;
    held.hidden = !answer.paused;
    hold.textContent = answer.paused ? "Go on with the queue" : "Pause the queue";
  };
  hold.addEventListener("click", async () => told(await post(held.hidden ? "loom/queue/pause" : "loom/queue/resume")));
  toggle.addEventListener("click", async () => told(await ask("loom/queue")));
  $(".stop-all").addEventListener("click", async () => {
    if (!confirm("Stop every job that runs or waits, also those of others?")) return;
    const got = await post("loom/queue/stop");
    if (!got || got.error) toast(got?.error ?? "The studio did not answer.", "warn");
    else toast(`${got.stopped} ${got.stopped === 1 ? "job was" : "jobs were"} stopped.`);
  });
  for (const one of jobs) see(one);
  render();
};
