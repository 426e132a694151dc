"""Each target's file on the same held-out patients, through its own runtime, against the reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from bedside.cohort import Cohort
from bedside.release import Footprint, Model
from bedside.validation.evidence import TargetEvidence
from bedside.validation.given import Given
from bedside.validation.judging import judged
from bedside.validation.registry import measures_of


def target_rows(
    model: Model,
    further: Mapping[str, Model],
    cohort: Cohort,
    given: Given,
    *,
    today: dt.date,
    costs: Mapping[str, Footprint],
    kept: Mapping[str, TargetEvidence],
) -> dict[str, TargetEvidence]:
    """A row for every target of the manifest, the reference first; those that were never run are marked.

    Parameters
    ----------
    model: the reference, and `given` what it said of the cohort. further: targets to run, loaded.
    costs: measured, by target. kept: rows of targets that cannot run here, from where they could.
    """
    rows = {model.target: _row(model, given, today, costs.get(model.target))}
    for name, listed in model.manifest.targets.items():
        if name == model.target:
            continue
        if name in further:
            rows[name] = target_row(further[name], cohort, given, today=today, cost=costs.get(name))
        else:
            not_run = TargetEvidence(
                validated=False, runtime=listed.runtime, measures={}, digest=listed.digest, size=model.sizes.get(name)
            )
            rows[name] = kept.get(name, not_run)
    return rows


def target_row(model: Model, cohort: Cohort, given: Given, *, today: dt.date, cost: Footprint | None) -> TargetEvidence:
    """One target against the reference.

    Rows without an estimate from either are left out; one without an estimate from one of the two is a flip.
    """
    task = measures_of(given)
    own = judged(model, cohort, today=today, seed=given.seed).predictions
    answered = ~given.abstained & ~own.abstained
    either = ~given.abstained | ~own.abstained
    flips = (np.any(task.decisions(own) != task.decisions(given), axis=1) | (own.abstained != given.abstained))[either]
    changes = np.abs(own.estimates - given.estimates)[answered].max(axis=1) / model.manifest.outputs.scale
    lost = task.lost(given, own.probability)
    return _row(
        model,
        own,
        today,
        cost,
        auroc_loss=lost,
        flips=float(flips.mean()) if len(flips) else None,
        largest_change=float(changes.max()) if len(changes) else None,
        change_p99=float(np.quantile(changes, 0.99)) if len(changes) else None,
    )


def _row(model: Model, own: Given, today: dt.date, cost: Footprint | None, **compared: float | None) -> TargetEvidence:
    listed = model.manifest.targets[model.target]
    return TargetEvidence(
        validated=True,
        runtime=listed.runtime,
        measures=measures_of(own).compute(own),
        digest=listed.digest,
        size=model.sizes.get(model.target),
        date=today.isoformat(),
        processor=model.processor,
        processor_name=None if cost is None else cost.processor,
        version=None if cost is None else cost.version,
        latency=None if cost is None else cost.latency,
        memory=None if cost is None else cost.memory,
        **compared,
    )
