import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.js";

browser();
const { MOST_SIDE_PX, covered, farther, harden, hexOf, journal, layerSize, paintedWords, put } = await import("../../../../ui/static/strokes.js");

const mark = (more = {}) => ({ layer: "mask", kind: "brush", erase: false, colour: "#fff", size: 8, opacity: 1, points: [[1, 1]], ...more });

test("layers are of the picture's size, unless that is very large", () => {
  assert.deepEqual(layerSize(640, 480), { width: 640, height: 480 });
  assert.deepEqual(layerSize(2 * MOST_SIDE_PX, MOST_SIDE_PX), { width: MOST_SIDE_PX, height: MOST_SIDE_PX / 2 });
  assert.deepEqual(layerSize(100_000, 1), { width: MOST_SIDE_PX, height: 1 });
});

test("marks are taken back one by one, and put on again until there is a new one", () => {
  const book = journal();
  book.add(mark({ size: 1 }));
  book.add(mark({ size: 2 }));
  assert.ok(book.undo());
  assert.deepEqual(book.marks.map((one) => one.size), [1]);
  assert.ok(book.redo());
  assert.deepEqual(book.marks.map((one) => one.size), [1, 2]);
  book.undo();
  book.add(mark({ size: 3 }));
  assert.equal(book.redo(), false);
  assert.deepEqual(book.marks.map((one) => one.size), [1, 3]);
  assert.ok(book.undo() && book.undo());
  assert.equal(book.undo(), false);
});

test("emptying a layer is a mark like any other, and leaves the other layer", () => {
  const book = journal();
  book.add(mark({ layer: "sketch", size: 1 }));
  book.add(mark({ size: 2 }));
  book.add(mark({ kind: "clear" }));
  assert.equal(book.on("mask").length, 0);
  assert.deepEqual(book.on("sketch").map((one) => one.size), [1]);
  book.undo();
  assert.deepEqual(book.on("mask").map((one) => one.size), [2]);
});

test("a place that is hardly another one adds nothing", () => {
  const points = farther([], [1, 1]);
  assert.equal(farther(points, [1.2, 1.1]), points);
  assert.deepEqual(farther(points, [4, 1]), [[1, 1], [4, 1]]);
});

const pen = () => {
  const said = [];
  const context = { canvas: { width: 9, height: 9 } };
  for (const name of ["save", "restore", "beginPath", "moveTo", "lineTo", "closePath", "fill", "stroke", "clearRect"])
    context[name] = () => said.push(name === "stroke" || name === "fill" ? `${name} ${context.globalCompositeOperation} ${context.globalAlpha}` : name);
  return { context, said };
};

test("a stroke is one path, so that it is nowhere laid over itself; an eraser takes all of it away", () => {
  const one = pen();
  put(one.context, mark({ opacity: 0.4, points: [[0, 0], [5, 5], [0, 0]] }));
  assert.deepEqual(one.said.filter((word) => word.startsWith("stroke")), ["stroke source-over 0.4"]);
  const two = pen();
  put(two.context, mark({ kind: "lasso", erase: true, opacity: 0.4, points: [[0, 0], [5, 0], [5, 5]] }));
  assert.ok(two.said.includes("closePath"));
  assert.ok(two.said.includes("fill destination-out 1"));
  const three = pen();
  put(three.context, mark({ kind: "clear", points: [] }));
  assert.deepEqual(three.said, ["clearRect"]);
});

test("a mask is white or black; what an eraser has left of an edge is nothing", () => {
  const data = new Uint8ClampedArray([255, 47, 176, 255, 255, 47, 176, 60, 0, 0, 0, 0, 255, 47, 176, 128]);
  harden(data);
  assert.deepEqual([...data], [255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 255]);
});

test("what is painted is said in a few words", () => {
  assert.equal(covered(new Uint8ClampedArray([0, 0, 0, 255, 0, 0, 0, 0])), 0.5);
  assert.equal(paintedWords({ mask: 0, sketch: 0 }), "");
  assert.equal(paintedWords({ mask: 0.124, sketch: 0 }), "mask 12 %");
  assert.equal(paintedWords({ mask: 0.001, sketch: 0.3 }), "mask < 1 % · colour sketch");
  assert.equal(hexOf([1, 32, 255]), "#0120ff");
});
