// The page: open the release, then form, answer and explanation. All it knows is in this file's variables.

import { aboutCard } from "./about.js";
import { answerCards, ownEstimate } from "./answer.js";
import { readPatient } from "./cleaning.js";
import { columns, oneEstimate } from "./course.js";
import { element } from "./elements.js";
import { entryForm, typed } from "./form.js";
import { askGolden } from "./golden.js";
import { judge } from "./judgement.js";
import { choose, language, LANGUAGES, t, told } from "./language.js";
import { openModel } from "./model.js";
import { Refusal, say } from "./refusal.js";
import { openRelease, refuseExpired } from "./release.js";
import { shapley } from "./shapley.js";

const STEPS = {
  signature: say("Checking the signature…"),
  files: say("Checking every file against the signature…"),
  runtime: say("Starting the model on this device…"),
  golden: say("Asking the golden cases…"),
};

const page = { step: "signature", refusal: null, release: null, entries: {}, problems: new Map(), answer: null, own: null, offline: false, newer: null };

async function start() {
  choose(language());
  draw();
  keepForOffline();
  try {
    const release = await openRelease(tell);
    tell("runtime");
    release.predict = await onThisDevice(release);
    tell("golden");
    await askGolden(release.read("golden.json"), release.predict);
    release.background = release.read("background.json");
    release.evidence = release.read("evidence.json");
    release.units = JSON.parse(new TextDecoder().decode(release.own.get("units.json")));
    page.release = release;
  } catch (error) {
    refuse(error);
  }
  draw();
}

function tell(step) {
  page.step = step;
  draw();
}

function refuse(error) {
  page.release = null;
  page.answer = null;
  page.refusal = error instanceof Refusal ? error.said : say("This page does not work in this browser ({error})", { error: error.message });
}

async function onThisDevice({ manifest, own }) {
  const ort = await import("./onnxruntime.js");
  const widths = { variables: manifest.schema.variables.length, classes: columns(manifest.outputs) };
  return openModel(ort, own.get("onnxruntime.wasm").slice().buffer, own.get("model.onnx"), widths);
}

async function ask() {
  const { manifest, units, predict } = page.release;
  const now = new Date();
  page.entries = typed(document.getElementById("entry"), manifest.schema);
  const reading = readPatient(manifest.schema, units, page.entries, now);
  page.problems = reading.problems;
  page.answer = page.own = null;
  if (reading.problems.size) {
    draw();
    document.querySelector("[aria-invalid]").focus();
    return;
  }
  try {
    refuseExpired(manifest, now);
    const judged = judge(manifest, reading, await predict(Float32Array.from(reading.values)), now);
    await show({ reading, judged, explained: judged.explained, explanation: null });
  } catch (error) {
    refuse(error);
    draw();
  }
}

async function show(answer) {
  page.answer = answer;
  draw();
  document.getElementById("answer").focus();
  if (answer.judged.abstained) return;
  await explain(answer);
}

/** What moved one of the estimates; the page shows it when it is known. */
async function explain(answer) {
  const { explained } = answer;
  await painted();
  const explanation = await computed(answer);
  if (page.answer !== answer || answer.explained !== explained) return; // something else was asked meanwhile
  answer.explanation = explanation;
  draw();
  document.getElementById("answer")?.focus({ preventScroll: true });
}

function explainOther(explained) {
  Object.assign(page.answer, { explained, explanation: null });
  draw();
  return explain(page.answer);
}

function computed({ reading, explained }) {
  const { predict, background, manifest } = page.release;
  const output = async (rows) => {
    const { probability } = await predict(rows);
    await painted(); // the page stays alive between the calls of the model
    return oneEstimate(manifest.outputs, probability, explained);
  };
  return shapley(output, reading.values, background.values, background.weights);
}

const painted = () => new Promise((done) => setTimeout(done));

function clear() {
  page.entries = {};
  page.problems = new Map();
  page.answer = page.own = null;
  draw();
}

/** An answer belongs to the values that stand above it: it goes with the first of them that changes. */
function changed() {
  if (page.answer === null) return;
  page.answer = page.own = null;
  document.getElementById("answers").replaceChildren();
}

function draw() {
  document.title = page.release ? `${page.release.manifest.name} · bedside` : "bedside";
  document.body.replaceChildren(
    element("a", { class: "skip", href: "#main" }, t("To the content")),
    element("header", {}, ribbon(), top()),
    element("main", { id: "main", tabindex: "-1" }, page.refusal ? refused() : page.release ? ready() : starting()),
    foot(),
  );
}

function ribbon() {
  return element("p", { class: "ribbon" }, element("strong", {}, t("Not for the record.")), " ", t("A physician decides."));
}

function top() {
  const { manifest } = page.release ?? {};
  return element(
    "div",
    { class: "top" },
    element("span", { class: "mark" }, "bedside"),
    manifest && element("span", { class: "quiet" }, `${manifest.name} ${manifest.version}`),
    page.newer && element("button", { class: "second", id: "newer", onclick: () => page.newer.postMessage("replace") }, t("A newer version is here: load it")),
  );
}

function starting() {
  return element("section", { class: "narrow card", "aria-live": "polite" }, element("h1", {}, "bedside"), element("p", { "aria-busy": "true" }, told(STEPS[page.step])));
}

function refused() {
  return element(
    "section",
    { class: "narrow card", id: "refused", role: "alert" },
    element("h1", {}, t("This page gives no estimates")),
    element("p", { class: "problem" }, told(page.refusal)),
    element("p", {}, t("Do not use it. Ask whoever gave it to you for a new one.")),
  );
}

function ready() {
  const { manifest, units } = page.release;
  const { entries, problems } = page;
  return [
    element("h1", {}, manifest.name),
    element("p", {}, manifest.intended_use),
    element("p", { class: "quiet" }, t("For: {population}", { population: manifest.population })),
    entryForm({ manifest, units, entries, problems, onAsk: ask, onClear: clear, onChange: changed }),
    element("div", { id: "answers", "aria-live": "polite" }, answers()),
    aboutCard(page.release, page.offline),
  ];
}

function answers() {
  const { answer, own, release } = page;
  if (!answer) return [];
  if (release.manifest.review.own_estimate_first && !answer.judged.abstained && own === null) {
    return [ownEstimate(release.manifest, (text) => (page.own = text) && draw())];
  }
  const given = own === null ? [] : [element("p", { class: "done" }, t("Your own estimate: {text} %", { text: own }))];
  return [...given, ...answerCards(release, answer, explainOther)];
}

function foot() {
  const button = ([tag, name]) =>
    element("button", { class: "plain", lang: tag, "aria-current": tag === language() ? "true" : null, onclick: () => switchTo(tag) }, name);
  return element("footer", { class: "foot" }, element("div", { role: "group", "aria-label": t("Language") }, Object.entries(LANGUAGES).map(button)));
}

function switchTo(tag) {
  const form = document.getElementById("entry");
  if (form) page.entries = typed(form, page.release.manifest.schema);
  choose(tag);
  draw();
}

/** The browser keeps this page and the release, so that both work without a network; values are never among it. */
async function keepForOffline() {
  const keeper = navigator.serviceWorker;
  if (!keeper) return;
  // Never from the browser's own cache: it takes what has not changed for months as fresh for days, and an old release
  // would stay on the device as long.
  const here = await keeper.register("service-worker.js", { updateViaCache: "none" }).catch(() => null);
  if (!here) return;
  const look = () => {
    page.newer = keeper.controller && here.waiting;
    if (page.newer) keeper.addEventListener("controllerchange", () => location.reload(), { once: true });
    redraw();
  };
  // A newer version may have been found before this page listened.
  const watch = () => here.installing?.addEventListener("statechange", look);
  here.addEventListener("updatefound", watch);
  watch();
  look();
  await keeper.ready;
  page.offline = true;
  redraw();
}

/** Draw again without losing what is being typed. */
function redraw() {
  const form = document.getElementById("entry");
  const focused = document.activeElement?.id;
  if (form) page.entries = typed(form, page.release.manifest.schema);
  draw();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

addEventListener("pagehide", clear);
start();
