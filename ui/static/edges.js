/* The control of style transfer as it would be now: it follows the picture and Canny's sliders. */
(() => {
  if (window.loom.mountEdges) return;
  const loom = window.loom;

  loom.mountEdges = (element, { props, watch }) => {
    const $ = (selector) => element.querySelector(selector);
    const take = () => {
      const { src = null, text = "", note = "" } = props.value || {};
      const img = $("img");
      if (src) img.src = src; else img.removeAttribute("src");
      img.hidden = !src;
      $("figcaption").textContent = text;
      $(".edges-note").textContent = note;
      $(".edges-note").hidden = !note;
    };
    watch("value", take);
    take();
  };
})();
