// @ts-check
/* Preview frames are pulled, the latest only. */
import { address } from "./jobs.js";

/** @param {number} ms */
export const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/**
 * The newest preview above a revision, empty where none came in time; null where the server is away.
 * @param {string} job
 * @param {number} revision
 */
export const frameAfter = async (job, revision) => {
  try {
    const answer = await fetch(`${address(job)}/preview?after=${revision}`);
    if (answer.headers.get("content-type") !== "image/jpeg") return answer.ok ? {} : null;
    const number = (/** @type {string} */ name) => Number(answer.headers.get(`loom-${name}`));
    return {
      revision: number("revision"), step: number("step"), total: number("total"), final: number("final") === 1,
      src: URL.createObjectURL(await answer.blob()),
    };
  } catch {
    return null;
  }
};
