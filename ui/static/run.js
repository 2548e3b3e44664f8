// @ts-check
/* A press becomes a job: on the stage of its tab, or in the queue. */
import { toast } from "./dom.js";
import { failureOf } from "./failure.js";
import { submit } from "./jobs.js";
import { queue } from "./queue.js";
import { withPainted } from "./painting.js";
import { loom } from "./registry.js";
import { saving } from "./saving.js";
import { branchedFrom } from "./tree.js";

/**
 * @param {string} press
 * @param {boolean} adds whether it goes into the queue, and leaves the stage as it is
 * @param {{mode: string, values: Record<string, any>, branch?: {job: string, step: number, fan: boolean, image: number}, grid?: boolean, source?: string}} asked
 *   `source` names the file of a batch that it is made from
 */
export const run = async (press, adds, { source, ...asked }) => {
  const { mode } = asked, how = { ...saving(), ...(source && { source_name: source }) };
  const values = await withPainted(mode, asked.values);
  const { job, words, error, ...said } = values ? await submit(press, { ...asked, values, saving: how })
    : { error: "What you painted could not be sent; is the studio still running?" };
  if (job && asked.branch) branchedFrom(job, asked.branch);
  if (job && adds) queue.add({ job, mode, words });
  else if (job) loom.stages[mode]?.follow(job);
  else if (adds) toast(error ?? "", "warn");
  else loom.stages[mode]?.fail(error ?? "", failureOf(mode, said));
  return Boolean(job);
};
