// Times of a course in words: the rules of bedside.review.times. Declared times are exact, computed ones "about".

import { six } from "./figures.js";
import { t } from "./language.js";

const YEARS = { d: [365, 365.25], mo: [12], a: [1] };
const DAYS = { d: 1, wk: 7, mo: 30.4375, a: 365.25 };
const MOST_TICKS = 8;
const STEPS = Array.from({ length: 30 }, (_, place) => [1, 2, 5][place % 3] * 10 ** (Math.floor(place / 3) - 3));

/** How many whole years a declared time is; null where it is not. */
export function years(time, unit) {
  const year = time > 0 && (YEARS[unit] ?? []).find((length) => time % length === 0);
  return year ? Math.round(time / year) : null;
}

/** A declared time: `5 years` for 1825 days. */
export function duration(time, unit) {
  const whole = years(time, unit);
  return whole === null ? counted(six(time), unit) : counted(String(whole), "a");
}

/** A computed time, rounded: `about 3.4 years`. */
export function about(time, unit) {
  const days = time * DAYS[unit];
  if (days < 60) return t("about {time}", { time: counted(days.toFixed(0), "d") });
  if (days < 2 * DAYS.a) return t("about {time}", { time: counted((days / DAYS.mo).toFixed(0), "mo") });
  return t("about {time}", { time: counted((days / DAYS.a).toFixed(1), "a") });
}

/** How long a course is: exact where it is short or a whole number of years. */
export function span(time, unit) {
  return time * DAYS[unit] < 60 || years(time, unit) !== null ? duration(time, unit) : about(time, unit);
}

/** Marks of a time axis as [time, number], and what the numbers are in: years where a horizon is a whole number of them. */
export function ticks(end, horizons, unit) {
  const year = (YEARS[unit] ?? []).find((length) => horizons.some((horizon) => horizon % length === 0));
  const length = year && end >= 2 * year ? year : 1;
  const step = STEPS.find((one) => end / (one * length) < MOST_TICKS);
  const count = Math.floor(end / (step * length) + 1e-9) + 1;
  const units = { d: t("in days"), wk: t("in weeks"), mo: t("in months"), a: t("in years") };
  return [Array.from({ length: count }, (_, place) => [step * place * length, six(step * place)]), units[length > 1 ? "a" : unit]];
}

function counted(number, unit) {
  const one = { d: t("{number} day", { number }), wk: t("{number} week", { number }), mo: t("{number} month", { number }), a: t("{number} year", { number }) };
  const more = { d: t("{number} days", { number }), wk: t("{number} weeks", { number }), mo: t("{number} months", { number }), a: t("{number} years", { number }) };
  return (number === "1" ? one : more)[unit];
}
