"""Typical patients who are nobody: aggregates of at least k patients each, for explanations to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError


@dataclass(frozen=True)
class Prototypes:
    """A background that holds no patient.

    Attributes
    ----------
    values: per prototype the mean of a number, the most frequent code of a category; ``nan`` where the value is unknown
        for most of the patients that it stands for. In the schema's order and units.
    weights: share of the patients that each stands for; sums to 1.
    k: every number in `values` is an aggregate of at least this many patients.
    """

    values: Float[np.ndarray, "prototype variable"]
    weights: Float[np.ndarray, " prototype"]
    k: int

    @property
    def description(self) -> str:
        """What it is, in words that a reader of an explanation understands."""
        return (
            f"{len(self.weights)} typical patients, each the aggregate (mean or most frequent category) of at least "
            f"{self.k} patients of the training data; none of them is a person"
        )


def prototypes(
    values: Float[np.ndarray, "patient variable"],
    categorical: Bool[np.ndarray, " variable"],
    *,
    k: int = 10,
    count: int = 50,
    seed: int = 0,
    patient: np.ndarray | None = None,
) -> Prototypes:
    """Micro-aggregate patients into at most `count` prototypes of at least `k` patients each.

    The patients are halved again and again across the direction in which they differ most (first principal component of
    the standardised values), as a k-d tree does, with the cuts placed so that no group falls below `k`; each group is
    then replaced by its aggregate. Replacing groups of at least k records by their aggregate is micro-aggregation and
    gives k-anonymity (Domingo-Ferrer and Mateo-Sanz, IEEE Trans Knowl Data Eng 2002;14:189-201; Domingo-Ferrer and
    Torra, Data Min Knowl Discov 2005;11:195-212). It is no differential privacy: whoever knows all others of a group
    can work out the last one's values. Patients who are identical in a variable have an aggregate equal to their value;
    it is then shared by at least k patients.

    A value known for fewer than `k` patients of a group, though for at least half of them, is replaced by the aggregate
    of all patients.

    Parameters
    ----------
    values: declared units, category codes; ``nan`` where unknown.
    categorical: which variables are category codes.
    k: smallest group, at least 2.
    count: at most so many prototypes; fewer where there are fewer than ``count * k`` patients.
    seed: decides the order among patients that the cuts cannot tell apart.
    patient: identifier of each row, where a patient may have several; one row of each is then used, drawn by `seed`.

    Raises
    ------
    DataError: fewer than `k` patients, or `k` below 2, or `count` below 1.
    """
    if k < 2 or count < 1:
        raise DataError(
            f"k = {k} and count = {count} make no aggregate", where="prototypes", remedy="Use k >= 2, count >= 1"
        )
    order = np.random.default_rng(seed).permutation(len(values))
    if patient is not None:
        order = order[np.sort(np.unique(np.asarray(patient)[order], return_index=True)[1])]
    if len(order) < k:
        raise DataError(
            f"{len(order)} patients are fewer than the {k} that one prototype must stand for",
            where="prototypes",
            remedy="More patients are needed; a background made of single patients would disclose them",
        )
    rows = np.asarray(values, dtype=np.float64)[order]
    whole = _aggregate(rows, categorical, np.full(rows.shape[1], np.nan), k)
    everyone = np.arange(len(rows))
    groups = list(_groups(_comparable(rows, categorical), everyone, min(count, len(rows) // k)))
    return Prototypes(
        values=np.array([_aggregate(rows[members], categorical, whole, k) for members in groups]),
        weights=np.array([len(members) / len(rows) for members in groups]),
        k=k,
    )


def _comparable(
    rows: Float[np.ndarray, "patient variable"], categorical: Bool[np.ndarray, " variable"]
) -> Float[np.ndarray, "patient feature"]:
    """Features with unit variance to measure difference by: numbers standardised, categories one column each."""
    features = []
    for values, is_category in zip(rows.T, categorical, strict=True):
        known = ~np.isnan(values)
        if is_category:
            features += [(values == code).astype(np.float64) for code in np.unique(values[known])]
        elif known.any():
            spread = float(values[known].std())
            centred = np.where(known, values - values[known].mean(), 0.0)
            features.append(centred / spread if spread > 0 else np.zeros(len(values)))
        features.append((~known).astype(np.float64))
    return np.stack(features, axis=1) if features else np.zeros((len(rows), 1))


def _groups(
    features: Float[np.ndarray, "patient feature"], members: Int[np.ndarray, " member"], parts: int
) -> Iterator[Int[np.ndarray, " grouped"]]:
    """Cut `members` into `parts` groups, none smaller than ``len(members) // parts``."""
    if parts == 1:
        yield members
        return
    left = parts // 2
    ranked = members[np.argsort(_principal_scores(features[members]), kind="stable")]
    cut = len(members) * left // parts
    yield from _groups(features, ranked[:cut], left)
    yield from _groups(features, ranked[cut:], parts - left)


def _principal_scores(features: Float[np.ndarray, "member feature"]) -> Float[np.ndarray, " member"]:
    centred = features - features.mean(axis=0)
    direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    # An eigenvector's sign is arbitrary, and may differ between builds of LAPACK; its largest entry is made positive.
    # Rounding keeps equal patients equal, so that the seeded order decides between them.
    return np.asarray(np.round(centred @ (direction * np.sign(direction[np.argmax(np.abs(direction))])), 9))


def _aggregate(
    rows: Float[np.ndarray, "member variable"],
    categorical: Bool[np.ndarray, " variable"],
    everyone: Float[np.ndarray, " variable"],
    k: int,
) -> Float[np.ndarray, " variable"]:
    aggregate = np.full(rows.shape[1], np.nan)
    for j, is_category in enumerate(categorical):
        known = rows[~np.isnan(rows[:, j]), j]
        if 2 * len(known) < len(rows):
            continue
        if len(known) < k:
            aggregate[j] = everyone[j]
        elif is_category:
            codes, counts = np.unique(known, return_counts=True)
            aggregate[j] = codes[np.argmax(counts)]
        else:
            aggregate[j] = known.mean()
    return aggregate
