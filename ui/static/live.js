// @ts-check
/* The switch below Generate: while it is on, what changes in the form changes the picture that forms. */
import { press, pressed, toast } from "./dom.js";

const SOON_MS = 200; // a slider that is dragged, a word that is typed

/**
 * @param {HTMLElement | null} button tabs whose runs are not changed have none
 * @param {(values: Record<string, unknown>) => Promise<{error?: string} | null>} send to the job that runs
 * @param {() => boolean} runs whether there is one
 */
export const mountLive = (button, send, runs) => {
  /** @type {Record<string, unknown> | null} */
  let last = null;
  let sent = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const go = async () => {
    const said = JSON.stringify(last);
    if (!last || !button || !pressed(button) || !runs() || said === sent) return;
    sent = said;
    const got = await send(last);
    if (got?.error) toast(got.error, "warn");
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(go, SOON_MS);
  };
  button?.addEventListener("click", () => {
    press(button, !pressed(button));
    sent = "";
    soon();
  });
  return {
    /** What was changed has been sent. */
    sent: async () => {
      clearTimeout(timer);
      await go();
    },
    /** The form has these values now. @param {Record<string, unknown>} values */
    changed: (values) => {
      last = values;
      if (button && pressed(button)) soon();
    },
  };
};
