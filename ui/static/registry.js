// @ts-check
/* What the parts of a tab know of each other, by mode; `window.loom` for the page's own events. */

/** @type {import("./types.js").Loom} */
export const loom = {
  stages: {}, forms: {}, keepers: {}, loras: {}, painters: {}, easels: {}, befores: {}, cascades: {}, loraAdd: {}, loraFits: {}, loraWeights: {}, prompts: {}, styles: {},
  embeddings: {}, restored: {}, targets: [],
  // Taken over by the parts that can.
  verify: () => {}, compare: () => {}, chosenToCompare: () => false, closeCheck: () => false, closeOverlay: () => false,
  openHistory: () => {},
};
