// @ts-check
/* The header: memory, the queue and notices. */
import { mountAccount } from "./account.js";
import { find, maybe, toast } from "./dom.js";
import { mountDropping } from "./dropping.js";
import { settled } from "./kept_picture.js";
import { placeholder } from "../gradio_compat/placeholder.js";
import { chosenByKey } from "../gradio_compat/explicit_choice.js";
import { copyLink } from "./link.js";
import { mountMemory } from "./memory.js";
import { mountNotify } from "./notify.js";
import { openPicker, portraitOf } from "./picker.js";
import { mountQueue } from "./queue.js";
import { loom } from "./registry.js";
import { showShortcuts } from "./shortcuts.js";
import { mountLanguage } from "./speak.js";

const LOOK_MS = 2000;
const sized = (/** @type {number} */ bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes ? `${Math.ceil(bytes / 1e6)} MB` : "");

/** @param {HTMLElement} element @param {import("./types.js").Mounted} given */
export const mountHeader = (element, { props, watch, trigger, upload, server }) => {
  mountMemory(element);
  placeholder("loom-preset", "none");
  chosenByKey("loom-preset");
  mountQueue(element);
  const history = find(element, "[data-act=history]");
  history.addEventListener("click", () => loom.openHistory());
  history.addEventListener("pointerenter", () => loom.nearHistory?.());
  find(element, "[data-act=models]").addEventListener("click", () => {
    const now = String(Object.values(loom.forms)[0]?.last?.model ?? "");
    openPicker({
      title: "Choose a model",
      items: async (again) => {
        const got = await server.models({ again });
        return (got?.models ?? []).map((/** @type {any} */ one) => ({
          ...one, on: one.name === now, picture: one.picture ? portraitOf("model", one.name) : "",
          facts: [one.family, one.version, one.size.join(" × "), sized(one.bytes), one.hash].filter(Boolean),
        }));
      },
      choose: (name) => trigger("model", { name }),
    });
  });
  find(element, "[data-act=keys]").addEventListener("click", showShortcuts);
  mountNotify(/** @type {any} */ (find(element, ".tell input")));
  mountAccount(element);
  void mountLanguage();
  mountDropping(element, { trigger, upload, server });
  loom.openLink = (recipe) => trigger("open_link", { recipe });
  let said = 0;
  /* Its tab may only just be opening, on a slow machine for long, and a press before a fold listens does
     nothing. It shows that it opens only a moment later: a second press at once would close it again. */
  const openFold = (/** @type {string} */ id, until = performance.now() + 30_000) => {
    const button = maybe(`#${CSS.escape(id)} > button.label-wrap`);
    if (performance.now() > until || button?.classList.contains("open")) return;
    button?.click();
    setTimeout(() => openFold(id, until), button ? 1000 : 100);
  };
  const take = () => {
    const value = props.value;
    if (value?.id && value.id !== said) {
      said = value.id;
      const { verify, undo } = value;
      const act = verify ? { label: "Verify", run: () => loom.verify(verify) }
        : undo && { label: "Undo", run: () => loom.forms[undo]?.step("undo") };
      value.notes.forEach((note, i) => toast(note.text, note.kind, { act: i ? null : act }));
      if (undo) loom.prompts[undo]?.written(value.dialect ?? "");
      if (value.further?.length) {
        toast("Not all of it is in the form as it was:", "warn",
          { keep: true, lines: value.further, kept: value.kept });
      }
      if (value.link) copyLink(value.link);
      for (const id of value.folds ?? []) openFold(id);
      for (const [place, lies] of Object.entries(value.pictures ?? {})) settled(place, lies);
    }
  };
  watch("value", take);
  take();

  /* Whoever has put a file into a models folder comes back to this window: the lists look again. */
  let looked = performance.now();
  loom.lookAgain = () => {
    looked = performance.now();
    trigger("lists", {});
    for (const ask of Object.values(loom.loras)) ask(true);
    for (const ask of Object.values(loom.embeddings)) ask();
  };
  addEventListener("focus", () => { if (performance.now() - looked >= LOOK_MS) loom.lookAgain?.(); });
};
