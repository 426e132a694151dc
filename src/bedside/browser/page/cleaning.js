// From what was typed to what the model takes: the declared cleaning of bedside.sources, rule by rule.

import { say } from "./refusal.js";

const BLANKS = " \\t\\r\\n\\v\\f\\u00a0\\u2007\\u200b\\u202f\\u3000\\ufeff";
const AROUND = new RegExp(`^[${BLANKS}]+|[${BLANKS}]+$`, "g");
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
const WHOLE = /^-?(0|[1-9][0-9]*)\.0+$/;
const MINUS_ZERO = /^-0(\.0+)?$/;
// The graph takes float32: a larger number would arrive there as infinity.
const LARGEST = 3.4028234663852886e38;
// 109.4 [degF] are 43 Cel, and 43.00000000000001 in floating point: such a value does not lie outside its range.
const ROUNDING = 1e-12;
const CLOCK_DIFFERENCE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

export const trimmed = (text) => text.replace(AROUND, "");

/** The number that a trimmed text plainly is, else null: no decimal comma, no `<5`, no `1_000`. */
export function numberIn(text) {
  if (!NUMBER.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

/** A text as categories are compared: `1`, `1.0` and ` 1 ` are the same, `01` is not. */
export function canonical(text) {
  const cut = trimmed(text);
  if (MINUS_ZERO.test(cut)) return "0";
  return WHOLE.test(cut) ? cut.split(".")[0] : cut;
}

/**
 * One patient's values in the schema's order and units, NaN where not known.
 *
 * `entries`: variable → {value, unit, time}, all texts; `units`: variable → the units that it may be given in.
 * Gives `values`, `ages` (days, NaN without a time) and `problems`: variable → what is wrong; nothing is to be asked then.
 */
export function readPatient(schema, units, entries, now) {
  const values = new Float64Array(schema.variables.length).fill(NaN);
  const ages = new Float64Array(schema.variables.length).fill(NaN);
  const problems = new Map();
  schema.variables.forEach((variable, place) => {
    const entry = entries[variable.name];
    if (!entry) return;
    const read = variable.kind === "category" ? category : number;
    const found = read(variable, schema, entry, units[variable.name] ?? []);
    const age = ageDays(entry.time, now);
    if (found.problem ?? age.problem) problems.set(variable.name, found.problem ?? age.problem);
    else [values[place], ages[place]] = [found.value, age.days];
  });
  return { values, ages, problems };
}

const UNKNOWN = { value: NaN };

function category(variable, schema, entry) {
  const text = canonical(entry.value);
  const unknown = ["", ...schema.missing, ...variable.missing].map(canonical);
  if (unknown.includes(text)) return UNKNOWN;
  const value = variable.categories.map(canonical).lastIndexOf(text);
  if (value >= 0) return { value };
  return { problem: say("“{text}” is not one of: {categories}", { text, categories: variable.categories.join(", ") }) };
}

function number(variable, schema, entry, units) {
  const text = trimmed(entry.value);
  const stated = entry.unit || variable.unit;
  const raw = numberIn(text);
  if (text === "" || isCode(text, raw, schema.missing)) return UNKNOWN;
  // A sentinel is a number in the table's unit; a value in another unit may rightly have that number.
  const inTable = stated === (variable.unit_in_data ?? variable.unit);
  if (isCode(text, raw, raw === null || inTable ? variable.missing : [])) return UNKNOWN;
  if (raw === null) return { problem: say("“{text}” is not a number", { text }) };
  const moved = stated === variable.unit ? { factor: 1, offset: 0 } : units.find((one) => one.unit === stated);
  if (!moved) return { problem: say("the unit {unit} does not convert", { unit: stated }) };
  const value = raw * moved.factor + moved.offset;
  return within(variable, value) ? { value } : { problem: outside(variable, text, stated) };
}

function isCode(text, number, codes) {
  return codes.map(trimmed).some((code) => (numberIn(code) === null ? code === text : numberIn(code) === number));
}

function within(variable, value) {
  const [low, high] = variable.range ?? [-LARGEST, LARGEST];
  const slack = ROUNDING * Math.max(Math.abs(low), Math.abs(high));
  return value >= Math.max(low - slack, -LARGEST) && value <= Math.min(high + slack, LARGEST);
}

function outside(variable, text, unit) {
  if (!variable.range) return say("{text} is too large", { text });
  const [low, high] = variable.range;
  const parts = { text, low, high, unit: variable.unit, stated: unit };
  if (unit !== variable.unit) return say("{text} {stated} lies outside the plausible range {low} to {high} {unit}", parts);
  return say("{text} lies outside the plausible range {low} to {high}", parts);
}

function ageDays(time, now) {
  if (!time) return { days: NaN };
  const moment = new Date(time);
  if (Number.isNaN(moment.getTime())) return { problem: say("the time cannot be read") };
  if (moment - now > CLOCK_DIFFERENCE_MS) return { problem: say("the time lies in the future") };
  return { days: Math.max(0, (now - moment) / DAY_MS) };
}
