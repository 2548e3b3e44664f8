/* The stage of a tab: canvas, progress, timeline, results. Its state arrives as one JSON value;
   preview frames are pulled, latest only. */
(() => {
  if (window.loom.mountStage) return;
  const loom = window.loom;
  const TITLES = { queued: "Waiting", loading: "Loading the model", failed: "That did not work" };
  const { seconds } = loom;
  const COUNTED = ["sampling", "inverting", "fitting"];
  const BUSY = ["queued", "loading", "running"];

  loom.mountStage = (element, { mode, trigger, props, server, watch }) => {
    const $ = (selector) => element.querySelector(selector);
    const root = $(".stage");
    const frame = $(".frame"), second = $(".second"), slider = $(".timeline input[type=range]");
    const both = $(".timeline .both");
    const edges = $(".edges-shown"), begun = $(".start");
    const pressed = (button) => button.getAttribute("aria-pressed") === "true";
    const press = (button, on) => button.setAttribute("aria-pressed", String(on));
    const stage = (loom.stages[mode] = { root, value: { state: "empty" } });
    let polling = null, selected = 0, scrubbed = null, shownJob = null, announced = "", shown = "", noted = null, shownLast = null, whole = null;
    const frames = new Map();
    const column = element.closest(".loom-right");
    if (column) {
      const fit = () => column.style.setProperty(
        "--beyond", `${Math.max(0, column.offsetHeight + 24 - innerHeight)}px`);
      new ResizeObserver(fit).observe(column);
      addEventListener("resize", fit);
    }

    const show = (img, src) => {
      if (!src) { img.hidden = true; img.removeAttribute("src"); return; }
      if (img.getAttribute("src") !== src) img.src = src;
      img.hidden = false;
    };
    const say = (text) => { if (text !== announced) $(".live").textContent = announced = text; };

    const line = (v) => {
      if (v.state === "queued") return v.position > 0 ? `${v.position} before you` : "you are next";
      if (v.state === "loading") return v.note || "loading the model";
      if (v.state === "running") {
        const left = v.eta == null ? "" : ` · ${seconds(v.eta)} left`;
        return COUNTED.includes(v.stage) ? `${v.stage === "sampling" ? "" : `${v.stage}, `}step ${v.step}/${v.total}${left}` : `${v.stage}${left}`;
      }
      if (v.state === "stopped") return v.message || "stopped";
      if (v.state === "failed") return "";
      if (v.state === "done") {
        const one = v.results[selected] ?? v.results[0];
        return `done in ${seconds(v.elapsed)}` + (one ? ` · ${one.width} × ${one.height}${one.label ? ` · ${one.label}` : ""}` : "");
      }
      return "";
    };

    const render = () => {
      const v = stage.value;
      const busy = BUSY.includes(v.state);
      root.dataset.state = v.state;
      loom.forms[mode]?.setBusy(busy, v.job);
      if (v.job !== shownJob) {
        shownJob = v.job; selected = 0; scrubbed = null; frames.clear(); second.hidden = true;
        press(both, false);
        press(edges, false);
        root.classList.remove("begun");
      }
      // The whole of a grid comes last, and is what one wants to see.
      const last = v.results.length - 1;
      if (!busy && v.results[last]?.sheet && whole !== v.job) { whole = v.job; selected = last; }
      $(".line").textContent = line(v);
      if (v.state === "done" && v.job !== noted && mode !== "morph") {  // a morph has a place for its notes
        noted = v.job;
        for (const note of v.told?.notes ?? []) loom.toast(note);
      }
      const overlay = TITLES[v.state];
      $(".overlay").hidden = !overlay;
      if (overlay) {
        $(".overlay h2").textContent = overlay;
        $(".overlay p").textContent = v.state === "failed" ? v.message : line(v);
      }
      const done = v.state === "done" ? 1 : v.total ? v.step / v.total : 0;
      $(".progress i").style.transform = `scaleX(${busy || v.state === "stopped" ? done : 0})`;
      $(".progress").setAttribute("aria-valuenow", Math.round(done * 100));
      $(".progress").classList.toggle("waiting", v.state === "loading" || v.state === "queued");
      loom.queue?.saw(mode, v);
      if (v.state === "running" && v.stage === "sampling") {
        const quarter = Math.floor((4 * v.step) / Math.max(1, v.total));
        say(quarter ? `${quarter * 25} percent` : "Drawing");
      } else if (v.state !== "empty") say(v.state === "failed" ? v.message : `${v.state}: ${line(v)}`);
      renderResults(v);
      renderTimeline(v, busy);
      begun.hidden = root.dataset.starts !== "true" || !v.job || (busy ? v.step < 1 : !v.timeline?.steps);
      if (!begun.hidden && pressed(begun) && !root.classList.contains("begun")) beside();
      if (v.job && !busy && v.results.length) pick();
      stage.listen?.(v, selected);
      if (v.state === "running" && v.job && polling !== v.job) poll(v.job);
    };

    let picked = "";
    const pick = () => {
      const now = `${stage.value.job}/${selected}`;
      if (now !== picked) trigger("pick", { job: stage.value.job, image: selected });
      picked = now;
    };
    const renderResults = (v) => {
      const strip = $(".strip");
      const key = JSON.stringify(v.results);
      if (key !== shown) {
        shown = key;
        strip.replaceChildren(...v.results.map((result, i) => {
          const button = loom.el("button", "thumb");
          const img = loom.el("img");
          img.src = result.url;
          img.alt = "";
          button.append(img);
          button.setAttribute("aria-label", `Picture ${i + 1}, seed ${result.seed}${result.label ? `, ${result.label}` : ""}`);
          if (result.label) { button.title = result.label; button.dataset.label = result.label.split(" · ")[0].replace("strength ", ""); }
          button.onclick = () => { selected = i; scrubbed = null; root.classList.remove("begun"); render(); pick(); };
          return button;
        }));
      }
      [...strip.children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === selected)));
      root.classList.toggle("batch", v.results.length > 1);
      const one = v.results[selected];
      $(".actions").classList.toggle("off", !one);
      for (const node of $(".actions").querySelectorAll("button, select")) node.disabled = !one;
      press($(".actions .compare"), Boolean(loom.chosenToCompare?.({ job: v.job, image: selected })));
      const link = $(".download");
      if (one) {
        $(".seed b").textContent = one.seed;
        link.href = one.url;
        link.download = one.name;
        link.removeAttribute("aria-disabled");
        if (scrubbed === null && !BUSY.includes(v.state)) {
          if (pressed(edges)) overlaid(v.job, selected);
          else show(frame, one.url);
          frame.alt = `Picture ${selected + 1} of ${v.results.length}, seed ${one.seed}`;
        }
        renderObedience(one);
      } else {
        renderObedience(null);
        $(".seed b").textContent = "–";
        link.removeAttribute("href");
        link.setAttribute("aria-disabled", "true");
      }
    };

    const percent = (share) => `${Math.round(share * 100)} %`;
    const overlaid = async (job, image) => {
      const key = `${job}/${image}/obedience`;
      if (!frames.has(key)) {
        const got = await server.result_view({ job, image, name: "obedience" });
        if (!got?.src) { loom.toast(got?.error ?? "The edges could not be shown.", "warn"); return; }
        frames.set(key, got.src);
      }
      if (pressed(edges) && stage.value.job === job && selected === image && scrubbed === null) show(frame, frames.get(key));
    };
    const renderObedience = (one) => {
      const found = one?.obedience;
      edges.hidden = !one?.views?.includes("obedience");
      $(".obedience").hidden = !found;
      if (!found) return;
      $(".obedience span").textContent = `${percent(found.recall)} of the edges kept · ` +
        `${percent(found.precision)} of the picture's edges asked for`;
      $(".advice").replaceChildren(...found.suggestions.map(({ sentence, changes }) => {
        const chip = loom.el("button", "chip", sentence);
        chip.onclick = () => { trigger("advise", { changes }); chip.disabled = true; };
        return chip;
      }));
    };
    edges.addEventListener("click", () => {
      press(edges, !pressed(edges));
      scrubbed = null;
      render();
    });

    const renderTimeline = (v, busy) => {
      const steps = busy ? 0 : (v.timeline?.steps ?? 0);
      $(".timeline").classList.toggle("off", !steps);
      for (const node of $(".timeline").querySelectorAll("button, input")) node.disabled = !steps;
      slider.max = Math.max(1, steps);
      if (!steps || scrubbed === null) slider.value = slider.max;
      const at = Number(slider.value);
      slider.setAttribute("aria-valuetext", `step ${at} of ${steps}`);
      $(".timeline output").textContent = steps ? `${at}/${steps}` : "";
      slider.style.setProperty("--at", `${steps > 1 ? ((at - 1) / (steps - 1)) * 100 : 100}%`);
      // From the last step there is somewhere to go only under hires fix: to its second stage.
      $(".branch").disabled = !steps || (at >= v.total && !(loom.forms[mode]?.last?.hires_scale > 1));
      // A run that was stopped, or a page that came back to it, shows its last prediction.
      if (steps && !v.results.length && scrubbed === null && (frame.hidden || shownLast !== v.job)) {
        shownLast = v.job;
        stored(steps - 1, "x0").then((src) => src && scrubbed === null && show(frame, src));
      }
    };

    const stored = async (step, kind) => {
      const key = `${stage.value.job}/${selected}/${kind}/${step}`;
      if (!frames.has(key)) {
        const got = await server.timeline_frame({ job: stage.value.job, step, kind, image: selected });
        if (!got?.src) { loom.toast(got?.error ?? "That step could not be shown.", "warn"); return null; }
        frames.set(key, got.src);
      }
      return frames.get(key);
    };
    // What a picture's run starts from: its latents with the first step's noise.
    const beside = async () => {
      const on = pressed(begun);
      root.classList.toggle("begun", on);
      const { job } = stage.value;
      const src = on ? await stored(0, "xt") : null;
      if (stage.value.job !== job || pressed(begun) !== on) return;
      second.alt = on ? "The noised picture that the run starts from" : "The noisy x_t at the same step";
      show(second, src);
      root.classList.toggle("pair", !second.hidden);
    };
    begun.addEventListener("click", () => {
      press(begun, !pressed(begun));
      press(both, false);
      beside();
    });
    let scrubbing = false;
    const scrub = async () => {
      scrubbed = Number(slider.value);
      render();
      if (scrubbing) return;
      scrubbing = true;
      for (let done = null; done !== scrubbed && scrubbed !== null; ) {
        done = scrubbed;
        const pair = pressed(both), first = pressed(begun);
        const [x0, xt] = await Promise.all([stored(done - 1, "x0"), pair ? stored(done - 1, "xt") : null]);
        if (scrubbed === null) break;
        if (x0) show(frame, x0);
        if (!first) show(second, xt);
      }
      scrubbing = false;
      root.classList.toggle("pair", !second.hidden);
    };
    slider.addEventListener("input", scrub);
    both.addEventListener("click", () => {
      press(both, !pressed(both));
      press(begun, false);
      root.classList.remove("begun");
      second.alt = "The noisy x_t at the same step";
      scrub();
    });

    stage.refresh = render;
    const poll = async (job) => {
      polling = job;
      let revision = 0;
      while (stage.value.job === job && BUSY.includes(stage.value.state)) {
        if (document.hidden) {
          await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
          continue;
        }
        const got = await server.next_frame({ job, revision });
        if (!got || got.error) { await new Promise((go) => setTimeout(go, 500)); continue; }
        if (stage.value.job !== job || !BUSY.includes(stage.value.state)) break;
        if (got.src) {
          revision = got.revision;
          show(frame, got.src);
          frame.alt = `Preview at step ${got.step} of ${got.total}`;
          root.dataset.frames = String(Number(root.dataset.frames || 0) + 1);
          if (got.final) break;
          continue;
        }
        // No frame: the job has ended and its state is about to say so, or the stream was cut.
        await new Promise((go) => setTimeout(go, 250));
      }
      if (polling === job) polling = null;
    };

    /* Shows one of the results, as a click on it does. */
    stage.select = (index) => { selected = index; scrubbed = null; render(); };

    stage.begin = () => {
      const kept = stage.value.targets;
      stage.value = { state: "queued", position: 0, message: "", results: [], step: 0, total: 0, job: null, targets: kept };
      scrubbed = null;
      show(second, null);
      root.classList.remove("pair", "begun");
      render();
    };

    $(".branch").addEventListener("click", () => {
      const { job } = stage.value;
      const step = Number(slider.value) - 1;
      stage.begin();
      trigger("branch", { job, step });
    });
    // A job of its own: it waits its turn for the device, and says how far it is.
    const video = $(".video"), videoTitle = video.textContent;
    const saveVideo = async () => {
      const seed = stage.value.results[selected]?.seed ?? "run";
      let got = await server.save_video({ job: stage.value.job, image: selected });
      const job = got?.job;
      while (job && got && !got.error && !got.src) {
        video.textContent = got.position ? `Waiting, ${got.position} before it`
          : got.total ? `Saving, step ${got.step}/${got.total}` : "Saving …";
        await new Promise((go) => setTimeout(go, 250));
        got = await server.video_state({ job });
      }
      if (!got?.src) { loom.toast(got?.error ?? "The video could not be made.", "warn"); return; }
      const link = loom.el("a");
      link.href = got.src;
      link.download = `latent-loom-${seed}.mp4`;
      link.click();
    };
    let saving = false;
    video.addEventListener("click", async () => {
      if (saving) return;
      saving = true;
      video.setAttribute("aria-busy", "true");
      try { await saveVideo(); } finally {
        saving = false;
        video.removeAttribute("aria-busy");
        video.textContent = videoTitle;
      }
    });
    $(".reuse").addEventListener("click", () =>
      trigger("reuse", { seed: stage.value.results[selected].seed }));
    const here = () => ({ job: stage.value.job, image: selected });
    $(".actions .link").addEventListener("click", () => trigger("link", here()));
    $(".verify").addEventListener("click", () => loom.verify(trigger, here()));
    $(".actions .compare").addEventListener("click", (event) => loom.compare(here(), event.currentTarget));
    const target = $(".send");
    target.addEventListener("change", () => {
      if (target.value) trigger("send", { to: target.value, job: stage.value.job, image: selected });
      target.value = "";
    });
    const chips = (v) => {
      $(".chips").replaceChildren(...(v.examples ?? []).slice(0, 3).map((text) => {
        const chip = loom.el("button", "chip", text);
        chip.onclick = () => trigger("example", { text });
        return chip;
      }));
    };

    const take = () => {
      const value = props.value || {};
      if (value.examples) chips(value);
      // Every tab has the same targets; a stage that is mounted late no longer has its first state.
      const targets = (loom.targets = value.targets ?? loom.targets);
      target.hidden = !targets.length;
      if (target.options.length !== targets.length + 1)
        target.replaceChildren(new Option("send to …", ""), ...targets.map((t) => new Option(t.title, t.mode)));
      // Pressed, and the server has not answered yet: what still comes of an empty stage is old.
      const asked = stage.value.state === "queued" && !stage.value.job;
      if (asked && (value.state ?? "empty") === "empty") return;
      stage.value = { results: [], step: 0, total: 0, message: "", state: "empty", ...value };
      render();
    };
    watch("value", take);
    take();
  };
})();
