"""Patients through the code that serves: the same cleaning, the same abstentions, the same sets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bedside.answering import judge, reason_codes
from bedside.answering.judgement import ABSTAINING
from bedside.cohort import Cohort, task
from bedside.release import Model
from bedside.validation.given import Given
from bedside.validation.registry import measures_named


@dataclass(frozen=True)
class Judged:
    """A cohort's predictions, and how many rows each reason of abstention concerns."""

    predictions: Given
    reasons: dict[str, int]


def probabilities(model: Model, cohort: Cohort) -> Float[np.ndarray, "patient column"]:
    """The graph's probabilities of every row in double precision, abstained or not."""
    return model.predict(cohort.reading.values).columns.astype(np.float64)


def judged(model: Model, cohort: Cohort, *, today: dt.date, seed: int) -> Judged:
    """Every row of a cohort as the server would answer it.

    An abstained row keeps the graph's probability, marked as abstained: nothing but ``as_if_answered`` looks at it.
    """
    manifest = model.manifest
    judgement = judge(model, cohort.reading, today=today)
    codes = [reason_codes(int(bits) & int(ABSTAINING)) for bits in judgement.reasons[judgement.abstained]]
    names = sorted({code for row in codes for code in row})
    given = measures_named(task(manifest.task).measures).given(manifest, cohort, judgement, seed)
    return Judged(given, {name: sum(name in row for row in codes) for name in names})
