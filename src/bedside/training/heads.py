"""The registries of training: what the names of a task's head and floor stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bedside.cohort import Cohort, Study
from bedside.training.arms import Treatments
from bedside.training.classes import Classes
from bedside.training.course import Hazards
from bedside.training.cox_floor import COX
from bedside.training.dose import doses
from bedside.training.floor import LOGISTIC
from bedside.training.grid import grid
from bedside.training.head import Floor, Head
from bedside.training.linear_effects import LINEAR_EFFECTS
from bedside.training.nuisances import outcome_of
from bedside.training.root_floor import SQUARE_ROOT

FLOORS: Mapping[str, Floor] = {
    "logistic": LOGISTIC,
    "cox": COX,
    "square-root": SQUARE_ROOT,
    "linear-effects": LINEAR_EFFECTS,
}


def _classes(study: Study, _: Cohort) -> Head:
    return Classes(len(study.outcome.classes), study.task.loss, FLOORS[study.task.floor])


def _hazards(study: Study, development: Cohort) -> Head:
    asked, followed = study.outcome.follow_up, development.followed
    assert asked is not None
    assert followed is not None
    edges = grid(development.outcome, followed, asked.horizons, where=f"{study.path}: outcome.horizons")
    return Hazards(
        events=len(study.outcome.classes) - 1,
        edges=edges,
        horizons=asked.horizons,
        decision=study.decision,
        floor=FLOORS[study.task.floor],
        loss=study.task.loss,
    )


def _doses(study: Study, development: Cohort) -> Head:
    assert development.amount is not None
    where = f"{study.data.table}, column {study.outcome.column}"
    return doses(development.amount, FLOORS[study.task.floor], study.task.loss, where=where)


def _arms(study: Study, development: Cohort) -> Head:
    asked, over_time = study.outcome.treatment, study.outcome.follow_up
    assert asked is not None
    assert development.arm is not None
    until = None if over_time is None else over_time.horizons[0]
    y, weight = outcome_of(development.outcome, development.amount, development.followed, development.arm, until)
    known = weight > 0
    centre = float(np.average(y[known], weights=weight[known]))
    scale = float(np.sqrt(np.average((y[known] - centre) ** 2, weights=weight[known])))
    return Treatments(
        names=asked.arms,
        kind=study.outcome.compared,
        sign=1.0 if asked.better == "higher" else -1.0,
        declared=asked.propensity,
        limits=_limits(study),
        centre=float(np.float32(centre)),
        scale=float(np.float32(scale)) or 1.0,
        scales=study.scales,
        floor=FLOORS[study.task.floor],
        until=until,
        loss=study.task.loss,
    )


def _limits(study: Study) -> tuple[float, float]:
    """Between which outcomes lie."""
    if study.outcome.follow_up is not None:
        return 0.0, study.outcome.follow_up.horizons[0]
    if study.outcome.quantity is None:
        return 0.0, 1.0
    return study.outcome.quantity.range or (-np.inf, np.inf)


HEADS: Mapping[str, Callable[[Study, Cohort], Head]] = {
    "softmax": _classes,
    "hazards": _hazards,
    "arms": _arms,
    "dose": _doses,
}
"""By name, what makes the head of a study; the development patients decide its grid of times, or its unit."""


def head_of(study: Study, development: Cohort) -> Head:
    """The head of a study's task."""
    return HEADS[study.task.head](study, development)
