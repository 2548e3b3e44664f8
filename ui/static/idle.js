// @ts-check
/* Controls that would do nothing with what another one says are out of sight until they act. */
import { maybe } from "./dom.js";

/**
 * Whether each of them does nothing, by control; what a tab lacks is in none of its values.
 * @param {Record<string, any>} values of a form
 * @returns {Record<string, boolean>}
 */
export const idleIn = (values) => {
  const plain = values.factor != null && !(values.strength > 0); // enlarged, and not drawn again
  return {
    ...("start_from" in values && { strength: values.start_from !== "picture" }),
    ...("factor" in values && { steps: plain, guidance_scale: plain }),
    ...("control" in values && { control_scale: values.control === false }),
  };
};

/** @param {string} mode @param {Record<string, any>} values */
export const showIdle = (mode, values) => {
  for (const [key, idle] of Object.entries(idleIn(values))) maybe(`#${mode}-${key}`)?.classList.toggle("loom-idle", idle);
};
