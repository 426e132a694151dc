"""What the model says about each patient and where it keeps silent: one vectorised path for tables and the bedside."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from jaxtyping import Bool, Float, UInt16

from bedside.errors import DataError
from bedside.measures import conformal_sets
from bedside.measures.predictions import checked_probabilities
from bedside.release import Manifest, Model, Outputs
from bedside.sources import Problem, Reading, Schema


class Cause(IntFlag):
    """Bits of `Judgement.reasons`. Those in `ABSTAINING` make the answer abstain; the others are only noted."""

    EXPIRED = 1
    TOO_MUCH_MISSING = 2
    STALE_VALUE = 4
    UNLIKE_TRAINING = 8
    NOT_A_NUMBER = 16
    UNKNOWN_CATEGORY = 32
    IMPLAUSIBLE = 64
    NOT_CALLABLE = 128
    OTHER_GENOTYPE = 256
    POOR_OVERLAP = 512


ABSTAINING = (Cause.IMPLAUSIBLE - 1) | Cause.POOR_OVERLAP
"""The bits of `Judgement.reasons` that withhold the estimate."""

_CELLS = tuple(problem for problem in Problem if problem.name in Cause.__members__)
_EXPIRED, _SENTINEL = np.uint16(Cause.EXPIRED), int(Problem.SENTINEL)
_ABSTAINING = np.uint16(ABSTAINING)


@dataclass(frozen=True)
class Judgement:
    """The model's word on n patients.

    The numbers are there for abstaining patients too, because validation counts what abstaining avoided; no answer
    shows them.

    Attributes
    ----------
    today: the day on which it was judged whether the release and the values are still valid.
    columns: what the graph gives: calibrated probabilities per class, or what ``outputs`` says.
    estimates: what an answer estimates, in the order of ``outputs.estimates``: the same per class; of a course, the
        risk at each horizon; of arms, what each changes against the control; of a dose, the dose.
    distance: to the training population.
    spread: standard deviation between ensemble members per class; None with one member.
    sets: which classes each conformal set holds; None where the estimates are no classes, or where nobody asked.
    reasons: bits of `Cause`. abstained: whether one of them withholds the estimate.
    alert: whether the estimate reaches the threshold: of the positive class, at the horizon of the decision, or of any
        class that has one; None where the release declares no threshold.
    """

    today: dt.date
    columns: Float[np.ndarray, "patient column"]
    estimates: Float[np.ndarray, "patient estimate"]
    distance: Float[np.ndarray, " patient"]
    spread: Float[np.ndarray, "patient class"] | None
    sets: Bool[np.ndarray, "patient class"] | None
    reasons: UInt16[np.ndarray, " patient"]
    abstained: Bool[np.ndarray, " patient"]
    alert: Bool[np.ndarray, " patient"] | None

    def __len__(self) -> int:
        return len(self.reasons)


def judge(model: Model, reading: Reading, *, today: dt.date, sets: bool = True) -> Judgement:
    """Predict, form the conformal sets (unless nobody asks for `sets`), and decide who gets no estimate, who an alert.

    Validation, tables and the bedside all go through here: what was judged is what serves.

    Raises
    ------
    DataError: the graph gives something that is no probability, or a quantity that cannot be.
    """
    manifest = model.manifest
    predicted = model.predict(reading.values)
    columns = predicted.columns.astype(np.float64)
    conformal, spread = manifest.conformal if sets else None, predicted.spread
    if manifest.outputs.tensor == "estimate":
        _check_quantities(manifest.outputs, columns)
    elif conformal is None:  # else `conformal_sets` looks
        checked_probabilities(columns)
    estimates = manifest.outputs.estimated(columns)
    reasons = _reasons(manifest, reading, predicted.distance, today)
    if manifest.outputs.arms is not None:
        _mark(reasons, Cause.POOR_OVERLAP, ~manifest.outputs.arms.comparable(columns))
    return Judgement(
        today=today,
        columns=columns,
        estimates=estimates,
        distance=predicted.distance.astype(np.float64),
        spread=None if spread is None else spread.astype(np.float64),
        sets=None if conformal is None else conformal_sets(columns, conformal.quantiles),
        reasons=reasons,
        abstained=(reasons & _ABSTAINING) != 0,
        alert=_alert(manifest, estimates),
    )


def _check_quantities(outputs: Outputs, columns: Float[np.ndarray, "patient column"]) -> None:
    problem = outputs.problem(columns)
    if problem:
        raise DataError(f"what the graph gives cannot be right: {problem}", where="estimate")


# A request for one patient spends its time in calls of numpy, not in arithmetic: `count_nonzero` costs a sixth of
# `any`, and what usually does not hold is asked for the whole table before it is asked for each row.
def _reasons(
    manifest: Manifest, reading: Reading, distance: Float[np.ndarray, " patient"], today: dt.date
) -> UInt16[np.ndarray, " patient"]:
    reasons = np.zeros(len(reading), dtype=np.uint16)
    if manifest.expired(today):
        reasons |= _EXPIRED
    missing = unknown(reading)
    if np.count_nonzero(missing) > most_unknown(manifest):
        _mark(reasons, Cause.TOO_MUCH_MISSING, np.asarray(missing.sum(axis=1) > most_unknown(manifest)))
    near = np.asarray(distance <= manifest.distance_limit)
    if np.count_nonzero(near) < len(near):  # a distance that is nan counts as too large
        _mark(reasons, Cause.UNLIKE_TRAINING, ~near)
    if reading.ages_days is not None:
        _mark(reasons, Cause.STALE_VALUE, np.asarray(stale(reading, manifest.schema).any(axis=1)))
    if np.count_nonzero(reading.problems) and np.count_nonzero(reading.problems > _SENTINEL):
        for problem in _CELLS:
            _mark(reasons, Cause[problem.name], (reading.problems == problem).any(axis=1))
    return reasons


def _mark(reasons: UInt16[np.ndarray, " patient"], cause: Cause, holds: Bool[np.ndarray, " patient"]) -> None:
    reasons[holds] |= np.uint16(cause)


def unknown(reading: Reading) -> Bool[np.ndarray, "patient variable"]:
    """Which values are not known."""
    return np.asarray(np.isnan(reading.values))


def most_unknown(manifest: Manifest) -> int:
    """How many predictors may be unknown: the whole number within ``missing_limit`` of all."""
    # A hair more, so that 0.3 of 10 is 3.
    return int(manifest.missing_limit * len(manifest.schema.variables) + 1e-9)


def stale(reading: Reading, schema: Schema) -> Bool[np.ndarray, "patient variable"]:
    """Which known values are older than their variable's ``max_age_days``; a value without a date is not."""
    ages = reading.ages_days
    if ages is None:
        return np.zeros(reading.values.shape, dtype=bool)
    oldest = np.array([np.inf if v.max_age_days is None else v.max_age_days for v in schema.variables])
    return np.asarray((ages > oldest) & ~np.isnan(reading.values))


def _alert(manifest: Manifest, estimates: Float[np.ndarray, "patient estimate"]) -> Bool[np.ndarray, " patient"] | None:
    threshold, outputs = manifest.threshold, manifest.outputs
    if threshold is None:
        return None
    if not isinstance(threshold, dict):
        assert outputs.decisive is not None
        return np.asarray(estimates[:, outputs.estimates.index(outputs.decisive)] >= threshold)
    limits = np.array([threshold.get(name, np.inf) for name in outputs.estimates])
    return np.asarray((estimates >= limits).any(axis=1))
