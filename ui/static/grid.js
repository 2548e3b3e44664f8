/* The X/Y/Z grid of a tab: what it will cost, and the button that draws it. */
(() => {
  if (window.loom.mountGrid) return;
  const loom = window.loom;
  const WAIT_MS = 150;
  const values = {}, shown = {};
  /* Called by the page on each change of a setting or an axis, with all of them by name. */
  loom.gridChanged = (mode, names, now) => {
    values[mode] = Object.fromEntries(names.map((name, i) => [name, now[i]]));
    shown[mode]?.();
  };

  loom.mountGrid = (element, { mode, trigger, props, server, watch }) => {
    const cost = element.querySelector(".cost"), draw = element.querySelector(".draw");
    draw.addEventListener("click", () => {
      const stage = loom.stages[mode];
      if (["queued", "loading", "running"].includes(stage?.value.state)) {
        loom.toast("A run is under way here; stop it, or wait for its end.");
        return;
      }
      stage?.begin();
      trigger("draw", {});
    });
    const take = () => {
      cost.textContent = props.value?.text ?? "";
      draw.disabled = !props.value?.ready;
    };
    watch("value", take);
    take();
    let timer = 0, asks = 0, told = null;
    const ask = async () => {
      if (element.offsetParent === null || told === values[mode]) return; // closed: when it opens
      const mine = ++asks, asked = values[mode];
      const got = await server.forecast(asked);
      if (mine !== asks || !got) return;
      told = asked;
      props.value = got;
      take();
    };
    shown[mode] = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    };
    element.closest(".loom-fold")?.querySelector("button")?.addEventListener("click", () => {
      told = null; // how fast the model is may be known by now
      shown[mode]();
    });
    if (values[mode]) shown[mode]();
  };
})();
