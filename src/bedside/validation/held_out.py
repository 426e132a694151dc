"""Evidence on the study's own held-out patients, for a candidate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bedside.cohort import AttritionStep, Cohort, Finding, Study
from bedside.cohort.masks import subgroup_masks
from bedside.release import Footprint, Model
from bedside.validation import cautions
from bedside.validation.assembling import assemble_evidence
from bedside.validation.evidence import Evidence, TargetEvidence, Warned
from bedside.validation.facts import asked, data_facts, release_facts
from bedside.validation.gates import judge_targets
from bedside.validation.judging import judged, probabilities
from bedside.validation.looks import Looks
from bedside.validation.subgroups import Group, groups_of_column
from bedside.validation.targets import target_rows

Progress = Callable[[str, int, int], None]


def declared_groups(subgroups: Sequence[Any], cohort: Cohort, schema: Any) -> list[Group]:
    """The study's subgroups, the landmarks, and the sites, as named sets of patients."""
    found = []
    for one in subgroups:
        found += [
            Group(name, "declared", one.text, np.asarray(mask, dtype=bool))
            for name, mask in subgroup_masks((one,), schema, cohort.reading, None)
        ]
    if cohort.landmark is not None:  # all landmarks together hide how well the model ranks at each
        times = np.unique(cohort.landmark).tolist()
        found += [Group(f"landmark = {time:g}", "declared", "landmark", cohort.landmark == time) for time in times]
    if cohort.site is not None:
        found += groups_of_column(cohort.site, "site", "site")
    return found


def _leakage(study: Study) -> list[Warned]:
    known = study.data.leakage_known
    if not known:
        return []
    return [
        Warned(
            code="leakage-known",
            text=f"The study lets these predictors pass the leakage check: {', '.join(known)}. If they are not known "
            "when the model is asked, every figure here is too good.",
        )
    ]


def evidence_for_candidate(
    model: Model,
    floor: Model,
    held_out: Cohort,
    study: Study,
    *,
    looks: Looks | None = None,
    source: str = "held-out patients of the study",
    development: Mapping[str, Any] | None = None,
    findings: Sequence[Finding] = (),
    attrition: Sequence[AttritionStep] | None = None,
    further: Mapping[str, Model] | None = None,
    kept: Mapping[str, TargetEvidence] | None = None,
    costs: Mapping[str, Footprint] | None = None,
    today: dt.date,
    progress: Progress | None = None,
) -> Evidence:
    """The evidence for a candidate on patients that its training never saw.

    Parameters
    ----------
    model: the candidate's graph under the reference target; other targets are compared with it.
    floor: its simple model, judged on the same answered patients.
    held_out: the held-out rows. study: whose gates, subgroups and seed apply.
    looks: how often these patients were looked at. source: how they were held out, in words.
    development: the content of ``development.json``. findings: of the data check. attrition: default, the cohort's.
    further: other targets of the candidate, loaded; held to ``[accept] targets``.
    kept: of targets that cannot run here, what was found of the same bytes on the same patients where they can.
    costs: what each target was measured to cost.
    today: date of the evidence; a release past its `valid_until` abstains.

    Raises
    ------
    DataError: a graph gives something that is no probability.
    """

    def report(step: int, what: str) -> None:
        if progress is not None:
            progress(what, step, 4)

    report(0, "judge held-out patients")
    found = judged(model, held_out, today=today, seed=study.validation.seed)
    given = found.predictions
    report(1, "run the other targets")
    targets = target_rows(model, further or {}, held_out, given, today=today, costs=costs or {}, kept=kept or {})
    steps = held_out.attrition if attrition is None else attrition
    report(2, "measure")
    evidence = assemble_evidence(
        kind="held-out",
        date=today.isoformat(),
        release=release_facts(model),
        data=data_facts(held_out, given, model.manifest.schema, source, steps),
        given=given,
        groups=declared_groups(study.validation.subgroups, held_out, model.manifest.schema),
        gates=study.gates,
        reasons=found.reasons,
        floor=probabilities(floor, held_out),
        target_gates=judge_targets(study.target_limits, targets),
        warned=[*_leakage(study), *cautions.about_targets(targets)],
        targets=targets,
        asked=asked(study),
        development=dict(development or {}),
        findings=tuple(findings),
        looks=None if looks is None else looks.count,
        looks_candidates=None if looks is None else looks.candidates,
        study_changed=None if looks is None else looks.studies > 1,
    )
    report(4, "measure")
    return evidence
