/* The X/Y/Z grid of a tab: what it will cost, and the button that draws it. */
(() => {
  if (window.loom.mountGrid) return;
  const loom = window.loom;
  loom.mountGrid = (element, { mode, trigger, props, watch }) => {
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
  };
})();
