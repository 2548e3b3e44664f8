// @ts-check
/* A note and tags of a past picture: kept beside it, found by the search of the history. */
import { el, find, toast } from "./dom.js";
import { ask } from "./jobs.js";

/** @typedef {{note: string, tags: string[], error?: string}} Remark */

const ROOT = "loom/history/note";

/** The tags of a typed line. @param {string} text */
export const tagsIn = (text) => [...new Set(text.split(/[,#]/).map((tag) => tag.trim().toLowerCase()).filter(Boolean))];
/** What a button says of a remark. @param {Remark | null} said */
export const inShort = (said) => (said?.tags?.length ? `✎ ${said.tags.slice(0, 3).map((tag) => `#${tag}`).join(" ")}` : said?.note ? `✎ ${said.note.slice(0, 24)}` : "Note");

/**
 * A button that shows what was said of a picture, and opens it for writing.
 * @param {string} name of the picture
 * @param {boolean} fixed only looked at
 */
export const remarkButton = (name, fixed) => {
  const button = el("button", "note quiet", "Note");
  /** @type {Remark} */
  let said = { note: "", tags: [] };
  button.type = "button";
  button.title = "A note and tags, kept beside the picture and found by the search";
  button.hidden = fixed;
  const show = (/** @type {Remark | null} */ got) => {
    if (!got || got.error) return;
    said = got;
    button.textContent = inShort(said);
    button.title = [said.note, said.tags.map((tag) => `#${tag}`).join(" ")].filter(Boolean).join("\n") || button.title;
  };
  if (!fixed) void ask(`${ROOT}?${new URLSearchParams({ name })}`).then(show);
  button.onclick = () => write(name, said, show);
  return button;
};

/** @param {string} name @param {Remark} said @param {(said: Remark) => void} done */
const write = (name, said, done) => {
  const dialog = /** @type {HTMLDialogElement} */ (/** @type {unknown} */ (el("dialog", "ask remark")));
  dialog.setAttribute("aria-labelledby", "loom-remark-title");
  dialog.innerHTML = `
    <button type="button" class="close quiet" aria-label="Close">×</button>
    <h2 id="loom-remark-title">Note and tags</h2>
    <label>Tags <input type="text" class="tags" maxlength="800" placeholder="sea, night"></label>
    <label>Note <textarea class="text" rows="4" maxlength="2000"></textarea></label>
    <div class="ways"><button type="button" class="chip fix">Keep</button></div>`; // ours, with nothing of anybody in it
  const tags = find(dialog, ".tags"), text = find(dialog, ".text"), keep = find(dialog, ".fix");
  tags.value = said.tags.join(", ");
  text.value = said.note;
  keep.onclick = async () => {
    keep.disabled = true;
    const got = await ask(ROOT, { method: "POST", body: JSON.stringify({ name, note: text.value, tags: tagsIn(tags.value) }), headers: { "Content-Type": "application/json" } });
    keep.disabled = false;
    if (!got || got.error) { toast(got?.error ?? "The studio does not answer; is it still running?", "warn"); return; }
    done(got);
    dialog.close();
  };
  find(dialog, ".close").onclick = () => dialog.close();
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  tags.focus();
};
