"""``[validation]`` of a study file."""

from __future__ import annotations

import msgspec

from bedside.cohort.condition import read_condition
from bedside.cohort.section import Section
from bedside.cohort.study import Outcome, Subgroup, ValidationPlan
from bedside.sources import Schema, as_text, nearest


def read_plan(section: Section, schema: Schema, outcome: Outcome) -> ValidationPlan:
    """Who is held out, and what the evidence is computed at.

    Raises
    ------
    StudyError: two ways to hold out at once, a column that is not declared, a share outside 0 to 1, a subgroup
        that names no predictor, a decision at no horizon, a threshold where no risk is given.
    """
    ways = [key for key in ("holdout", "by", "after") if key in section]
    if len(ways) > 1:
        raise section.error(ways[1], f"{' and '.join(ways)} exclude each other", "Keep one of them")
    by = _by(section, schema)
    after = section.date("after")
    if after is not None and schema.time is None:
        raise section.error("after", "after needs the index date of each row", 'Add time = "..." to [data]')
    holdout = section.share("holdout") if ways != [] else 0.25
    return ValidationPlan(
        holdout=holdout,
        by=by,
        held_out=_held_out(section, by),
        after=after,
        threshold=_threshold(section, outcome),
        decision=_decision(section, outcome),
        alpha=section.share("alpha") or (0.1 if outcome.treatment is None else 0.05),
        subgroups=tuple(_subgroup(section, schema, text) for text in section.texts("subgroups") or ()),
        seed=section.whole("seed", 0, 0),
    )


def _by(section: Section, schema: Schema) -> str | None:
    by = section.optional_text("by")
    if by is not None and by != schema.site:
        raise section.error(
            "by",
            f"'{by}' is not the site column" + (f" '{schema.site}'" if schema.site else ""),
            f'Write site = "{by}" in [data]',
        )
    return by


def _held_out(section: Section, by: str | None) -> str | None:
    if "held_out" not in section:
        return None
    if by is None:
        raise section.error("held_out", "held_out names a site and goes with by", 'Add by = "...", the site column')
    return as_text(section.values["held_out"])


def _threshold(section: Section, outcome: Outcome) -> float | dict[str, float] | None:
    if "threshold" not in section:
        return None
    if not outcome.probabilities:
        raise section.error("threshold", "a threshold goes with a risk, and this task gives none", "Drop it")
    if outcome.positive is not None:
        return section.share("threshold")
    table = section.below("threshold")
    found: dict[str, float] = {}
    for name in table.names():
        if as_text(name) not in outcome.classes:
            raise table.error(name, f"there is no class '{name}'", nearest(name, outcome.classes))
        share = table.share(name)
        if share is not None:
            found[as_text(name)] = share
    return found or None


def _decision(section: Section, outcome: Outcome) -> float | None:
    horizons, decision = outcome.horizons if outcome.probabilities else (), section.number("decision")
    if decision is None:
        return horizons[-1] if horizons else None
    if not horizons:
        raise section.error("decision", "a decision at a horizon goes with a prognosis", "Drop it")
    listed = {f"{horizon:g}": horizon for horizon in horizons}  # as they read, which tells them apart
    if f"{decision:g}" not in listed:
        raise section.error("decision", f"{decision:g} is none of the horizons", f"There are: {', '.join(listed)}")
    return listed[f"{decision:g}"]


def with_overlap(section: Section, outcome: Outcome) -> Outcome:
    """The outcome with the share of patients alike below which ``[validation]`` judges no treatment.

    Raises
    ------
    StudyError: the question is not which treatment, or a treatment of the trial could never be judged.
    """
    overlap, treatment = section.share("overlap"), outcome.treatment
    if treatment is None:
        if overlap is None:
            return outcome
        raise section.error("overlap", "overlap goes with a treatment", "Drop it")
    overlap = treatment.overlap if overlap is None else overlap
    least = min(treatment.propensity or (1.0 / len(treatment.arms),))
    if overlap >= least:
        what = f"with an overlap of {overlap:g} no treatment would be judged that {least:.3g} of the patients get"
        raise section.error("overlap", what, "0.05 is usual: a treatment that fewer get is left out")
    return msgspec.structs.replace(outcome, treatment=msgspec.structs.replace(treatment, overlap=overlap))


def _subgroup(section: Section, schema: Schema, text: str) -> Subgroup:
    text = text.strip()
    if text in schema.names:
        variable = schema[text]
        if variable.kind == "number":
            raise section.error("subgroups", f"'{text}' is a number", f'Write a condition such as "{text} >= 65"')
        return Subgroup(text=text, variable=text)
    found = read_condition(section, "subgroups", text, schema)
    return Subgroup(text=text, variable=found.variable, operator=found.operator, value=found.value)
