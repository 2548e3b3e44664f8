// @ts-check
/* What scripts say with an event, and the values of many components that go with it. */

import { expected } from "./kept_picture.js";

/** @type {Record<string, any>} */
const told = {};
/** @type {Record<string, any[]>} presses may follow each other before the values of the first are here */
const waiting = {};
/** @type {Record<string, (told: any, values: Record<string, any>) => void>} */
const handlers = {};

const named = (/** @type {string[]} */ names, /** @type {any[]} */ values) =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));

/**
 * A component's trigger that remembers what was said with its events.
 * @param {string} mode
 * @param {(event: string, data?: unknown) => void} trigger
 */
export const telling = (mode, trigger) => (/** @type {string} */ name, /** @type {unknown} */ data) => {
  const event = `${mode}.${name}`, to = name === "send" && !(/** @type {any} */ (data)?.stays) ? /** @type {any} */ (data)?.to : null;
  if (to) expected(to);
  told[event] = data;
  if (handlers[event]) (waiting[event] ??= []).push(data);
  trigger(name, data);
};

/**
 * For an event of the server that has the values as its one input.
 * @param {string} event
 * @param {string[]} names
 * @param {any[]} values
 */
export const carry = (event, names, values) => ({ event: told[event] ?? {}, values: named(names, values) });

/**
 * Called by the page with the values that an event is to have.
 * @param {string} event
 * @param {string[]} names
 * @param {any[]} values
 */
export const gathered = (event, names, values) => { handlers[event]?.(waiting[event]?.shift() ?? {}, named(names, values)); };

/**
 * What shall happen with an event's values.
 * @param {string} event "mode.event"
 * @param {(told: any, values: Record<string, any>) => void} handler
 */
export const onGathered = (event, handler) => { handlers[event] = handler; };
