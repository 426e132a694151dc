// What the model says about one patient and where it keeps silent: the rules of bedside.answering.judgement.

import { decisive, estimateNames, risks } from "./course.js";
import { say } from "./refusal.js";

/** How many predictors may be unknown; a hair more, so that 0.3 of 10 is 3. */
const mostUnknown = (manifest) => Math.floor(manifest.missing_limit * manifest.schema.variables.length + 1e-9);

/** One patient's judgement from what `readPatient` and the model gave. */
export function judge(manifest, reading, predicted, now) {
  const probability = Array.from(predicted.probability);
  const reasons = [...reasonsOf(manifest, reading, predicted.distance[0], now.toISOString().slice(0, 10))];
  const { outputs, conformal } = manifest;
  const estimates = outputs.course ? risks(outputs.course, probability) : probability;
  return {
    probability,
    names: estimateNames(outputs),
    estimates,
    distance: predicted.distance[0],
    spread: predicted.spread && Array.from(predicted.spread),
    set: conformal && conformalSet(probability, conformal.quantiles),
    explained: decisive(outputs) ?? probability.indexOf(Math.max(...probability)),
    reasons,
    abstained: reasons.length > 0,
    alert: alertOf(manifest, estimates),
  };
}

function* reasonsOf(manifest, { values, ages }, distance, today) {
  const { variables } = manifest.schema;
  if (manifest.valid_until && today > manifest.valid_until) {
    const parts = { day: manifest.valid_until, today };
    yield { code: "expired", said: say("The release was valid until {day}; today is {today}", parts) };
  }
  const unknown = values.filter(Number.isNaN).length;
  if (unknown > mostUnknown(manifest)) {
    const parts = { unknown, all: variables.length, most: mostUnknown(manifest) };
    yield { code: "too-much-missing", said: say("{unknown} of {all} predictors are unknown; at most {most} may be", parts) };
  }
  for (const [place, { label, max_age_days: oldest }] of variables.entries()) {
    if (oldest === null || Number.isNaN(values[place]) || !(ages[place] > oldest)) continue;
    const parts = { label, days: ages[place].toFixed(1), oldest };
    yield { code: "stale-value", said: say("{label} is {days} days old; at most {oldest} are accepted", parts) };
  }
  if (!(distance <= manifest.distance_limit)) {
    const [is, most] = [distance, manifest.distance_limit].map((number) => number.toPrecision(3));
    const parts = { distance: is, most };
    yield {
      code: "unlike-training",
      said: say("This patient is unlike those the model was trained on: distance {distance}; at most {most} is answered", parts),
    };
  }
}

/** Which classes are not excluded: all of them where none fits, so that the set is never empty. */
function conformalSet(probability, quantiles) {
  const inside = probability.map((value, place) => 1 - value <= quantiles[place]);
  return inside.some(Boolean) ? inside : inside.map(() => true);
}

/** The threshold of an estimate; null where none is declared. Of a course only the decision has one. */
export function thresholdOf(manifest, position) {
  const { threshold, outputs } = manifest;
  if (outputs.course && position !== decisive(outputs)) return null;
  if (threshold === null || typeof threshold === "number") return threshold;
  return threshold[outputs.classes[position]] ?? null;
}

function alertOf(manifest, estimates) {
  if (manifest.threshold === null) return null;
  if (typeof manifest.threshold === "number") return estimates[decisive(manifest.outputs)] >= manifest.threshold;
  return estimates.some((value, place) => value >= (thresholdOf(manifest, place) ?? Infinity));
}
