// The form: one field for each predictor. What is typed stays in its fields, and nowhere else.

import { element } from "./elements.js";
import { six, unitText } from "./figures.js";
import { t, told } from "./language.js";

/** The form with what was typed (`entries`) and what is wrong with it (`problems`). */
export function entryForm({ manifest, units, entries, problems, onAsk, onClear, onChange }) {
  const fields = manifest.schema.variables.map((variable) =>
    field(variable, units[variable.name] ?? [], entries[variable.name] ?? {}, problems.get(variable.name)),
  );
  const submitted = (event) => {
    event.preventDefault();
    onAsk();
  };
  return element(
    "form",
    { class: "card", id: "entry", autocomplete: "off", novalidate: true, onsubmit: submitted, oninput: onChange },
    element("h2", {}, t("Values")),
    element("p", { class: "hint" }, t("Leave empty what is not known.")),
    problems.size > 0 && element("p", { class: "problem", role: "alert" }, t("Nothing was answered: see the marked fields.")),
    element("div", { class: "grid" }, fields),
    element(
      "div",
      { class: "actions" },
      element("button", {}, t("Ask")),
      element("button", { type: "button", class: "second", onclick: onClear }, t("Clear all")),
    ),
  );
}

/** What is typed: variable → value, unit and time, as texts. */
export function typed(form, schema) {
  const entries = {};
  for (const { name } of schema.variables) {
    const read = (kind) => form.elements.namedItem(`${kind}.${name}`)?.value ?? "";
    entries[name] = { value: read("value"), unit: read("unit"), time: read("time") };
  }
  return entries;
}

function field(variable, units, entry, problem) {
  const id = `value.${variable.name}`;
  const marks = problem && { "aria-invalid": "true", "aria-describedby": `${id}.problem` };
  const input = variable.kind === "category" ? categories : number;
  return element(
    "div",
    { class: "field" },
    element("label", { for: id }, variable.label, units.length < 2 && unitMark(variable.unit)),
    element("div", { class: "given" }, input(variable, id, entry, marks), units.length > 1 && unitChoice(variable, units, entry)),
    element(
      "div",
      {},
      variable.range && element("p", { class: "hint" }, plausible(variable)),
      problem && element("p", { class: "problem", id: `${id}.problem` }, told(problem)),
      variable.max_age_days !== null && measured(variable, entry),
    ),
  );
}

function unitMark(unit) {
  const text = unitText(unit);
  return text && [" ", element("span", { class: "quiet" }, text)];
}

function number(variable, id, entry, marks) {
  return element("input", { id, name: id, value: entry.value ?? "", type: "text", inputmode: "decimal", autocomplete: "off", ...marks });
}

function categories(variable, id, entry, marks) {
  const option = (value, text) => element("option", { value, selected: value === entry.value }, text);
  const named = variable.categories.map((value, place) => option(value, (variable.labels ?? variable.categories)[place]));
  return element("select", { id, name: id, autocomplete: "off", ...marks }, option("", t("unknown")), named);
}

function unitChoice(variable, units, entry) {
  const name = `unit.${variable.name}`;
  const option = ({ unit }) =>
    element("option", { value: unit, selected: unit === (entry.unit || variable.unit) }, unitText(unit) || unit);
  return element("select", { id: name, name, "aria-label": t("Unit of {label}", { label: variable.label }) }, units.map(option));
}

function plausible({ range: [low, high], unit }) {
  return t("{low} to {high} {unit}", { low: six(low), high: six(high), unit: unitText(unit) }).trimEnd();
}

function measured(variable, entry) {
  const name = `time.${variable.name}`;
  return [
    element("label", { for: name, class: "slight" }, t("measured")),
    element("input", { id: name, name, type: "datetime-local", value: entry.time ?? "", autocomplete: "off" }),
    element("p", { class: "hint" }, t("at most {days} days ago", { days: variable.max_age_days })),
  ];
}
