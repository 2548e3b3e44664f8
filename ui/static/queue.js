/* The page's own jobs that run or wait: their list in the header, and which one a stage shows. */
(() => {
  const loom = window.loom;
  if (loom.queue) return;
  const KEY = "loom-queue", EVERY_MS = 1000, WAITS = ["queued", "loading", "running"];
  let jobs = [];
  try { jobs = JSON.parse(sessionStorage.getItem(KEY) ?? "[]").filter((one) => one?.job && one.mode); } catch { jobs = []; }

  let $ = null, server = null, timer = null, asking = false;
  const open = (one) => !one.state || WAITS.includes(one.state);
  const keep = () => sessionStorage.setItem(KEY, JSON.stringify(jobs.map(({ job, mode, words, thumb }) => ({ job, mode, words, thumb }))));
  const find = (job) => jobs.find((one) => one.job === job);
  const busy = (stage) => WAITS.includes(stage?.value.state);

  const about = (one) => {
    if (!one.state) return "";
    const left = one.eta == null ? "" : loom.seconds(one.eta);
    if (one.state === "queued")
      return (one.position ? `${one.position} before it` : "next") + (left ? ` · starts in about ${left}` : "");
    return one.total ? `step ${one.step}/${one.total}${left ? ` · ${left} left` : ""}` : "running";
  };

  const button = (text, label, act) => {
    const node = loom.el("button", "quiet", text);
    node.type = "button";
    node.title = label;
    node.setAttribute("aria-label", label);
    node.onclick = async () => {
      node.disabled = true;
      const got = await act();
      if (got?.error) loom.toast(got.error, "warn");
      ask();
    };
    return node;
  };

  /* The forming picture of the job that a stage shows; before that, the picture that it starts from. */
  const source = (mode) => {
    const src = document.querySelector(`[id^="${mode}-image"] img`)?.src ?? "";
    return src.startsWith("http") ? src : ""; // kept over a reload, so never the picture itself
  };
  const thumb = (one) => {
    const stage = loom.stages[one.mode];
    const frame = stage?.value.job === one.job && stage.value.step > 0 && stage.root.querySelector(".frame")?.src;
    return frame || one.thumb || "";
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
    const key = JSON.stringify(listed.map((one) => [one.job, one.state === "queued"]));
    const list = $(".queue-list ol");
    if (key !== drawn) {
      drawn = key;
      const focused = document.activeElement?.closest?.(".queue-list li")?.dataset.job;
      let before = false;
      list.replaceChildren(...listed.map((one) => {
        const row = loom.el("li");
        row.dataset.job = one.job;
        const picture = loom.el("img", "thumb");
        picture.alt = "";
        row.append(picture);
        const texts = loom.el("div");
        texts.append(loom.el("b", "", one.mode.replaceAll("_", " ")), loom.el("span", "words", one.words), loom.el("small"));
        row.append(texts);
        if (one.state === "queued" && before)
          row.append(button("↑", `Move up: ${one.words}`, () => server.queue_up({ job: one.job })));
        before = before || one.state === "queued";
        row.append(button("×", `Stop: ${one.words}`, () => server.queue_stop({ job: one.job })));
        return row;
      }));
      if (focused) list.querySelector(`[data-job="${CSS.escape(focused)}"] button`)?.focus();
    }
    listed.forEach((one, i) => {
      const row = list.children[i], picture = row.querySelector(".thumb"), src = thumb(one);
      row.querySelector("small").textContent = about(one);
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
      loom.forms[one.mode]?.trigger("follow", { job: one.job });
    }
    jobs = jobs.filter((one) => open(one) || (one.state !== "gone" && !one.followed));
  };

  const ask = async () => {
    clearTimeout(timer);
    if (!server || asking || !jobs.length) return render();
    if (!document.hidden) {
      asking = true;
      try {
        for (const state of (await server.queue_state({ jobs: jobs.map((one) => one.job) })) ?? []) {
          const one = find(state.job);
          if (!one) continue;
          if (state.state === "failed" && one.state !== "failed" && !one.followed) loom.toast(`${one.words}: ${state.message}`, "warn");
          Object.assign(one, state);
          // Taken out before it began, it has nothing to show.
          if (one.state === "stopped" && !one.step && !one.followed) one.state = "gone";
        }
      } catch { /* The connection is gone for now; the next round asks again. */ }
      asking = false;
      follow();
      keep();
      render();
    }
    if (jobs.length) timer = setTimeout(ask, EVERY_MS);
  };

  loom.queue = {
    /* Whether a job of that tab runs or waits. */
    has: (mode) => jobs.some((one) => one.mode === mode && open(one)),
    add: (entry) => {
      if (find(entry.job)) return;
      jobs.push({ thumb: source(entry.mode), ...entry });
      keep();
      ask();
    },
    /* Called by the stage at each state of its job. */
    saw: (mode, v) => {
      if (!v.job) return;
      const one = find(v.job);
      if (!WAITS.includes(v.state)) {
        if (!one) return;
        jobs = jobs.filter((other) => other !== one);
        keep();
        ask();
      } else if (one) one.followed = true;
      else {
        const words = String(loom.forms[mode]?.last?.prompt ?? "").trim().slice(0, 80) || mode.replaceAll("_", " ");
        loom.queue.add({ job: v.job, mode, words, followed: true, state: v.state === "queued" ? "queued" : "running", position: v.position, eta: v.eta, step: v.step, total: v.total });
      }
    },
  };

  loom.mountQueue = (element, given) => {
    server = given;
    $ = (selector) => element.querySelector(selector);
    const toggle = $(".queue"), list = $(".queue-list");
    const show = (on) => {
      list.hidden = !on;
      toggle.setAttribute("aria-expanded", String(on));
    };
    toggle.addEventListener("click", () => show(list.hidden));
    document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".queue-box")) show(false); });
    loom.closeQueue = () => {
      if (list.hidden) return false;
      show(false);
      toggle.focus();
      return true;
    };
    document.addEventListener("visibilitychange", ask);
    ask();
  };
})();
