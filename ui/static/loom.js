/* Page-wide parts: notices, keyboard, markers of changed controls, and the glue between the
   stage and the buttons of a tab. Text that comes from anywhere enters the page by textContent. */
(() => {
  if (window.loom) return;
  const loom = (window.loom = { stages: {}, forms: {}, keepers: {}, loras: {}, loraAdd: {}, loraWeights: {}, restored: {}, targets: [] });

  loom.el = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  loom.seconds = (s) => (s < 9.95 ? `${s.toFixed(1)} s` : s < 90 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`);

  /* `act` is a button in the note: { label, run }; `keep` leaves it until it is dismissed. */
  loom.toast = (text, kind = "info", { keep = false, closed = null, act = null } = {}) => {
    // What asks for a press elsewhere must not lie over the buttons.
    const place = kind === "choice" ? "loom-tray left" : "loom-tray";
    let tray = document.querySelector(`[class="${place}"]`);
    if (!tray) {
      tray = loom.el("div", place);
      tray.setAttribute("role", "status");
      document.body.append(tray);
    }
    const note = loom.el("div", `loom-note ${kind}`);
    note.append(loom.el("p", "", text));
    const close = loom.el("button", "", "×");
    close.setAttribute("aria-label", "Dismiss");
    close.onclick = () => { note.remove(); closed?.(); };
    if (act) {
      const button = loom.el("button", "act", act.label);
      button.onclick = () => { note.remove(); act.run(); };
      note.append(button);
    }
    note.append(close);
    tray.append(note);
    while (tray.children.length > 4) tray.firstChild.remove();
    if (!keep) setTimeout(() => note.remove(), kind === "info" && !act ? 6000 : 15000);
    return note;
  };

  loom.activeMode = () => {
    for (const [mode, stage] of Object.entries(loom.stages))
      if (stage.root.querySelector(".canvas").offsetParent !== null) return mode;
    return null;
  };

  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) {
      if (event.key === "Escape" && loom.closeCheck?.()) event.preventDefault();
      return; // nothing behind it hears the keys
    }
    const mode = loom.activeMode();
    const buttons = mode && loom.forms[mode];
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      // A field hands its value over when it is left; wait for that before starting.
      document.activeElement?.blur?.();
      setTimeout(() => buttons?.go.click(), 60);
    } else if (event.key === "Escape") {
      if (loom.closePast?.() || loom.closeQueue?.() || loom.closeOverlay?.()) return;
      const panel = document.getElementById("loom-preset-close");
      if (panel) return panel.click();
      if (buttons && !buttons.stop.disabled) buttons.stop.click();
    }
  }, true);

  /* Generate and Stop of a tab. */
  loom.mountActions = (element, { mode, trigger, props, watch }) => {
    const go = element.querySelector(".go");
    const stop = element.querySelector(".stop");
    const form = (loom.forms[mode] = { go, stop, trigger, defaults: {}, busy: false });
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    element.querySelector("kbd").textContent = mac ? "⌘ ⏎" : "Ctrl ⏎";
    /* While a job of this tab runs or waits, Generate adds another one. */
    const adds = () => form.busy || Boolean(loom.queue?.has(mode));
    go.addEventListener("click", (event) => {
      if (event.detail > 1) return; // a double click is one wish
      loom.rememberPrompt?.(mode);
      if (adds()) return trigger("enqueue", {});
      loom.stages[mode]?.begin();
      trigger("generate", {});
    });
    form.name = () => {
      const text = adds() ? "Add to queue" : "Generate";
      const label = go.querySelector("span");
      if (label.textContent !== text) label.textContent = text;
    };
    let stopping = false; // pressed before the page has heard of its job: the first state names it
    const halt = (job) => {
      stopping = !job;
      stop.disabled = true;
      if (job) trigger("stop", { job });
    };
    stop.addEventListener("click", () => halt(loom.stages[mode]?.value.job));
    form.setBusy = (busy, job) => {
      form.busy = busy;
      stopping &&= busy;
      stop.disabled = !busy || stopping;
      if (stopping && job) halt(job);
      form.name();
    };
    const take = () => {
      form.defaults = props.value?.defaults ?? {};
      if (form.last) loom.mark(mode, form.last);
    };
    watch("value", take);
    take();
    form.setBusy(false);
    loom.touched(mode); // a tab that opens late learns its values
    // The folds below come after this, and when is Gradio's secret.
    for (const wait of [0, 100, 300, 1000, 3000]) setTimeout(() => loom.rememberAccordions(document), wait);
  };

  /* Marks what differs from its default; one click sets it back. */
  loom.mark = (mode, values) => {
    const form = loom.forms[mode];
    if (!form) return;
    form.last = values;
    for (const [key, standard] of Object.entries(form.defaults)) {
      const block = document.getElementById(`${mode}-${key}`);
      if (!block) continue;
      const changed = String(values[key] ?? "") !== String(standard ?? "");
      block.classList.toggle("loom-changed", changed);
      let reset = block.querySelector(":scope > .loom-reset");
      if (changed && !reset) {
        reset = loom.el("button", "loom-reset", "↺");
        const title = block.dataset.title || key.replaceAll("_", " ");
        reset.title = "Back to the default";
        reset.setAttribute("aria-label", `Reset ${title}`);
        reset.onclick = () => form.trigger("reset", { key });
        block.append(reset);
      } else if (!changed && reset) reset.remove();
    }
  };

  /* What scripts say with an event, by "mode.event"; the values of many components go with it. */
  const told = {};
  loom.telling = (mode, trigger) => (name, data) => {
    told[`${mode}.${name}`] = data;
    trigger(name, data);
  };
  loom.carry = (event, names, values) => ({
    event: told[event] ?? {}, values: Object.fromEntries(names.map((name, i) => [name, values[i]])),
  });

  /* Called by the page on each change of a control; many come at once, and their values once. */
  const TOUCHED_MS = 40, touched = new Set();
  loom.touched = (mode) => {
    if (touched.has(mode)) return;
    touched.add(mode);
    setTimeout(() => {
      touched.delete(mode);
      loom.keepers[mode]?.();
    }, TOUCHED_MS);
  };

  /* With the values of all controls: marks, and what the browser shall keep. */
  loom.changed = (mode, names, values) => {
    const kept = values.pop();
    const now = Object.fromEntries(names.map((name, i) => [name, values[i]]));
    const enlarges = loom.forms[mode]?.last?.hires_scale;
    loom.mark(mode, now);
    if (enlarges !== now.hires_scale) loom.stages[mode]?.refresh?.();
    loom.loras[mode]?.();
    loom.prompts?.[mode]?.look();
    loom.styles?.[mode]?.();
    loom.embeddings?.[mode]?.();
    loom.gridChanged?.(mode);
    return loom.restored[mode] ? now : kept;
  };

  loom.rememberAccordions = (root) => {
    for (const block of root.querySelectorAll(".loom-fold")) {
      if (block.dataset.remembered) continue;
      block.dataset.remembered = "1";
      const button = block.querySelector("button.label-wrap");
      if (!button) continue;
      const key = `loom.open.${block.id}`;
      const isOpen = () => button.classList.contains("open");
      if (localStorage.getItem(key) === "1" && !isOpen()) button.click();
      // At once, so that a reload right after the click finds it.
      button.addEventListener("click", () => setTimeout(() => localStorage.setItem(key, isOpen() ? "1" : "0")));
      button.addEventListener("click", () => setTimeout(() => {
        for (const [mode, form] of Object.entries(loom.forms)) {
          if (form.last) loom.mark(mode, form.last);
          loom.prompts?.[mode]?.look();
        }
      }, 120));
    }
  };

  /* Header: memory, notices, and pictures that are dropped anywhere. */
  loom.mountHeader = (element, { server, props, watch, trigger, upload }) => {
    loom.mountMemory(element, server);
    const name = (tries) => {
      const preset = document.querySelector("#loom-preset input");
      if (preset) preset.placeholder = "none";
      else if (tries) setTimeout(() => name(tries - 1), 50);
    };
    name(100);
    loom.mountQueue(element, server);
    loom.openLink = (recipe) => trigger("open_link", { recipe });
    let said = 0;
    /* Its tab may only just be opening. */
    const openFold = (id, tries = 60) => {
      const button = document.querySelector(`#${CSS.escape(id)} > button.label-wrap`);
      if (!button && tries) setTimeout(() => openFold(id, tries - 1), 50);
      else if (button && !button.classList.contains("open")) button.click();
    };
    const take = () => {
      const value = props.value;
      if (value?.id && value.id !== said) {
        said = value.id;
        const { verify } = value;
        const act = verify && { label: "Verify", run: () => loom.verify(trigger, verify) };
        value.notes.forEach((note, i) => loom.toast(note.text, note.kind, { act: i ? null : act }));
        if (value.link) loom.copyLink(value.link);
        if (value.queued) loom.queue.add(value.queued);
        for (const id of value.folds ?? []) openFold(id);
      }
    };
    watch("value", take);
    take();

    /* A picture dropped anywhere (not onto a picture field) hands over its settings. */
    const veil = element.querySelector(".veil");
    const forUs = (event) =>
      [...(event.dataTransfer?.types ?? [])].includes("Files") &&
      !event.target.closest?.("input[type=file], .loom-drop, .image-container, [data-testid=image]");
    let depth = 0;
    addEventListener("dragenter", (event) => forUs(event) && (depth++, veil.hidden = false));
    addEventListener("dragleave", (event) => forUs(event) && --depth <= 0 && (veil.hidden = true));
    addEventListener("dragover", (event) => forUs(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      depth = 0;
      veil.hidden = true;
      if (!forUs(event)) return;
      event.preventDefault();
      loom.openRecord(event.dataTransfer.files[0]);
    });
    loom.openRecord = async (file) => {
      if (!file) return;
      if (!/\.(png|jpe?g|webp)$/i.test(file.name)) {
        loom.toast("Settings are kept in PNG, JPEG and WebP pictures; drop one of those.", "warn");
        return;
      }
      try {
        const { path } = await upload(file);
        trigger("record", { path });
      } catch {
        loom.toast("The picture could not be sent; is it larger than 32 MB?", "warn");
      }
    };
  };
})();
