// A course over time from the model's cells: the rules of bedside.release.course and bedside.answering.course.

import { six } from "./figures.js";

/** How many columns the model's probability has: one for each class, or for each cell of a course. */
export function columns({ classes, course }) {
  return course ? course.events.length * (course.edges.length - 1) + 1 : classes.length;
}

/** What an answer estimates, by name: the classes, or the risk at each horizon. */
export function estimateNames({ classes, course }) {
  return course ? course.horizons.map((horizon) => `${course.events[0]} within ${six(horizon)} ${course.unit}`) : classes;
}

/** Position of the estimate that a single threshold is about; null with more than two classes. */
export function decisive({ classes, positive, course }) {
  if (course) return course.horizons.indexOf(course.decision);
  return positive === null ? null : classes.indexOf(positive);
}

/** One estimate of each row, from the columns of all rows. */
export function oneEstimate(outputs, probability, position) {
  const width = columns(outputs);
  const { course } = outputs;
  const rows = Array.from({ length: probability.length / width }, (_, row) => row * width);
  if (!course) return rows.map((start) => probability[start + position]);
  const until = course.edges.indexOf(course.horizons[position]);
  return rows.map((start) => sum(probability.subarray(start, start + until)));
}

const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

/** Cumulative incidence of each event at each edge. */
export function incidence({ events, edges }, cells) {
  const intervals = edges.length - 1;
  return events.map((_, event) => {
    let reached = 0;
    const each = Array.from(cells.slice(event * intervals, (event + 1) * intervals));
    return [0, ...each.map((cell) => (reached += cell))];
  });
}

/** Probability that none of the events has happened, at each edge; summed from the end, where it may be small. */
export function survival({ events, edges }, cells) {
  const intervals = edges.length - 1;
  const left = [cells[cells.length - 1]];
  for (let interval = intervals - 1; interval > 0; interval--) {
    left.unshift(left[0] + sum(events.map((_, event) => cells[event * intervals + interval])));
  }
  return [1, ...left];
}

/** Risk of the event that is asked about at each horizon. */
export function risks(course, cells) {
  const [reached] = incidence(course, cells);
  return course.horizons.map((horizon) => reached[course.edges.indexOf(horizon)]);
}

/** Time by which the event has happened with probability one half; null: not by the end. Hazards are constant within an interval. */
export function median(course, cells) {
  const [reached] = incidence(course, cells);
  const after = reached.findIndex((share) => share >= 0.5);
  if (after < 0) return null;
  const left = survival(course, cells);
  const [low, high] = [course.edges[after - 1], course.edges[after]];
  if (left[after] <= 0) return high;
  const part = (reached[after] - reached[after - 1]) / (left[after - 1] - left[after]);
  const still = left[after - 1] - (0.5 - reached[after - 1]) / part;
  return low + ((high - low) * Math.log(left[after - 1] / still)) / Math.log(left[after - 1] / left[after]);
}

/** Expected time until any of the events, up to the last edge. */
export function restrictedMean(course, cells) {
  const left = survival(course, cells).map((share) => Math.max(share, 1e-12));
  const area = (before, after, length) => {
    const rate = Math.log(before / after);
    return length * (rate < 1e-6 ? (before + after) / 2 : (before - after) / rate);
  };
  return sum(course.edges.slice(1).map((edge, place) => area(left[place], left[place + 1], edge - course.edges[place])));
}

/** The limits between which the observed shares of groups lay, as [low, high] at each edge; null without a band. */
export function bandAround(band, shares) {
  if (!band) return null;
  const limit = (share, moved) => (share === 0 ? 0 : Math.sin(Math.min(Math.max(Math.asin(Math.sqrt(Math.min(share, 1))) + moved, 0), Math.PI / 2)) ** 2);
  return [shares.map((share) => limit(share, -band.half_width)), shares.map((share) => limit(share, band.half_width))];
}
