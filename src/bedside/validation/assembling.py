"""From judged patients to the document: the part that every kind of evidence shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bedside.cohort import Gate
from bedside.validation import cautions
from bedside.validation.evidence import DataFacts, Evidence, GateResult, ReleaseFacts, Warned
from bedside.validation.facts import abstentions
from bedside.validation.gates import judge_gates, verdict
from bedside.validation.given import Given
from bedside.validation.registry import measures_of
from bedside.validation.subgroups import Group, subgroups, without_small_names


def assemble_evidence(
    *,
    kind: Literal["held-out", "external", "predictions"],
    date: str,
    release: ReleaseFacts,
    data: DataFacts,
    given: Given,
    groups: Sequence[Group],
    gates: Sequence[Gate],
    reasons: Mapping[str, int],
    floor: Float[np.ndarray, "patient column"] | None = None,
    target_gates: Sequence[GateResult] = (),
    warned: Sequence[Warned] = (),
    **further: Any,
) -> Evidence:
    """Measure, compare, judge, and write down what a reader must know; ``further`` are fields taken as they are."""
    task = measures_of(given)
    compared = {gate.measure for gate in gates if gate.subgroups and gate.max_gap is not None}
    found, withheld = without_small_names(subgroups(given, groups, sorted(compared)))
    without = abstentions(given, reasons)
    measures = task.compute(given)
    if kind != "predictions":  # a bare file knows nothing of patients without a prediction
        measures["abstained"] = without.share
    results, not_judged = judge_gates(gates, measures, found)
    beyond = task.beyond(given)
    results = (*results, *task.always(measures, beyond), *target_gates)
    decided, why = verdict(results)
    beside = {} if floor is None else task.difference(given, floor)
    told = [
        *warned,
        *task.cautions(given),
        *cautions.about_measures(measures, found, task),
        *cautions.about_data(data, task.sizes(given), task.repeated),
        *cautions.about_abstentions(without),
        *cautions.about_floor(release, beside, task),
        *cautions.about_origin(release),
        *cautions.about_looks(further.get("looks"), further.get("study_changed")),
        *cautions.about_groups(not_judged),
        *cautions.about_release(release, date, task),
    ]
    return Evidence(
        kind=kind,
        date=date,
        release=release,
        data=data,
        measures=measures,
        floor={} if floor is None else task.compute(given.instead(floor)),
        floor_difference=beside,
        abstentions=without,
        conformal=None if release.alpha is None else task.sets(given, release.alpha),
        subgroups=found,
        subgroups_withheld=withheld,
        gates=results,
        not_judged=not_judged,
        curves=task.curves(given, floor),
        thresholds=task.thresholds(given),
        warnings=tuple(one.text for one in told),
        warned=tuple(told),
        verdict=decided,
        verdict_text=why,
        **beyond,
        **further,
    )
