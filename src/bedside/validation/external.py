"""External validation: the signed release on another hospital's patients; only aggregates leave the house."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from bedside.cohort import Cohort
from bedside.release import Arms, Model
from bedside.validation.assembling import assemble_evidence
from bedside.validation.case_mix import case_mix
from bedside.validation.evidence import Asked, CaseMixRow, Estimate, Evidence, Measures, Warned
from bedside.validation.facts import data_facts, gates_of, release_facts, subgroups_of
from bedside.validation.held_out import Progress, declared_groups
from bedside.validation.judging import judged
from bedside.validation.registry import measures_of

FAR_APART = 0.5
"""Difference in case mix, in standard deviations or in share of patients, from which on a reader is told."""


def _reference(evidence: Mapping[str, Any] | None) -> tuple[Asked, Measures]:
    """Gates and subgroups that the release was judged by, and what it measured then."""
    if evidence is None:
        return Asked(), {}
    asked = msgspec.convert(evidence.get("asked", {}), Asked)
    return asked, msgspec.convert(evidence.get("measures", {}), dict[str, Estimate])


def _shifted(rows: tuple[CaseMixRow, ...]) -> list[Warned]:
    far = [row.label for row in rows if row.difference is not None and abs(row.difference) >= FAR_APART]
    if not far:
        return []
    return [
        Warned(
            code="other-case-mix",
            text=f"These patients differ clearly from those that the model was made from in: {', '.join(far)}.",
        )
    ]


def _lots(arms: Arms | None) -> list[Warned]:
    """A trial's release knows with what probability it drew the arms, and nothing of how others came to them."""
    if arms is None or not arms.randomised:
        return []
    return [
        Warned(
            code="lots-assumed",
            text="These patients are judged as if lots had been drawn for them as in the trial. "
            "Where physicians chose, values, gains and effects say nothing about the treatments.",
        )
    ]


def evidence_external(
    model: Model,
    cohort: Cohort,
    *,
    source: str = "another hospital's patients",
    reference: Mapping[str, Any] | None = None,
    seed: int | None = None,
    today: dt.date,
    progress: Progress | None = None,
) -> Evidence:
    """The same measures through the same judge on patients from elsewhere.

    Parameters
    ----------
    model: the release's graph. cohort: the other hospital's patients, read with the release's schema.
    source: what the data are, in words; the path of a file does not belong here.
    reference: content of the release's own ``evidence.json``: its gates and subgroups are asked again, and its measures
        stand beside these. None: nothing is judged.
    seed: of the bootstraps; default: the manifest's.
    today: date of the evidence.

    Raises
    ------
    DataError: the graph gives something that is no probability.
    """
    if progress is not None:
        progress("judge patients", 0, 2)
    asked, before = _reference(reference)
    schema = model.manifest.schema
    found = judged(model, cohort, today=today, seed=model.manifest.seed if seed is None else seed)
    mix = case_mix(schema.variables, cohort.reading, model.background, reference)
    if progress is not None:
        progress("measure", 1, 2)
    evidence = assemble_evidence(
        kind="external",
        date=today.isoformat(),
        release=release_facts(model),
        data=data_facts(cohort, found.predictions, schema, source, cohort.attrition),
        given=found.predictions,
        groups=declared_groups(subgroups_of(asked), cohort, schema),
        gates=gates_of(asked),
        reasons=found.reasons,
        warned=[*_shifted(mix), *_lots(model.manifest.outputs.arms)],
        case_mix=mix,
        reference=before,
        asked=asked,
    )
    need = measures_of(found.predictions).recalibration(found.predictions, evidence.measures)
    evidence = msgspec.structs.replace(evidence, recalibration=need)
    if progress is not None:
        progress("measure", 2, 2)
    return evidence
