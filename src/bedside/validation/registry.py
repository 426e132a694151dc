"""The plug point of this layer: ``Task.measures`` names one set of functions, and a new kind of question adds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.errors import UsageError
from bedside.release import Manifest
from bedside.validation import (
    curves,
    diagnosis,
    dose,
    follow_up,
    prognosis,
    prognosis_compared,
    prognosis_curves,
    recalibration,
    treatment,
    treatment_curves,
    treatment_facts,
)
from bedside.validation.evidence import (
    ConformalFacts,
    Curves,
    Estimate,
    GateResult,
    Measures,
    Recalibration,
    ThresholdRow,
    Warned,
)
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
    later: those that are told of answers as they were given, once it is known what happened.
    curves: of the answered patients; and the floor's, whose columns may be given, where they are drawn beside.
    curves_within: a group's, which give away nothing of the few outside it; from the patients inside and outside.
    thresholds: what happens at some thresholds.
    decisions: what would be done with each patient, a column for each decision.
    about: what only this question's data have, as fields of `DataFacts`.
    beyond: what only this question's evidence has, as fields of `Evidence`. cautions: what only it has to be told.
    always: gates that nobody has to ask for, from the measures and what is `beyond`.
    outcome_share: share of patients with the outcome asked about; None with more than two classes.
    sets: how often prediction sets hold what is true, at an error rate; None without sets.
    sizes: how many patients there are of each kind that must not be few, by the words that follow a number.
    recalibration: from the measures, whether risks need adjusting to these patients.
    lost: what another target's columns lose of the ranking, as a share or in standard deviations of the outcome.
    ranking: the measure of how well patients are ranked, or told apart; ranking_name: in a sentence. chance: whether it
        is 0.5 by chance.
    floor: the simple model. no_slope: why there may be no calibration slope. needs_threshold: what there is none of
        without a threshold. repeated: what becomes of intervals where patients have several rows. All in words, for a
        sentence.
    """

    given: Callable[[Manifest, Cohort, Judgement, int], Any]
    compute: Callable[..., Measures]
    difference: Callable[[Any, np.ndarray], Measures]
    later: Callable[[Any], Measures]
    curves: Callable[..., Curves]
    curves_within: Callable[[Any, Any], Curves]
    thresholds: Callable[[Any], tuple[ThresholdRow, ...]]
    decisions: Callable[[Any], np.ndarray]
    about: Callable[[Any], dict[str, Any]]
    beyond: Callable[[Any], dict[str, Any]]
    always: Callable[[Measures, Mapping[str, Any]], tuple[GateResult, ...]]
    cautions: Callable[[Any], list[Warned]]
    outcome_share: Callable[[Any], Estimate | None]
    sets: Callable[[Any, float], ConformalFacts | None]
    sizes: Callable[[Any], dict[str, int]]
    recalibration: Callable[[Any, Measures], Recalibration | None]
    lost: Callable[[Any, np.ndarray], float | None]
    ranking: str
    ranking_name: str
    chance: bool
    floor: str
    no_slope: str
    needs_threshold: str
    repeated: str


MEASURES: Mapping[str, TaskMeasures] = {
    "diagnosis": TaskMeasures(
        given=diagnosis.of_release,
        compute=diagnosis.compute,
        difference=diagnosis.difference,
        later=diagnosis.later,
        curves=curves.curves,
        curves_within=curves.curves_within,
        thresholds=curves.threshold_table,
        decisions=diagnosis.decisions,
        about=lambda _: {},
        beyond=lambda _: {},
        always=lambda *_: (),
        cautions=lambda _: [],
        outcome_share=diagnosis.outcome_share,
        sets=coverage_of_sets,
        sizes=diagnosis.sizes,
        recalibration=recalibration.of_classes,
        lost=lambda given, other: diagnosis.difference(given, other)["auroc"].value,
        chance=True,
        ranking="auroc",
        ranking_name="AUROC",
        floor="logistic regression",
        no_slope="with the classes separated without an error, or all predictions equal, no finite slope is the most "
        "likely one",
        repeated="every interval takes rows for independent and is therefore too narrow",
        needs_threshold="sensitivity, specificity, predictive values and net benefit at the point of decision",
    ),
    "prognosis": TaskMeasures(
        given=prognosis.of_release,
        compute=prognosis.compute,
        difference=prognosis_compared.difference,
        later=prognosis.later,
        curves=prognosis_curves.curves,
        curves_within=prognosis_curves.curves_within,
        thresholds=lambda _: (),
        decisions=prognosis.decisions,
        about=follow_up.about,
        beyond=follow_up.beyond,
        always=lambda *_: (),
        cautions=follow_up.cautions,
        outcome_share=prognosis.outcome_share,
        sets=lambda *_: None,
        sizes=prognosis.sizes,
        recalibration=recalibration.of_course,
        lost=lambda given, other: prognosis_compared.difference(given, other)["auc_t"].value,
        chance=True,
        ranking="auc_t",
        ranking_name="AUC at the horizon of the decision",
        floor="Cox regression",
        no_slope="nobody had the event by the horizon of the decision, nobody was followed to it, or all predictions "
        "are equal",
        repeated="intervals come from drawing patients whole, and where that is not known to be right there are none",
        needs_threshold="net benefit and what would happen at the point of decision",
    ),
    "treatment": TaskMeasures(
        given=treatment.of_release,
        compute=treatment.compute,
        difference=treatment.difference,
        later=lambda _: {},
        curves=treatment_curves.curves,
        curves_within=lambda *_: Curves(),
        thresholds=lambda _: (),
        decisions=treatment.decisions,
        about=lambda _: {},
        beyond=treatment_facts.beyond,
        always=treatment_facts.always,
        cautions=treatment_facts.cautions,
        outcome_share=treatment.outcome_share,
        sets=lambda *_: None,
        sizes=treatment.sizes,
        recalibration=lambda *_: None,
        lost=treatment.lost,
        chance=False,
        ranking="policy_gain",
        ranking_name="gain by the rule",
        floor="linear effects",
        no_slope="",
        repeated="intervals take each patient's rows together",
        needs_threshold="",
    ),
    "dose": TaskMeasures(
        given=dose.of_release,
        compute=dose.compute,
        difference=dose.difference,
        later=lambda _: {},
        curves=dose.curves,
        curves_within=lambda *_: Curves(),
        thresholds=lambda _: (),
        decisions=dose.decisions,
        about=lambda _: {},
        beyond=dose.beyond,
        always=lambda *_: (),
        cautions=lambda _: [],
        outcome_share=lambda _: None,
        sets=lambda *_: None,
        sizes=dose.sizes,
        recalibration=lambda *_: None,
        lost=dose.lost,
        chance=False,
        ranking="within_tolerance",
        ranking_name="share within tolerance",
        floor="a linear model of the square root of the dose",
        no_slope="",
        repeated="intervals take each patient's rows together, and shares have none",
        needs_threshold="",
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
