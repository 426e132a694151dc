"""Divide patients into folds: rows of one patient stay together, classes are spread evenly."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.measures import Measure
from bedside.measures.interval import mean


def stratified_folds(
    y: Int[np.ndarray, " row"], patient: Int[np.ndarray, " row"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " row"]:
    """The fold of each row, 0 to ``count`` - 1.

    A patient counts for the rarest class among their rows. Patients are shuffled within each class and dealt to the
    folds in turn, so that folds differ by at most one patient in size, and by at most one in each class.
    """
    _, patient = np.unique(patient, return_inverse=True)
    rarity = np.argsort(np.argsort(-np.bincount(y), kind="stable"))
    rank = np.zeros(patient.max() + 1, dtype=np.int64)
    np.maximum.at(rank, patient, rarity[y])
    shuffled = rng.permutation(len(rank))
    dealt = shuffled[np.argsort(rank[shuffled], kind="stable")]
    fold = np.empty(len(rank), dtype=np.int64)
    fold[dealt] = np.arange(len(rank)) % count
    return fold[patient]


def stopping_patients(
    y: Int[np.ndarray, " row"], patient: Int[np.ndarray, " row"], members: int, share: float, seed: tuple[int, ...]
) -> Bool[np.ndarray, "member row"]:
    """For each member of an ensemble, the rows of the patients that it keeps for early stopping."""
    parts = max(2, round(1 / share))
    return np.stack(
        [stratified_folds(y, patient, parts, np.random.default_rng([*seed, member])) == 0 for member in range(members)]
    )


def mean_over_folds(by_row: Float[np.ndarray, " row"], fold: Int[np.ndarray, " row"]) -> Measure:
    """Mean of the folds' means, with Student's interval over folds; see `bedside.measures.log_loss_difference`."""
    return mean(np.array([by_row[fold == k].mean() for k in np.unique(fold)]))
