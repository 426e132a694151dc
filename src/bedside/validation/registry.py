"""The plug point of this layer: ``Task.measures`` names one set of functions, and a new kind of question adds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.errors import UsageError
from bedside.release import Manifest
from bedside.validation import curves, diagnosis, recalibration
from bedside.validation.evidence import ConformalFacts, Curves, Measures, Recalibration, ThresholdRow
from bedside.validation.given import Given
from bedside.validation.prediction_sets import coverage_of_sets


@dataclass(frozen=True)
class TaskMeasures:
    """What evidence on one kind of question is made of; `Any` stands for its own `Given`.

    Attributes
    ----------
    given: from manifest, cohort, what the judge said of it, and a seed: predictions and outcomes.
    compute: every measure, or ``only`` those named, over the patients with an estimate.
    difference: the measures that are compared with another model's columns on the same answered patients.
    curves: of the answered patients; and the floor's, whose columns may be given, where they are drawn beside.
    curves_within: a group's, which give away nothing of the few outside it; from the patients inside and outside.
    thresholds: what happens at some thresholds.
    decisions: what would be done with each patient, a column for each decision.
    sets: how often prediction sets hold what is true, at an error rate; None without sets.
    sizes: how many patients there are of each kind that must not be few.
    recalibration: from the measures, whether risks need adjusting to these patients.
    ranking: the measure of how well patients are ranked, 0.5 by chance; ranking_name: in a sentence.
    floor: the simple model, in words.
    """

    given: Callable[[Manifest, Cohort, Judgement, int], Any]
    compute: Callable[..., Measures]
    difference: Callable[[Any, np.ndarray], Measures]
    curves: Callable[..., Curves]
    curves_within: Callable[[Any, Any], Curves]
    thresholds: Callable[[Any], tuple[ThresholdRow, ...]]
    decisions: Callable[[Any], np.ndarray]
    sets: Callable[[Any, float], ConformalFacts | None]
    sizes: Callable[[Any], Sequence[int]]
    recalibration: Callable[[Any, Measures], Recalibration]
    ranking: str
    ranking_name: str
    floor: str


MEASURES: Mapping[str, TaskMeasures] = {
    "diagnosis": TaskMeasures(
        given=diagnosis.of_release,
        compute=diagnosis.compute,
        difference=diagnosis.difference,
        curves=curves.curves,
        curves_within=curves.curves_within,
        thresholds=curves.threshold_table,
        decisions=diagnosis.decisions,
        sets=coverage_of_sets,
        sizes=diagnosis.sizes,
        recalibration=recalibration.of_classes,
        ranking="auroc",
        ranking_name="AUROC",
        floor="logistic regression",
    ),
}


def measures_of(given: Given) -> TaskMeasures:
    """How these patients are judged."""
    return MEASURES[given.measures]


def measures_named(name: str) -> TaskMeasures:
    """The set of this name.

    Raises
    ------
    UsageError: there is none.
    """
    if name not in MEASURES:
        raise UsageError(f"there is no set of measures '{name}'", remedy=f"There is: {', '.join(MEASURES)}")
    return MEASURES[name]
