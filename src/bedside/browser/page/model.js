// The signed graph in onnxruntime-web: from values to probabilities. The page and the validation both run this file.

import { Refusal } from "./refusal.js";

const ROWS_AT_ONCE = 4096;

/** A function from rows (float32, NaN for unknown, one after the other) to probability, distance and spread. */
export async function openModel(ort, wasm, graph, { variables, classes }) {
  ort.env.wasm.numThreads = 1; // an answer must not depend on the device's load
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  let session;
  try {
    session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
  } catch (error) {
    throw new Refusal("onnxruntime-web cannot load the model: {error}", { error: error.message ?? error });
  }
  const wanted = ["probability", "distance", "spread"].filter((name) => session.outputNames.includes(name));
  if (session.inputNames.join() !== "values" || wanted[1] !== "distance") {
    throw new Refusal("The model has other inputs or outputs than values, probability and distance");
  }
  const once = async (values) => {
    const rows = values.length / variables;
    const outputs = await session.run({ values: new ort.Tensor("float32", values, [rows, variables]) }, wanted);
    const widths = { probability: classes, distance: 1, spread: classes };
    const found = wanted.map((name) => outputs[name].data);
    if (wanted.some((name, place) => found[place].length !== rows * widths[name])) {
      throw new Refusal("The model has other inputs or outputs than values, probability and distance");
    }
    return found;
  };
  return async (values) => {
    const pieces = [];
    for (let at = 0; at === 0 || at < values.length; at += ROWS_AT_ONCE * variables) {
      pieces.push(await once(values.subarray(at, at + ROWS_AT_ONCE * variables)));
    }
    const [probability, distance, spread] = wanted.map((_, place) => joined(pieces.map((piece) => piece[place])));
    return { probability, distance, spread: spread ?? null };
  };
}

function joined(pieces) {
  if (pieces.length === 1) return pieces[0];
  const all = new Float32Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
