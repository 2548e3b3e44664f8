// @ts-check
/* As little of a browser as the page's modules need to be imported and tried without one. */

class Store {
  constructor() { this.kept = new Map(); }
  getItem(key) { return this.kept.get(key) ?? null; }
  setItem(key, value) { this.kept.set(key, String(value)); }
  removeItem(key) { this.kept.delete(key); }
}
class Stream {
  static CLOSED = 2;
  static opened = [];
  constructor(url) { this.url = url; this.readyState = 1; this.ends = []; Stream.opened.push(this); }
  addEventListener(name, heard) { if (name === "end") this.ends.push(heard); }
  close() { this.readyState = Stream.CLOSED; }
  tell(state) { this.onmessage({ data: JSON.stringify(state) }); }
}

/** Puts it in place; gives what tests look at. */
export const browser = () => {
  const nothing = () => {};
  Object.assign(globalThis, {
    document: { addEventListener: nothing, querySelector: () => null, querySelectorAll: () => [], activeElement: null },
    addEventListener: nothing, localStorage: new Store(), sessionStorage: new Store(), EventSource: Stream,
  });
  return { Stream };
};
export const turn = (ms = 5) => new Promise((go) => setTimeout(go, ms));
