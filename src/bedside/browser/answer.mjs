// Run by bedside.browser.node: rows of values on standard input, what the page's model makes of them on standard output.
// A question is the number of rows (uint32) and the rows (float32); all little-endian.

import { readFileSync } from "node:fs";

const [variables, classes] = process.argv.slice(2).map(Number);
const file = (name) => readFileSync(new URL(name, import.meta.url));

async function opened() {
  const [ort, { openModel }] = await Promise.all([import("./page/onnxruntime.js"), import("./page/model.js")]);
  const wasm = new Uint8Array(file("onnxruntime.wasm")).buffer;
  return openModel(ort, wasm, new Uint8Array(file("model.onnx")), { variables, classes });
}

async function answer(predict, question) {
  const values = new Float32Array(question.buffer.slice(question.byteOffset, question.byteOffset + question.length));
  const { probability, distance, spread } = await predict(values);
  for (const part of [probability, distance, spread ?? new Float32Array()]) {
    process.stdout.write(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  }
}

let predict;
try {
  predict = await opened();
  const one = await predict(new Float32Array(variables).fill(NaN));
  process.stdout.write(`${JSON.stringify({ spread: one.spread !== null })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error.message ?? error) })}\n`, () => process.exit(1));
}

let pieces = [];
let [there, wanted] = [0, 0];
for await (const piece of predict ? process.stdin : []) {
  pieces.push(piece);
  there += piece.length;
  if (there < 4) continue;
  if (!wanted) wanted = 4 + 4 * variables * Buffer.concat(pieces).readUInt32LE();
  if (there < wanted) continue; // one question at a time: the next is asked when this one is answered
  await answer(predict, Buffer.concat(pieces).subarray(4));
  [pieces, there, wanted] = [[], 0, 0];
}
