"""Whether more patients would help: the floor on growing shares of them, judged on patients that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from bedside.cohort import Scale
from bedside.measures.interval import mean
from bedside.preparation import NUMPY, Preparation
from bedside.training.cross_fitting import Progress
from bedside.training.folds import stratified_folds
from bedside.training.head import Strength
from bedside.training.model import mean_columns
from bedside.training.sample import FOLDS, Sample

PARTS = 20
SHARES = (5, 8, 11, 14, 17, 20)
"""Twentieths of the fitting patients; each set holds the ones before it."""

REPEATS = 3
"""Divisions into folds; the spread stated is between them."""

Point = dict[str, Any]


def learning_curve(
    sample: Sample,
    scales: Mapping[str, Scale],
    strength: Strength,
    seed: tuple[int, ...],
    progress: Progress | None = None,
) -> tuple[list[Point], Point | None]:
    """Points of the curve, and what the last step to all patients changed in loss.

    Each point: ``patients`` fitted on (mean over folds), mean ``log_loss`` and ``auroc`` (or what the head names) of
    the out-of-fold predictions, and their standard deviation between repeats (``log_loss_sd``, ``auroc_sd``). The
    penalty stays the one chosen on all patients.
    The last step: ``from``, ``to`` (patients) and the mean difference per patient, ``value``, with Student's interval
    ``low``, ``high`` over patients. None where there are too few patients for two points.
    """
    shares = [share for share in SHARES if _enough(sample, share)]
    losses = np.full((REPEATS, len(shares), len(sample.y)), np.nan)
    strata = sample.head.strata(sample)
    name, areas, counts = "", np.full((REPEATS, len(shares)), np.nan), np.zeros((REPEATS, len(shares), FOLDS))
    for repeat in range(REPEATS):
        if progress:
            progress("Learning curve", repeat, REPEATS)
        fold = stratified_folds(strata, sample.patient, FOLDS, np.random.default_rng([*seed, repeat]))
        for i, share in enumerate(shares):
            probability = np.empty((len(sample.y), sample.head.width))
            for k in range(FOLDS):
                fitting = _share(sample, fold != k, share, (*seed, repeat, k))
                counts[repeat, i, k] = len(np.unique(sample.patient[fitting]))
                probability[fold == k] = _predicted(sample, scales, strength, fitting, fold == k)
            losses[repeat, i] = sample.head.losses(sample, probability)
            name, areas[repeat, i] = sample.head.order(sample, probability)
    if progress:
        progress("Learning curve", REPEATS, REPEATS)
    scored = sample.head.scored
    loss, patients = losses.mean(axis=2), counts.mean(axis=(0, 2))
    points: list[Point] = [
        {
            "patients": round(float(patients[i])),
            scored: float(loss[:, i].mean()),
            f"{scored}_sd": float(loss[:, i].std(ddof=1)),
            name: float(areas[:, i].mean()),
            f"{name}_sd": float(areas[:, i].std(ddof=1)),
        }
        for i in range(len(shares))
    ]
    return points, _last_step(sample, losses, points)


def _enough(sample: Sample, share: int) -> bool:
    """Whether so many twentieths of four folds hold two patients of each needed outcome, and ten in all."""
    part = share / PARTS * (FOLDS - 1) / FOLDS
    per_class = [len(np.unique(sample.patient[sample.y == c])) for c in sample.head.needed]
    return all(count * part >= 3 for count in per_class) and sample.patients * part >= 10


def _share(
    sample: Sample, fitting: Bool[np.ndarray, " row"], share: int, seed: tuple[int, ...]
) -> Bool[np.ndarray, " row"]:
    """The first twentieths of the fitting patients, spread over classes; a larger share holds every smaller one."""
    rows = np.flatnonzero(fitting)
    strata = sample.head.strata(sample)[rows]
    part = stratified_folds(strata, sample.patient[rows], PARTS, np.random.default_rng([*seed, 1]))
    chosen = np.zeros(len(fitting), dtype=bool)
    chosen[rows[part < share]] = True
    return chosen


def _predicted(
    sample: Sample,
    scales: Mapping[str, Scale],
    strength: Strength,
    fitting: Bool[np.ndarray, " row"],
    out: Bool[np.ndarray, " row"],
) -> Float[np.ndarray, "predicted column"]:
    own = sample.take(fitting)
    preparation = Preparation.fit(sample.schema, own.values, scales)
    floor = sample.head.floor.fit(preparation.transform(own.values), own, strength)
    return np.asarray(mean_columns(NUMPY, sample.head, floor, preparation.transform(sample.values[out]))[0])


def _last_step(sample: Sample, losses: Float[np.ndarray, "repeat share row"], points: list[Point]) -> Point | None:
    if len(points) < 2:
        return None
    by_row = (losses[:, -1] - losses[:, -2]).mean(axis=0)
    _, patient = np.unique(sample.patient, return_inverse=True)
    by_patient = np.bincount(patient, weights=by_row) / np.bincount(patient)
    return {"from": points[-2]["patients"], "to": points[-1]["patients"], **mean(by_patient).as_dict()}
