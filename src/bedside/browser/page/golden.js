// Golden cases: invented patients whose answers were signed. A device that computes something else gets no estimates.

import { Refusal } from "./refusal.js";

const DISTANCE_TOLERANCE = 1e-3;

/** Ask the model every golden case; refuses where an output is off by more than the target's signed tolerance. */
export async function askGolden(golden, predict) {
  const expected = golden.targets.browser;
  const cases = Float32Array.from(golden.cases.flat(), (value) => value ?? NaN);
  const { probability, distance } = await predict(cases);
  compare(probability, expected.columns.flat(), expected.tolerance, expected.columns[0].length);
  const scale = expected.distance.map((value) => Math.max(Math.abs(value), 1));
  const [given, wanted] = [Array.from(distance), expected.distance].map((all) => all.map((one, at) => one / scale[at]));
  compare(given, wanted, DISTANCE_TOLERANCE, 1);
}

function compare(given, wanted, tolerance, width) {
  const wrong = wanted.findIndex((value, at) => !(Math.abs(given[at] - value) <= tolerance));
  if (given.length !== wanted.length || wrong >= 0) {
    throw new Refusal("This device does not compute what was validated: golden case {number} differs", {
      number: Math.floor(Math.max(wrong, 0) / width) + 1,
    });
  }
}
