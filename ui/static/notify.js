// @ts-check
/* A notification when a run ends while another window is looked at; only where a person asked for it. */
import { toast } from "./dom.js";
import { WAITS } from "./jobs.js";

/** @typedef {import("./types.js").JobState} JobState */

const KEY = "loom.notify";
const wanted = () => localStorage.getItem(KEY) === "1";

/**
 * What a run's end says; nothing where it did not just end.
 * @param {JobState} before
 * @param {JobState} now
 * @param {string} name of the tab
 */
export const endOf = (before, now, name) => {
  if (!WAITS.includes(before.state) || before.job !== now.job) return "";
  const count = now.results?.length ?? 0;
  if (now.state === "done") return `${name}: ${count === 1 ? "the picture is done" : `${count} pictures are done`}`;
  return now.state === "failed" ? `${name}: ${now.message}` : "";
};

/** @param {JobState} before @param {JobState} now @param {string} name */
export const tellEnd = (before, now, name) => {
  const text = endOf(before, now, name);
  if (!text || !document.hidden || !wanted() || Notification.permission !== "granted") return;
  const note = new Notification("Latent Loom", { body: text, tag: "loom-run" });
  note.onclick = () => { window.focus(); note.close(); };
};

/** The switch for it. @param {HTMLInputElement} box */
export const mountNotify = (box) => {
  if (!("Notification" in window)) { box.closest("label")?.remove(); return; }
  box.checked = wanted() && Notification.permission === "granted";
  box.addEventListener("change", async () => {
    if (box.checked && (await Notification.requestPermission()) !== "granted") {
      box.checked = false;
      toast("The browser does not allow notifications for this page; its settings for the site do.", "warn");
    }
    localStorage.setItem(KEY, box.checked ? "1" : "0");
  });
};
