// @ts-check
/* The control of style transfer as it would be now: it follows the picture and Canny's sliders. */
import { finder } from "./dom.js";

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountEdges = (element, { props, watch }) => {
  const $ = finder(element);
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
