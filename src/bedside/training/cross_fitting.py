"""Fit once; and fit on all folds but one in turn, so that every patient is predicted by a model that never saw them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import Scale
from bedside.errors import DataError
from bedside.network import Members, Settings, Trained, beside, logits, pruned, train
from bedside.preparation import NUMPY, Preparation
from bedside.training.distance import Distance, distance, fit_distance
from bedside.training.folds import stopping_patients, stratified_folds
from bedside.training.head import Head, Strength
from bedside.training.model import mean_columns
from bedside.training.sample import FOLDS, Sample

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fitted:
    """Everything that one set of patients gave, calibration excepted.

    Attributes
    ----------
    strength: the floor's inverse penalty. network: None where the study asks for the floor alone.
    larger: what the network was before it was compressed; None where nothing was.
    """

    preparation: Preparation
    distance: Distance
    floor: Members
    strength: Strength
    network: Trained | None
    larger: Trained | None = None


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for every row by models fitted on the other folds, not calibrated.

    Attributes
    ----------
    fold: in which each row was predicted.
    floor, network: probabilities; ``network`` is None where none was fitted.
    larger: probabilities of the network before it was compressed; None where nothing was.
    distance: to the patients of the other folds.
    novel: rows with a category or value that no patient of the other folds had.
    """

    fold: Int[np.ndarray, " row"]
    floor: Float[np.ndarray, "row column"]
    network: Float[np.ndarray, "row column"] | None
    distance: Float[np.ndarray, " row"]
    novel: Bool[np.ndarray, " row"]
    larger: Float[np.ndarray, "row column"] | None = None


def fit_without_network(sample: Sample, scales: Mapping[str, Scale], seed: tuple[int, ...]) -> Fitted:
    """Preparation, distance and floor."""
    preparation = Preparation.fit(sample.schema, sample.values, scales)
    x = preparation.transform(sample.values)
    strength = sample.head.floor.strength(x, sample, np.random.default_rng([*seed, 0]))
    floor = sample.head.floor.fit(x, sample, strength)
    return Fitted(preparation, fit_distance(preparation, x), floor, strength, None)


def fit_network(sample: Sample, fitted: Fitted, settings: Settings, seed: tuple[int, ...]) -> Fitted:
    """With the network beside the floor, on the same patients and the same preparation, compressed as asked.

    Raises
    ------
    DataError: training diverged.
    """
    x = fitted.preparation.transform(sample.values)
    start = sample.head.start(x, sample, fitted.floor) if settings.linear else None
    larger = _trained(sample, x, start, settings, seed)
    if not settings.compressed:
        return replace(fitted, network=_whole(start, larger))
    network, teacher = larger, None
    if settings.distil:
        settings = replace(settings, members=1)
        teacher = sample.head.taught(mean_columns(NUMPY, sample.head, larger.members, x)[0])
        network = _trained(sample, x, start, settings, (*seed, 3), teacher=teacher)
    if settings.prune:
        fewer = pruned(network.members, settings.prune)
        network = _trained(sample, x, start, settings, (*seed, 4), teacher=teacher, begun=fewer)
    return replace(fitted, network=_whole(start, network), larger=_whole(start, larger))


def _whole(start: Members | None, trained: Trained) -> Trained:
    """With the hidden layer that it began with, if there was one."""
    if start is None or start.last is None:
        return trained
    return replace(trained, members=beside(start, trained.members))


def _trained(
    sample: Sample,
    x: Float[np.ndarray, "row feature"],
    start: Members | None,
    settings: Settings,
    seed: tuple[int, ...],
    *,
    teacher: Float[np.ndarray, "row target"] | None = None,
    begun: Members | None = None,
) -> Trained:
    target = sample.head.target(sample)
    if start is not None and start.last is not None:  # the rest is learned; `_whole` puts both together
        target = target - logits(NUMPY, replace(start, bias=np.zeros((1, 1, 1)), linear=None), x)[0]
    stopping = None
    if settings.patience is not None:
        strata, share = sample.head.strata(sample), settings.stopping_share
        stopping = stopping_patients(strata, sample.patient, settings.members, share, (*seed, 1))
    trained = train(
        x,
        target,
        sample.head.outputs,
        settings,
        seed=(*seed, 2),
        loss=sample.head.loss,
        start=start,
        begun=begun,
        teacher=teacher,
        stopping=stopping,
        shapes=sample.head.shapes,
    )
    if not all(np.isfinite(array).all() for array in trained.members.arrays()):
        raise DataError(
            f"training of the {settings.name} network diverged",
            where="training.network",
            remedy='Give variables of very large or very uneven size a scale, for example scale = "standard"',
        )
    return trained


def cross_fit(
    sample: Sample,
    scales: Mapping[str, Scale],
    settings: Settings | None,
    seed: tuple[int, ...],
    progress: Progress | None = None,
) -> OutOfFold:
    """Out-of-fold predictions; preparation, floor, network and distance are fitted anew for each fold."""
    fold = stratified_folds(sample.head.strata(sample), sample.patient, FOLDS, np.random.default_rng([*seed, 0]))
    shape = (len(fold), sample.head.width)
    result = OutOfFold(
        fold=fold,
        floor=np.empty(shape),
        network=None if settings is None else np.empty(shape),
        distance=np.empty(len(fold)),
        novel=np.zeros(len(fold), dtype=bool),
        larger=None if settings is None or not settings.compressed else np.empty(shape),
    )
    for k in range(FOLDS):
        if progress:
            progress("Fitting on all folds but one", k, FOLDS)
        out = fold == k
        rest = sample.take(~out)
        fitted = fit_without_network(rest, scales, (*seed, 1, k))
        x = fitted.preparation.transform(sample.values[out])
        result.floor[out] = mean_columns(NUMPY, sample.head, fitted.floor, x)[0]
        result.distance[out] = distance(NUMPY, fitted.distance, x)
        result.novel[out] = (x[:, fitted.preparation.novel] != 0).any(axis=1)
        if settings is not None and result.network is not None:
            fitted = fit_network(rest, fitted, settings, (*seed, 2, k))
            result.network[out] = _predicted(sample.head, fitted.network, x)
            if result.larger is not None:
                result.larger[out] = _predicted(sample.head, fitted.larger, x)
    if progress:
        progress("Fitting on all folds but one", FOLDS, FOLDS)
    return result


def _predicted(
    head: Head, trained: Trained | None, x: Float[np.ndarray, "row feature"]
) -> Float[np.ndarray, "row column"]:
    assert trained is not None
    return np.asarray(mean_columns(NUMPY, head, trained.members, x)[0])
