// @ts-check
/* A run as a video: a job of its own, which waits its turn for the device and says how far it is. */
import { download, release, seconds } from "./dom.js";
import { WAITS, address, picture, post, watch } from "./jobs.js";

/**
 * Has it made and saves it; says what kept it from that, or nothing.
 * @param {string} job
 * @param {number} image
 * @param {string} name of the file
 * @param {(text: string) => void} tell
 * @returns {Promise<string>}
 */
export const saveVideo = async (job, image, name, tell) => {
  tell("Saving …");
  const { job: made, error } = (await post(`${address(job)}/video?image=${image}`)) ?? {};
  if (!made) return error ?? "The video could not be made.";
  const end = await new Promise((over) => {
    watch(made, (state) => {
      if (!WAITS.includes(state.state)) return over(state);
      tell(state.position ? `Waiting, ${state.position} before it` : state.total ? `Saving, step ${state.step}/${state.total}${state.eta ? ` · ${seconds(state.eta)} left` : ""}` : "Saving …");
    });
  });
  if (end.state !== "done") return end.message || "The video was not made; save it again.";
  const got = await picture(`${address(made)}/file`);
  if (!got.src) return got.error ?? "The video could not be made.";
  download(got.src, name);
  release(got.src);
  return "";
};
