"""The model card: what a release is for and what it is not, in plain words from its own documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.release.card_of_guidance import guidance_lines
from bedside.release.card_of_quantities import (
    answers_with_arms,
    answers_with_dose,
    limits_of_arms,
    limits_of_dose,
)
from bedside.release.guidance import Guidance
from bedside.release.manifest import Manifest, Network, Origin, Outputs
from bedside.sources import Variable

HEADLINE = (
    "auroc",
    "average_precision",
    "c_ipcw",
    "c_harrell",
    "auc_t",
    "ibs",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "ici",
    "conformal_coverage",
    "band_coverage",
    "policy_gain",
    "policy_value",
    "autoc",
    "qini",
    "effect_slope",
    "recommended",
    "overlap",
    "effective_sample_size",
    "mae",
    "within_tolerance",
    "bias",
    "r2",
    "interval_coverage",
)


def model_card(
    manifest: Manifest,
    digest: str,
    *,
    guidance: Guidance | None = None,
    evidence: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """``card.md``, in Markdown.

    Sections follow Mitchell et al., Model cards for model reporting, FAT* 2019 (doi:10.1145/3287560.3287596).

    Parameters
    ----------
    digest: candidate digest. guidance: of the release, where it has any.
    evidence: content of ``evidence.json``; None before validation.
    facts: further lines for the section on training, by what they are about.
    """
    sections = {
        "Model": _model(manifest, digest),
        "Intended use": [manifest.intended_use, "", f"Population: {manifest.population}"],
        "What it does not do": _limits_of_use(manifest),
        "Predictors": _predictors(manifest.schema.variables),
        **({} if guidance is None else {"Guidance": guidance_lines(guidance, manifest.outputs)}),
        "Training": _training(manifest, facts or {}),
        "Evaluation": _evaluation(evidence),
        "Limits": _limits(manifest),
    }
    body = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items())
    return f"# {manifest.name} {manifest.version}\n\n{body}\n"


def _model(manifest: Manifest, digest: str) -> list[str]:
    network = manifest.network
    members = f", mean of {network.members} networks" if network.members > 1 else ""
    chosen = "" if network.packed == network.asked else f" ({network.asked} was asked for and was worse than the floor)"
    return [
        f"- Task: {manifest.task}; answers with {_answers_with(manifest.outputs)}",
        f"- Packed: {network.packed}{chosen}{members}{_compressed(network)}, {network.parameters} fitted numbers",
        f"- Candidate digest: `{digest}`",
        f"- Adopted by: {manifest.trained_by}; trained by: unknown"
        if manifest.adopted
        else f"- Trained by: {manifest.trained_by}",
        f"- Valid until: {manifest.valid_until or 'no date is set'}",
    ]


def _answers_with(outputs: Outputs) -> str:
    course = outputs.course
    if outputs.arms is not None:
        return answers_with_arms(outputs.arms)
    if outputs.dose is not None:
        return answers_with_dose(outputs.dose)
    if course is None:
        return f"the probability of: {', '.join(outputs.classes)}"
    others = f", where {' or '.join(course.events[1:])} may come first" if course.events[1:] else ""
    return f"the probability over time of: {course.events[0]}{others}; risks: {', '.join(course.estimates)}"


def _compressed(network: Network) -> str:
    distilled = f", distilled from {network.distilled_from} networks" if network.distilled_from else ""
    pruned = f", {network.pruned:.0%} of the hidden units taken out" if network.pruned else ""
    return distilled + pruned


def _limits_of_use(manifest: Manifest) -> list[str]:
    return [
        "- It does not decide: every answer is preliminary until a named clinician has signed it.",
        "- It says nothing about people outside the population above, and "
        + ("" if manifest.outputs.arms is None else "but for the treatments that it compares ")
        + "nothing about causes: changing a predictor need not change the outcome.",
        f"- It gives no estimate, and says why, for a patient unlike {_known_patients(manifest)}, where "
        f"{_missing(manifest)} unknown, where a value is older than declared"
        + (f", and after {manifest.valid_until}." if manifest.valid_until else "."),
    ]


def _known_patients(manifest: Manifest) -> str:
    return "those it was trained on" if manifest.adopted is None else "the study's development patients"


def _missing(manifest: Manifest) -> str:
    limit = manifest.missing_limit
    return f"more than {limit:.0%} of the predictors are" if limit else "any predictor is"


def _predictors(variables: Sequence[Variable]) -> list[str]:
    rows = ["| predictor | unit or categories | plausible values | oldest accepted |", "|---|---|---|---|"]
    for v in variables:
        unit = _categories(v) if v.categories else v.unit or "no unit"
        plausible = f"{v.range[0]:g} to {v.range[1]:g}" if v.range else "not declared" if v.kind == "number" else ""
        age = f"{v.max_age_days:g} days" if v.max_age_days is not None else "any age"
        rows.append("| " + " | ".join(_cell(text) for text in (f"{v.label} (`{v.name}`)", unit, plausible, age)) + " |")
    return rows


def _categories(v: Variable) -> str:
    labels = ((text, v.category_label(text)) for text in v.categories or ())
    return ", ".join(text if text == label else f"{text} ({label})" for text, label in labels)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _training(manifest: Manifest, facts: Mapping[str, str]) -> list[str]:
    return [
        f"- Cohort digest: `{manifest.cohort_digest}`; study digest: `{manifest.study_digest}`",
        *(_trained_here(manifest) if manifest.adopted is None else _trained_elsewhere(manifest.adopted)),
        f"- Libraries: {', '.join(f'{name} {version}' for name, version in sorted(manifest.versions.items()))}",
        *(f"- {about}: {text}" for about, text in facts.items()),
    ]


def _trained_here(manifest: Manifest) -> list[str]:
    difference = manifest.network.log_loss_difference
    compared = (
        "no network was fitted" if difference is None else f"{difference:+.4f} (mean over folds; below 0 is better)"
    )
    private = "not differentially private" if manifest.privacy is None else _spent(manifest.privacy)
    return [
        f"- {_loss(manifest)} of the network minus that of its floor ({_floor(manifest)}): {compared}",
        f"- Privacy: {private}",
    ]


def _loss(manifest: Manifest) -> str:
    return "Log-loss" if manifest.outputs.tensor == "probability" else "Squared error"


def _floor(manifest: Manifest) -> str:
    if manifest.outputs.arms is not None:
        return "effects that are linear in the predictors"
    if manifest.outputs.dose is not None:
        return "linear regression of the square root of the dose"
    return "logistic regression" if manifest.outputs.course is None else "Cox regression"


def _trained_elsewhere(origin: Origin) -> list[str]:
    """What is known of a model's past, and what is unknown; equality is told with its figures."""
    proof = origin.proof
    seen = "none, as the study's author states" if origin.unseen else "unknown"
    rows = f"{proof.random} random and {proof.edge} edge rows"
    return [
        f"- Trained elsewhere: {origin.format}, `{origin.file}`, SHA-256 `{origin.digest}`",
        *(f"- The file says: {about} {text}" for about, text in origin.says.items()),
        f"- How it was trained: {_stated(origin.trained_how)}",
        f"- On whom it was trained: {_stated(origin.trained_on)}",
        f"- Patients of this study among those it was trained on: {seen}",
        "- Privacy of its training: unknown",
        f"- Equal to the original: on {rows} no probability differs by more than {proof.largest:.2g} "
        f"({proof.tolerance:g} was allowed); rows on a tree's boundary: {proof.boundary}, of which "
        f"{proof.boundary_differing} differ",
        "- Recalibrated on the development patients: " + ("yes" if origin.recalibrated else "no"),
    ]


def _stated(text: str | None) -> str:
    return "unknown" if text is None else f"{text} (as the study's author states)"


def _spent(privacy: Mapping[str, float]) -> str:
    return "differentially private training, " + ", ".join(
        f"{name} = {value:g}" for name, value in sorted(privacy.items())
    )


def _evaluation(evidence: Mapping[str, Any] | None) -> list[str]:
    if evidence is None:
        return ["**Not validated.** There is no evidence yet; this candidate must not be used."]
    data = evidence.get("data", {})
    counts = ", ".join(f"{count} {name}" for name, count in data.get("class_counts", {}).items())
    lines = [
        f"Validated on {data.get('n')} held-out patients ({counts or 'classes not counted'}). "
        f"Verdict of the declared gates: **{evidence.get('verdict')}**. Full report: `report.html`.",
        "",
        "| measure | value | interval |",
        "|---|---|---|",
    ]
    measures = evidence.get("measures", {})
    lines += [
        f"| {name} | {_number(m.get('value'))} | {_interval(m)} |" for name in HEADLINE if (m := measures.get(name))
    ]
    gates = [
        f"- {g['name']}: limit {g['limit']}, value {_number(g['value'])}: {'passed' if g['passed'] else 'FAILED'}"
        for g in evidence.get("gates", [])
    ]
    warnings = [f"- {warning}" for warning in evidence.get("warnings", [])]
    return [
        *lines,
        "",
        "Gates:",
        "",
        *(gates or ["- none declared; it cannot be signed"]),
        *(["", "Warnings:", "", *warnings] if warnings else []),
    ]


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "undefined" if value is None else str(value)


def _interval(measure: Mapping[str, Any]) -> str:
    low, high = measure.get("low"), measure.get("high")
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _limits(manifest: Manifest) -> list[str]:
    if manifest.outputs.arms is not None:
        return [*limits_of_arms(manifest.outputs.arms), *_LIMITS]
    if manifest.outputs.dose is not None:
        return [*limits_of_dose(manifest.outputs.dose), *_LIMITS]
    conformal = manifest.conformal
    sets = (
        f"- Prediction sets miss the true class for at most {conformal.alpha:.0%} of patients of each class, as long "
        "as patients are like those that the sets were calibrated on."
        if conformal is not None
        else "- The band around a curve is about groups of patients with similar curves, not about one patient's date."
    )
    spread = ["- Model spread is the disagreement between networks, not an interval of the probability."]
    if manifest.outputs.course is not None:  # it gives none
        spread = []
    return [sets, *spread, *_LIMITS]


_LIMITS = (
    "- Explanations say what moved this model's estimate against typical patients, not what caused the disease.",
    "- Performance elsewhere can differ: validate it on local patients before use, and watch it in use.",
)
