// A patient's course as a picture, in words and as a table: what bedside.review.course_view shows on the server's page.

import { bandAround, incidence, median, restrictedMean, survival } from "./course.js";
import { drawn, element } from "./elements.js";
import { listed, percent, share } from "./figures.js";
import { t } from "./language.js";
import { about, duration, span, ticks } from "./times.js";

const LIMITS = [0.1, 0.2, 0.5, 1];
const APART = 0.11;
const [LEFT, TOP, WIDTH, HEIGHT] = [46, 14, 336, 190];

/** The name of a horizon's risk as people read it: `death within 5 years`. */
export const riskWords = ({ events, unit }, horizon) => t("{event} within {time}", { event: events[0], time: duration(horizon, unit) });

/** The card with the curve; `evidence` tells the course of the development patients, and how the band held. */
export function courseCard(course, cells, threshold, evidence) {
  const event = course.events[0];
  const shown = view(course, cells, threshold, evidence);
  return element(
    "section",
    { class: "card course", id: "course" },
    element("h2", {}, t("How “{event}” may come over time", { event })),
    picture(shown),
    key(shown),
    sentences(course, cells).map((sentence) => element("p", {}, sentence)),
    element("p", { class: "quiet" }, [t("The curve rises: at each time it is the share of such patients who are expected to have had “{event}” by then. It names no date for anybody.", { event }), ...bandWords(course, evidence)].join(" ")),
    element("details", {}, element("summary", {}, t("The curve as a table")), table(shown)),
  );
}

function view(course, cells, threshold, evidence) {
  const { edges } = course;
  const each = incidence(course, cells);
  const told = evidence.development?.course;
  const at = (values) => new Map((told?.time ?? []).map((time, place) => [time, values?.[place]]));
  const cohort = new Map([...at(told?.incidence?.[course.events[0]])].filter(([, one]) => one !== null && one !== undefined));
  const band = bandAround(course.band, each[0]);
  const highest = Math.max(...each[0], ...(band?.[1] ?? []), ...cohort.values(), threshold ?? 0);
  const followed = at(told?.at_risk);
  return { course, each, band, cohort, threshold, followed, left: survival(course, cells), places: places(course, followed), top: LIMITS.find((limit) => highest <= limit + 1e-9), end: edges.at(-1) };
}

/** Those of some times whose numbers have room beside each other: the start and the horizons first. */
function readable({ edges, horizons, decision }, times) {
  const end = edges.at(-1);
  const there = times.filter((time) => time <= end);
  const chosen = [];
  for (const time of [...[0, decision, ...horizons].filter((one) => there.includes(one)), ...there]) {
    if (chosen.every((other) => Math.abs(time - other) / end >= APART)) chosen.push(time);
  }
  return chosen.sort((one, other) => one - other);
}

/** Positions of the times that the table has a row for: both ends, the horizons, and what is known of the development patients. */
function places(course, followed) {
  const known = [...followed.keys()].filter((time) => course.edges.includes(time));
  const times = new Set([0, ...course.horizons, course.edges.at(-1), ...(known.length ? known : readable(course, course.edges))]);
  return [...times].sort((one, other) => one - other).map((time) => course.edges.indexOf(time));
}

const whom = ({ cohort, followed }) => {
  const n = followed.get(0);
  if (!cohort.size) return "";
  return n === null || n === undefined ? t("all development patients") : t("all {n} development patients", { n });
};

const rounded = (probability) => (probability === 0 || probability === 1 ? share(probability) : percent(probability));

function picture(shown) {
  const { course, each, band, cohort, threshold, top, end } = shown;
  const x = (time) => (LEFT + (WIDTH * time) / end).toFixed(2);
  const y = (one) => (TOP + HEIGHT * (1 - one / top)).toFixed(2);
  const path = (times, shares) => times.map((time, place) => `${x(time)},${y(shares[place])}`).join(" ");
  const text = (attributes, words) => drawn("text", { class: "tick", ...attributes }, words);
  const steps = [0, 0.25, 0.5, 0.75, 1].map((place) => [
    drawn("line", { class: "grid", x1: LEFT, x2: LEFT + WIDTH, y1: y(top * place), y2: y(top * place) }),
    text({ x: LEFT - 6, y: Number(y(top * place)) + 4, "text-anchor": "end" }, share(top * place)),
  ]);
  const limit = threshold !== null && drawn("line", { class: "limit", x1: x(course.decision - 0.06 * end), x2: x(Math.min(course.decision + 0.06 * end, end)), y1: y(threshold), y2: y(threshold) });
  const horizons = course.horizons.map((horizon) => {
    const risk = each[0][course.edges.indexOf(horizon)];
    const late = horizon / end > 0.11;
    const below = !late && risk / top > 0.12; // beside a steep curve there is room only under it
    return [
      drawn("line", { class: "drop", x1: x(horizon), x2: x(horizon), y1: y(risk), y2: y(0) }),
      drawn("circle", { class: "dot", cx: x(horizon), cy: y(risk), r: 4.5 }),
      drawn("text", { class: "tick here", x: x(horizon + (late ? -0.02 : 0.025) * end), y: Math.max(Number(y(risk)) + (below ? 14 : -9), 12), "text-anchor": late ? "end" : "start" }, percent(risk)),
    ];
  });
  const [axis, unit] = ticks(end, course.horizons, course.unit);
  const marks = axis.map(([time, number]) => [
    drawn("line", { class: "tickmark", x1: x(time), x2: x(time), y1: y(0), y2: TOP + HEIGHT + 4 }),
    text({ x: x(time), y: TOP + HEIGHT + 18, "text-anchor": "middle" }, number),
  ]);
  const counts = cohort.size ? readable(course, [...shown.followed.keys()]) : [];
  const said = shown.places.slice(1).map((place) => `${duration(course.edges[place], course.unit)}: ${rounded(each[0][place])}`);
  const label = [t("Curve of “{event}” from 0 to {end}", { event: course.events[0], end: span(end, course.unit) }), ...said].join("; ");
  return drawn(
    "svg",
    { class: "scale", viewBox: `0 0 400 ${cohort.size ? 260 : 244}`, role: "img", "aria-label": label },
    steps,
    band && drawn("polygon", { class: "spread", points: `${path(course.edges, band[1])} ${path([...course.edges].reverse(), [...band[0]].reverse())}` }),
    cohort.size > 0 && drawn("polyline", { class: "cohort", points: path([...cohort.keys()].filter((time) => time <= end), [...cohort.values()]) }),
    drawn("polyline", { class: "curve", points: path(course.edges, each[0]) }),
    limit,
    horizons,
    marks,
    text({ x: LEFT + WIDTH, y: TOP + HEIGHT + 33, "text-anchor": "end" }, unit),
    cohort.size > 0 && text({ x: 2, y: TOP + HEIGHT + 33 }, t("still followed:")),
    counts.map((time) => text({ x: x(time), y: TOP + HEIGHT + 48, "text-anchor": "middle" }, followedAt(shown, time))),
  );
}

function followedAt({ followed }, time) {
  if (!followed.has(time)) return "";
  return followed.get(time) === null ? t("few") : String(followed.get(time));
}

function key(shown) {
  const sign = (inside) => drawn("svg", { class: "sign wide", viewBox: "0 0 24 12", "aria-hidden": "true" }, inside);
  const line = (kind) => sign(drawn("line", { class: kind, x1: 0, x2: 24, y1: 6, y2: 6 }));
  return element(
    "ul",
    { class: "key" },
    element("li", {}, line("curve"), " ", t("this patient")),
    shown.band && element("li", {}, sign(drawn("rect", { class: "spread", width: 24, height: 12 })), " ", t("band")),
    shown.cohort.size > 0 && element("li", {}, line("cohort"), " ", whom(shown)),
    shown.threshold !== null && element("li", {}, line("limit"), " ", t("threshold")),
  );
}

function sentences(course, cells) {
  const { events, edges, unit, decision } = course;
  const [event, ...others] = events;
  const end = span(edges.at(-1), unit);
  const half = median(course, cells);
  const said = [
    half === null
      ? t("Fewer than half of such patients are expected to have had “{event}” within {end}: the median is not reached.", { event, end })
      : t("Half of such patients are expected to have had “{event}” by {time}, the other half later or never.", { event, time: about(half, unit) }),
    t("Such patients are expected to be without {events} for {time} on average, counted up to {end}.", {
      end,
      events: listed(events.map((name) => t("“{name}”", { name }))),
      time: about(restrictedMean(course, cells), unit),
    }),
  ];
  if (course.landmarks?.length) said.push(t("Time counts from the visit that the values are of."));
  if (!others.length) return said;
  const each = incidence(course, cells);
  const place = edges.indexOf(decision);
  const first = others.map((name, rank) => t("“{name}” ({risk})", { name, risk: percent(each[rank + 1][place]) }));
  return [...said, t("Something else may come first within {time}: {others}. The risks of “{event}” allow for that.", { time: duration(decision, unit), others: listed(first), event })];
}

function bandWords({ band, events }, evidence) {
  if (!band) return [t("No band is drawn: there were too few development patients to find how wide it must be.")];
  const inside = share(Number((1 - band.alpha).toFixed(6)));
  const said = t("The band is about groups, not about one patient: of {group} patients with similar curves, the share who had “{event}” lay within it at {inside} of all times, among the development patients.", { group: band.group, event: events[0], inside });
  const found = evidence.measures?.band_coverage?.value ?? null;
  if (found === null) return [said, t("There were too few held-out patients to measure this again.")];
  return [said, t("Among the held-out patients it was {found}.", { found: share(Number(found.toFixed(3))) })];
}

function table(shown) {
  const { course, each, band, cohort, left, places } = shown;
  const [event, ...others] = course.events;
  const told = cohort.size > 0;
  const heads = [event, ...(band ? [t("Band")] : []), ...others, others.length ? t("None of them") : t("Without it"), ...(told ? [t("{event}, {cohort}", { event, cohort: whom(shown) }), t("of them still followed")] : [])];
  const row = (place) => [
    rounded(each[0][place]),
    ...(band ? [place === 0 ? "" : t("{low} to {high} {unit}", { low: rounded(band[0][place]), high: rounded(band[1][place]), unit: "" }).trimEnd()] : []),
    ...each.slice(1).map((rows) => rounded(rows[place])),
    rounded(left[place]),
    ...(told ? [cohort.has(course.edges[place]) ? rounded(cohort.get(course.edges[place])) : "", followedAt(shown, course.edges[place])] : []),
  ];
  const time = (place) => (place ? duration(course.edges[place], course.unit) : "0");
  return element(
    "div",
    { class: "wide" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, [t("By"), ...heads].map((head, rank) => element("th", { class: rank ? "number" : null, scope: "col" }, head)))),
      element("tbody", {}, places.map((place) => element("tr", {}, element("th", { scope: "row" }, time(place)), row(place).map((cell) => element("td", { class: "number" }, cell))))),
    ),
  );
}
