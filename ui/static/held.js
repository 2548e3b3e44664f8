// @ts-check
/* What a record names and is not here holds Generate back, until something else is chosen or somebody says so. */
import { toast } from "./dom.js";

/** @typedef {{said: string, fields: Record<string, {instead: string | null, words: string[]}>}} Held */

/* Where a name stands in a text: in the form it is held as long as it is written there. */
const TEXTS = /** @type {Record<string, string[]>} */ ({ embeddings: ["prompt", "negative_prompt"], loras: ["loras"] });

/** The fields that still stand as they were filled. @param {Held["fields"]} fields @param {Record<string, any>} last @returns {string[]} */
export const standing = (fields, last) => Object.entries(fields).filter(([field, { instead, words }]) => {
  const texts = TEXTS[field];
  if (!texts) return (last[field] ?? "") === (instead ?? "");
  const written = texts.map((name) => (typeof last[name] === "string" ? last[name] : JSON.stringify(last[name] ?? ""))).join("\n").toLowerCase();
  return words.some((word) => written.includes(word.toLowerCase()));
}).map(([field]) => field);

/** @param {() => Record<string, any> | undefined} last the values of the form */
export const holding = (last) => {
  /** @type {Held | null} */
  let held = null;
  /* The model that stays is the one that is chosen when the record comes in. */
  const settle = () => {
    const model = held?.fields.model, values = last();
    if (model && model.instead === null && values) model.instead = values.model ?? "";
  };
  return {
    /** A record was put in, or something else that holds nothing back. @param {Held | null} told */
    take: (told) => { held = told && { said: told.said, fields: structuredClone(told.fields) }; settle(); },
    settle,
    /** Whether it is held back now; then it says so, and `go` is what is done all the same. @param {() => void} go */
    stops: (go) => {
      if (!held || !standing(held.fields, last() ?? {}).length) return false;
      toast(held.said, "warn", { keep: true, act: { label: "Draw all the same", run: () => { held = null; go(); } } });
      return true;
    },
  };
};
