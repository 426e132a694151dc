// The answer on the page: the estimate or why there is none, and what moved it.

import { decisive } from "./course.js";
import { courseCard, riskWords } from "./curve.js";
import { drawn, element } from "./elements.js";
import { comparedWith, listed, percent, points, share, valueText } from "./figures.js";
import { thresholdOf } from "./judgement.js";
import { t, told } from "./language.js";
import { duration } from "./times.js";

const TOP = 8;

/** Everything that is said about one patient. `explanation` is null while it is computed; `onExplain` asks for that of another estimate. */
export function answerCards({ manifest, background, evidence }, answer, onExplain) {
  const { judged, explanation } = answer;
  if (judged.abstained) return [silence(judged)];
  const { course } = manifest.outputs;
  return [
    estimate(manifest, judged),
    course ? courseCard(course, judged.probability, manifest.threshold, evidence) : [],
    explanation ? pushes(manifest, answer, background, onExplain) : waiting(),
  ].flat();
}

/** An estimate's name as people read it. */
function words({ course, classes }, position) {
  return course ? riskWords(course, course.horizons[position]) : classes[position];
}

/** The physician's own estimate, where the release wants it first. */
export function ownEstimate(manifest, onShow) {
  const shown = (event) => {
    event.preventDefault();
    const text = event.target.elements.namedItem("own").value.trim();
    if (text) onShow(text);
  };
  return element(
    "form",
    { class: "card", id: "own-estimate", autocomplete: "off", onsubmit: shown },
    element("h2", { tabindex: "-1", id: "answer" }, t("Your own estimate first")),
    element("label", { for: "own" }, t("How likely is {name}, in percent?", { name: asked(manifest.outputs) })),
    element("input", { id: "own", name: "own", inputmode: "decimal", autocomplete: "off", required: true }),
    element("p", { class: "hint" }, t("The model's estimate is shown after it. Your own is not kept.")),
    element("button", {}, t("Show the model's estimate")),
  );
}

function asked(outputs) {
  const position = decisive(outputs);
  return position === null ? listed(outputs.classes) : words(outputs, position);
}

function silence(judged) {
  return element(
    "section",
    { class: "card verdict" },
    element("h2", { tabindex: "-1", id: "answer" }, t("No estimate")),
    element("p", {}, t("The model abstains, because:")),
    element("ul", { class: "reasons" }, judged.reasons.map(({ code, said }) => element("li", { "data-code": code }, told(said)))),
    element("p", { class: "quiet" }, t("Judge this patient without the model.")),
  );
}

function estimate(manifest, judged) {
  const first = decisive(manifest.outputs);
  const order = [...judged.estimates.keys()].sort((one, other) => judged.estimates[other] - judged.estimates[one]);
  const rest = manifest.outputs.course ? [...judged.estimates.keys()].filter((place) => place !== first) : [];
  const shown = first === null ? order : [first, ...rest];
  return element(
    "section",
    { class: "card verdict", "data-probability": judged.estimates.join(" ") },
    element("p", { class: "quiet over" }, t("The model's estimate"), " · ", element("strong", { class: "mark" }, t("not for the record"))),
    shown.map((place, rank) => risk(manifest, judged, place, rank === 0)),
    element("p", { class: `says ${judged.alert ? "high" : "low"}` }, `${judged.alert ? "▲" : "▽"} ${alertWords(manifest, judged)}`),
    element("dl", { class: "facts" }, facts(manifest, judged)),
    element("p", { class: "decides" }, t("A physician decides. This page gives no answer for the record.")),
  );
}

function risk(manifest, judged, place, first) {
  const [name, probability] = [words(manifest.outputs, place), judged.estimates[place]];
  const figure = [element("span", { class: "figure" }, percent(probability)), " ", element("span", {}, name)];
  const head = first
    ? element("h2", { class: "estimate", tabindex: "-1", id: "answer" }, figure)
    : element("h3", { class: "class" }, `${name}: ${percent(probability)}`);
  if (!first && manifest.outputs.course) return [head]; // the curve below shows them side by side
  return [head, scale(name, probability, thresholdOf(manifest, place))];
}

/** One axis from 0 to 100 %: the estimate below it, the threshold across it. */
function scale(name, probability, threshold) {
  const at = (number) => (12 + number * 376).toFixed(2);
  const limit = threshold === null ? [] : [
    drawn("rect", { class: "beyond", x: at(threshold), y: 26, width: (388 - at(threshold)).toFixed(2), height: 12 }),
    drawn("line", { class: "limit", x1: at(threshold), x2: at(threshold), y1: 19, y2: 45 }),
    drawn("text", { class: "tick", x: Math.min(Math.max(at(threshold), 78), 322), y: 15, "text-anchor": "middle" }, `${t("threshold")} ${share(threshold)}`),
  ];
  const reached = threshold !== null && probability >= threshold;
  return drawn(
    "svg",
    { class: "scale", viewBox: "0 0 400 72", role: "img", "aria-label": t("{name}: {percent} on a scale from 0 to 100 %", { name, percent: percent(probability) }) },
    drawn("rect", { class: "track", x: 12, y: 26, width: 376, height: 12, rx: 2 }),
    limit,
    drawn("path", { class: `point ${reached ? "up" : "down"}`, d: `M ${at(probability)} 37 l -8 14 h 16 z` }),
    drawn("text", { class: "tick here", x: Math.min(Math.max(at(probability), 100), 300), y: 68, "text-anchor": "middle" }, `${t("estimate")} ${percent(probability)}`),
  );
}

function alertWords(manifest, judged) {
  if (judged.alert === null) return t("No threshold is declared for this release.");
  const only = decisive(manifest.outputs);
  const held = [...judged.names.keys()].filter((place) => (only === null || place === only) && thresholdOf(manifest, place) !== null);
  const reached = held.filter((place) => judged.estimates[place] >= thresholdOf(manifest, place));
  const named = reached.length ? reached : held.slice(0, 1);
  const parts = { limit: share(thresholdOf(manifest, named[0])), names: listed(named.map((place) => words(manifest.outputs, place))) };
  if (judged.alert) return t("Alert: at or above the threshold for acting ({limit}) for {names}.", parts);
  return t("No alert: below the threshold for acting ({limit}) for {names}.", parts);
}

function facts(manifest, judged) {
  const rows = [];
  if (judged.set) {
    const names = manifest.outputs.classes.filter((_, place) => judged.set[place]);
    rows.push([t("Prediction set"), [names.map((name) => [element("span", { class: "chip" }, name), " "]), setWords(manifest, names)]]);
  }
  if (judged.spread) {
    const spread = (judged.spread[judged.explained] * 100).toFixed(1);
    rows.push([
      t("Model spread"),
      t("{points} percentage points between the members of the ensemble (standard deviation). It is not an interval around the estimate.", { points: spread }),
    ]);
  }
  return rows.map(([name, words]) => [element("dt", {}, name), element("dd", {}, words)]);
}

function setWords(manifest, names) {
  const parts = { names: listed(names), rate: share(manifest.conformal.alpha) };
  if (names.length > 1) return t("It holds {names}: at an error rate of {rate} none of them can be excluded.", parts);
  return t("It holds only {names}. Such sets leave out the true class for at most {rate} of each class's patients.", parts);
}

function waiting() {
  return element("section", { class: "card", "aria-busy": "true" }, element("p", { class: "quiet" }, t("Computing what pushed the estimate up and down…")));
}

function pushes(manifest, { judged, reading, explanation, explained }, background, onExplain) {
  const { variables } = manifest.schema;
  const order = [...variables.keys()].sort((one, other) => Math.abs(explanation.values[other]) - Math.abs(explanation.values[one]));
  const rows = order.slice(0, TOP).map((place) => [variables[place].label, valueText(variables[place], reading.values[place]), explanation.values[place]]);
  const rest = order.slice(TOP);
  if (rest.length) rows.push([t("{count} others together", { count: rest.length }), "", rest.reduce((sum, place) => sum + explanation.values[place], 0)]);
  const longest = Math.max(...rows.map((row) => Math.abs(row[2]))) || 1;
  return element(
    "section",
    { class: "card", id: "explanation", "data-base": explanation.base, "data-values": explanation.values.join(" "), "data-error": explanation.error },
    element("h2", {}, t("What pushed the estimate up and down")),
    choice(manifest.outputs.course, explained, onExplain),
    element("table", { class: "pushes" }, tableHead(), element("tbody", {}, rows.map((row) => pushRow(row, longest)))),
    element("p", { class: "quiet" }, sentences(manifest, explained, explanation, background).join(" ")),
  );
}

/** Of a course: buttons for the horizon whose risk is explained. */
function choice(course, explained, onExplain) {
  if (!course || course.horizons.length < 2) return [];
  const button = (horizon, place) =>
    element("button", { type: "button", class: "second", "aria-pressed": String(place === explained), onclick: () => onExplain(place) }, duration(horizon, course.unit));
  return element("div", { class: "choice", role: "group", "aria-label": t("Which risk is explained") }, course.horizons.map(button));
}

function tableHead() {
  return element(
    "thead",
    {},
    element(
      "tr",
      {},
      element("th", {}, t("Variable")),
      element("th", { class: "number" }, t("Value")),
      element("th", { class: "sides" }, t("▼ lowers"), element("span", { class: "right" }, t("raises ▲"))),
      element("th", { class: "number" }, t("Points")),
    ),
  );
}

function pushRow([label, value, push], longest) {
  const width = (Math.abs(push) / longest) * 100;
  const bar = drawn(
    "svg",
    { class: "push", viewBox: "0 0 200 14", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("line", { class: "axis", x1: 100, x2: 100, y1: 0, y2: 14 }),
    drawn("rect", { class: `bar ${push > 0 ? "up" : "down"}`, x: (push >= 0 ? 100 : 100 - width).toFixed(2), y: 2, width: width.toFixed(2), height: 10 }),
  );
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, label),
    element("td", { class: "number" }, value),
    element("td", { class: "plot" }, bar),
    element("td", { class: "number" }, points(push)),
  );
}

function sentences(manifest, explained, explanation, background) {
  const parts = {
    output: words(manifest.outputs, explained),
    base: percent(explanation.base),
    compared_with: comparedWith(background.description),
  };
  const error = Number((explanation.error * 100).toPrecision(2));
  return [
    t("Percentage points of the probability of {output}. Starting from {base}, the mean over {compared_with}, the points add up to the estimate.", parts),
    error === 0
      ? t("Computed over all combinations: no sampling error.")
      : t("Each is known to ±{error} points (standard error of the sampling).", { error }),
    t("They say what moved the model, not what causes the disease. Method: {method}.", { method: "SHAP" }),
  ];
}
