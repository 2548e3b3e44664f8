// @ts-check
/* The header: memory, the queue, notices, and pictures that are dropped anywhere. */
import { find, maybe, near, toast } from "./dom.js";
import { onceThere } from "../gradio_compat/late_folds.js";
import { placeholder } from "../gradio_compat/placeholder.js";
import { chosenByKey } from "../gradio_compat/explicit_choice.js";
import { copyLink } from "./link.js";
import { mountMemory } from "./memory.js";
import { mountQueue } from "./queue.js";
import { mountSignOut } from "./signing_out.js";
import { loom } from "./registry.js";

const LOOK_MS = 2000;

/* Header: memory, notices, and pictures that are dropped anywhere. */
/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountHeader = (element, { props, watch, trigger, upload }) => {
  mountMemory(element);
  placeholder("loom-preset", "none");
  chosenByKey("loom-preset");
  mountQueue(element);
  find(element, "[data-act=history]").addEventListener("click", () => loom.openHistory());
  mountSignOut(element);
  loom.openLink = (recipe) => trigger("open_link", { recipe });
  let said = 0;
  /* Its tab may only just be opening. */
  const opened = /** @type {Map<string, number>} */ (new Map());
  const openFold = (/** @type {string} */ id) => onceThere(
    () => maybe(`#${CSS.escape(id)} > button.label-wrap`),
    (button) => {
      /* A fold shows that it opens only a moment later: a second click would close it again. */
      const now = performance.now();
      if (button.classList.contains("open") || now - (opened.get(id) ?? -1e4) < 1000) return;
      opened.set(id, now);
      button.click();
    }, 60);
  const take = () => {
    const value = props.value;
    if (value?.id && value.id !== said) {
      said = value.id;
      const { verify, undo } = value;
      const act = verify ? { label: "Verify", run: () => loom.verify(verify) }
        : undo && { label: "Undo", run: () => loom.forms[undo]?.step("undo") };
      value.notes.forEach((note, i) => toast(note.text, note.kind, { act: i ? null : act }));
      if (value.further?.length) {
        toast("Not all of it is in the form as it was:", "warn",
          { keep: true, lines: value.further, kept: value.kept });
      }
      if (value.link) copyLink(value.link);
      for (const id of value.folds ?? []) openFold(id);
    }
  };
  watch("value", take);
  take();

  /* Whoever has put a file into a models folder comes back to this window: the lists look again. */
  let looked = performance.now();
  addEventListener("focus", () => {
    if (performance.now() - looked < LOOK_MS) return;
    looked = performance.now();
    trigger("lists", {});
    for (const ask of Object.values(loom.loras)) ask(true);
    for (const ask of Object.values(loom.embeddings)) ask();
  });

  /* A picture dropped anywhere (not onto a picture field) hands over its settings. */
  const veil = find(element, ".veil");
  const forUs = (event) =>
    [...(event.dataTransfer?.types ?? [])].includes("Files") &&
    !near(event).closest?.("input[type=file], .loom-drop, .image-container, [data-testid=image]");
  let depth = 0;
  addEventListener("dragenter", (event) => forUs(event) && (depth++, veil.hidden = false));
  addEventListener("dragleave", (event) => forUs(event) && --depth <= 0 && (veil.hidden = true));
  addEventListener("dragover", (event) => forUs(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    depth = 0;
    veil.hidden = true;
    if (!forUs(event)) return;
    event.preventDefault();
    loom.openRecord(event.dataTransfer?.files[0]);
  });
  loom.openRecord = async (file) => {
    if (!file) return;
    if (!/\.(png|jpe?g|jfif|webp|avif|gif)$/i.test(file.name)) {
      toast("Settings are kept in PNG, JPEG, WebP, AVIF and GIF pictures; drop one of those.", "warn");
      return;
    }
    try {
      const { path } = await upload(file);
      trigger("record", { path });
    } catch {
      toast("The picture could not be sent; is it larger than 32 MB?", "warn");
    }
  };
};
