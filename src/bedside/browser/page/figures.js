// Numbers as a physician reads them; rounded for the eye, nothing is computed.

import { t } from "./language.js";

/** `17 %`; nearer to 0 or 1 with one decimal, and never as certain as 0 % or 100 %. */
export function percent(probability) {
  if (probability < 0.001) return t("under {number} %", { number: "0.1" });
  if (probability > 0.999) return t("over {number} %", { number: "99.9" });
  const near = probability < 0.1 || probability > 0.9;
  return t("{number} %", { number: (probability * 100).toFixed(near ? 1 : 0) });
}

/** A declared share, such as a threshold, without rounding: `12.5 %`. */
export const share = (number) => t("{number} %", { number: six(number * 100) });

/** At most six digits, as more are never measured. */
export const six = (number) => String(Number(number.toPrecision(6)));

/** A difference of probabilities in percentage points: `+12.3` or `−0.4`. */
export function points(difference) {
  const text = (Math.abs(difference) * 100).toFixed(1);
  if (Number(text) === 0) return "0.0";
  return (difference > 0 ? "+" : "−") + text;
}

/** `a, b and c`. */
export function listed(names) {
  if (names.length < 2) return names.join("");
  return t("{first} and {last}", { first: names.slice(0, -1).join(t(", ")), last: names.at(-1) });
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const raised = (text) => Array.from(text, (letter) => RAISED[letter]).join("");

/** A UCUM unit as it is written on a chart: `um2` as µm², `a` as years, `{score}` as nothing. */
export function unitText(unit) {
  if (!unit || /^\{.*\}$/.test(unit)) return "";
  const words = { a: t("years"), mo: t("months"), wk: t("weeks"), d: t("days"), 1: "", Cel: "°C", "[degF]": "°F", "mm[Hg]": "mmHg" };
  if (unit in words) return words[unit];
  return unit
    .replace(/[[\]{}]/g, "")
    .replaceAll("_", " ")
    .replace(/(?<![A-Za-z])u(?=(?:g|m|L|l|mol|kat|IU|U|s)\b|m\d)/g, "µ")
    .replace(/10\*(-?\d+)/g, (_, exponent) => `10${raised(exponent)}`)
    .replace(/(?<=[A-Za-zµ])-?\d+/g, raised);
}

/** A value of the matrix as text: with its unit, or as its category. */
export function valueText(variable, value) {
  if (Number.isNaN(value)) return t("not known");
  if (variable.kind === "category") return categoryText(variable, value);
  return `${six(value)} ${unitText(variable.unit)}`.trimEnd();
}

export const categoryText = (variable, place) => (variable.labels ?? variable.categories)[place];

/** What the explanation compares with: the signed description, in the reader's language where it has its usual form. */
export function comparedWith(description) {
  const usual =
    /^(\d+) typical patients, each the aggregate \(mean or most frequent category\) of at least (\d+) patients of the training data; none of them is a person$/;
  const found = usual.exec(description);
  if (!found) return description;
  return t(
    "{count} typical patients, each the aggregate (mean or most frequent category) of at least {k} patients of the training data; none of them is a person",
    { count: found[1], k: found[2] },
  );
}
