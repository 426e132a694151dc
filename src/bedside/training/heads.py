"""The registries of training: what the names of a task's head and floor stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bedside.cohort import Cohort, Study
from bedside.training.classes import Classes
from bedside.training.course import Hazards
from bedside.training.cox_floor import COX
from bedside.training.dose import doses
from bedside.training.floor import LOGISTIC
from bedside.training.grid import grid
from bedside.training.head import Floor, Head
from bedside.training.root_floor import SQUARE_ROOT

FLOORS: Mapping[str, Floor] = {"logistic": LOGISTIC, "cox": COX, "square-root": SQUARE_ROOT}


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


HEADS: Mapping[str, Callable[[Study, Cohort], Head]] = {"softmax": _classes, "hazards": _hazards, "dose": _doses}
"""By name, what makes the head of a study; the development patients decide its grid of times, or its unit."""


def head_of(study: Study, development: Cohort) -> Head:
    """The head of a study's task."""
    return HEADS[study.task.head](study, development)
