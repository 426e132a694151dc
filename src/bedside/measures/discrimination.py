"""How well predictions tell patients with the outcome from those without."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.interval import logit_interval, normal_quantile, undefined
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_binary, checked_multiclass


def _midranks(x: Float[np.ndarray, "value"]) -> Float[np.ndarray, "value"]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(last - (counts - 1) / 2)[inverse]


def _placements(positive: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"]) -> Float[np.ndarray, "patient"]:
    """Share of the other class that each patient is ranked correctly against, ties counting one half.

    These are DeLong's structural components, from three sets of midranks (Sun and Xu, IEEE Signal Process
    Lett 2014;21:1389-1393). Their mean over either class is the AUROC.
    """
    case = positive == 1
    m, n = int(case.sum()), int((~case).sum())
    ranks = _midranks(p)
    placed = np.empty(len(p))
    placed[case] = (ranks[case] - _midranks(p[case])) / n
    placed[~case] = 1.0 - (ranks[~case] - _midranks(p[~case])) / m
    return placed


def _influence(
    positive: Int[np.ndarray, "patient"], placed: Float[np.ndarray, "patient"]
) -> Float[np.ndarray, "patient"]:
    """Each patient's part in the AUROC's error: their squares sum to DeLong's variance; nan for a class of one."""
    part = np.full(len(placed), math.nan)
    for value in (0, 1):
        group = positive == value
        size = int(group.sum())
        if size > 1:
            part[group] = (placed[group] - placed[group].mean()) / math.sqrt(size * (size - 1))
    return part


def _both_classes(y: Int[np.ndarray, "patient"]) -> bool:
    return bool((y == 1).any() and (y == 0).any())


def _perfect_bound(y: Int[np.ndarray, "patient"], level: float) -> float:
    """The least AUROC that still gives a sample without a single wrong pair with probability (1 - level) / 2.

    ``k = min(events, non-events)`` pairs without a common patient are independent, and each is in the right
    order with a probability of at most the AUROC; so all being right has a probability of at most AUROC^k.
    """
    k = min(int((y == 1).sum()), int((y == 0).sum()))
    return float(((1 - level) / 2) ** (1 / k))


def auroc(y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], level: float = 0.95) -> Measure:
    """Area under the receiver operating characteristic curve, with DeLong's interval on the logit scale.

    Ties count one half. Variance: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845, by the
    algorithm of Sun and Xu, IEEE Signal Process Lett 2014;21:1389-1393. Logit scale: Pepe, The Statistical
    Evaluation of Medical Tests, Oxford 2003, chapter 5; compared by Qin and Hotilovac, Stat Methods Med Res
    2008;17:207-221.

    At an AUROC of 1 (or 0) DeLong's variance is 0, which is no certainty. The interval is then exact and
    conservative: from ((1 - level) / 2)^(1/k) to 1, k the size of the smaller class, because k pairs
    of different patients are independent and all in order. No interval where all predictions are equal or a
    class holds one patient only. Undefined where there is one class only.

    Parameters
    ----------
    y: 1 for patients with the outcome, 0 for those without.
    p: probability of the outcome.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, an outcome is neither 0 nor 1, or a probability is nan or outside [0, 1].
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    if not _both_classes(y):
        return undefined(level)
    placed = _placements(y, p)
    value = float(placed[y == 1].mean())
    if placed.min() == 1.0:
        return Measure(1.0, _perfect_bound(y, level), 1.0, level)
    if placed.max() == 0.0:
        return Measure(0.0, 0.0, 1.0 - _perfect_bound(y, level), level)
    return logit_interval(value, float(np.sqrt(np.sum(_influence(y, placed) ** 2))), level)


def auroc_difference(
    y: Int[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    q: Float[np.ndarray, "patient"],
    level: float = 0.95,
) -> Measure:
    """AUROC of ``p`` minus AUROC of ``q`` on the same patients, with DeLong's paired interval, cut to [-1, 1].

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845. No interval where the two rank all
    patients alike, or where either class holds one patient only. Undefined where there is one class only.

    Raises
    ------
    DataError: as for `auroc`.
    """
    y, p = checked_binary(y, p)
    y, q = checked_binary(y, q, "q")
    z = normal_quantile(level)
    if not _both_classes(y):
        return undefined(level)
    difference = _placements(y, p) - _placements(y, q)
    value = float(difference[y == 1].mean())
    error = float(np.sqrt(np.sum(_influence(y, difference) ** 2)))
    if not error > 1e-12:
        return Measure(value, level=level)
    return Measure(value, max(-1.0, value - z * error), min(1.0, value + z * error), level)


def auroc_by_class(
    y: Int[np.ndarray, "patient"], P: Float[np.ndarray, "patient class"], level: float = 0.95
) -> tuple[Measure, ...]:
    """AUROC of each class against all others, in the order of the columns of ``P``; intervals as in `auroc`.

    Raises
    ------
    DataError: lengths differ, an outcome is not a column of ``P``, a probability is nan or outside [0, 1], or
        the probabilities of one patient do not sum to 1.
    """
    y, P = checked_multiclass(y, P)
    return tuple(auroc((y == c).astype(np.int64), P[:, c], level) for c in range(P.shape[1]))


def auroc_multiclass(
    y: Int[np.ndarray, "patient"], P: Float[np.ndarray, "patient class"], level: float = 0.95
) -> Measure:
    """Unweighted mean over classes of the AUROC of each class against all others, interval on the logit scale.

    The areas share patients; DeLong's components are summed within each patient before they are squared, so
    their correlation counts. With two classes this is `auroc`. Undefined where a class has no patient. At a
    value of 1 the interval starts at the mean of the exact bounds of the classes (see `auroc`): were the true
    mean below it, one class would lie below its own bound.

    Raises
    ------
    DataError: as for `auroc_by_class`.
    """
    y, P = checked_multiclass(y, P)
    normal_quantile(level)
    classes = [(y == c).astype(np.int64) for c in range(P.shape[1])]
    if not all(_both_classes(one) for one in classes):
        return undefined(level)
    placed = [_placements(one, P[:, c]) for c, one in enumerate(classes)]
    value = float(np.mean([part[one == 1].mean() for one, part in zip(classes, placed, strict=True)]))
    if all(part.min() == 1.0 for part in placed):
        return Measure(1.0, float(np.mean([_perfect_bound(one, level) for one in classes])), 1.0, level)
    parts = np.mean([_influence(one, part) for one, part in zip(classes, placed, strict=True)], axis=0)
    return logit_interval(value, float(np.sqrt(np.sum(parts**2))), level)


def _precision_areas(
    events: Float[np.ndarray, "draw threshold"], others: Float[np.ndarray, "draw threshold"]
) -> Float[np.ndarray, "draw"]:
    """Average precision per draw, from how many events and others fall on each threshold, the highest first.

    nan for a draw without events.
    """
    found = np.cumsum(events, axis=1)
    flagged = found + np.cumsum(others, axis=1)
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    total = found[:, -1]
    gained = np.sum(precision * events, axis=1)
    return np.asarray(np.divide(gained, total, out=np.full(len(total), math.nan), where=total > 0))


def _resampled_counts(
    codes: Int[np.ndarray, "patient"], bins: int, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "draw bin"]:
    """How often each bin is hit when the patients with these bins are drawn anew, once per row."""
    drawn = codes[rng.integers(len(codes), size=(draws, len(codes)))]
    flat = (drawn + bins * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=bins * draws).reshape(draws, bins).astype(np.float64)


def _spread(areas: Float[np.ndarray, "draw"]) -> float:
    """Standard deviation over the draws that held an event; nan where fewer than two did."""
    held = areas[np.isfinite(areas)]
    return float(np.std(held, ddof=1)) if len(held) > 1 else math.nan


def average_precision(
    y: Int[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 1000,
) -> Measure:
    """Average precision: precision at each threshold, weighted by the recall gained there.

    No interpolation, as the trapezoid over a precision-recall curve is too high (Davis and Goadrich, ICML 2006).
    Interval: normal on the logit scale, as recommended by Boyd, Eng and Page (ECML PKDD 2013), with the
    standard error of ``repeats`` bootstrap samples of patients (those without an event are left out). Samples are
    not stratified: average precision depends on the prevalence, whose own uncertainty belongs in the interval
    (stratified, 95 % intervals covered 86 to 90 % in simulations). No interval at a value of 1 and where a class
    holds one patient only. Undefined where there is one class only.

    Parameters
    ----------
    y: 1 for patients with the outcome, 0 for those without.
    p: probability of the outcome.
    level: coverage of the interval.
    seed: of the bootstrap; the same seed gives the same interval.
    repeats: bootstrap samples.

    Raises
    ------
    DataError: as for `auroc`.
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    if not _both_classes(y):
        return undefined(level)
    thresholds, codes = np.unique(-p, return_inverse=True)
    bins = len(thresholds)
    # One bin per threshold and class, those with the outcome first.
    codes = codes + bins * (1 - y)
    counts = np.bincount(codes, minlength=2 * bins)[None, :].astype(np.float64)
    value = float(_precision_areas(counts[:, :bins], counts[:, bins:])[0])
    if min(y.sum(), (1 - y).sum()) < 2 or repeats < 2:
        return Measure(value, level=level)
    rng = np.random.default_rng(seed)
    block = max(1, 1_000_000 // len(y))  # about 8 MB per array
    areas = []
    for size in np.diff([*range(0, repeats, block), repeats]).tolist():
        drawn = _resampled_counts(codes, 2 * bins, size, rng)
        areas.append(_precision_areas(drawn[:, :bins], drawn[:, bins:]))
    return logit_interval(value, _spread(np.concatenate(areas)), level)
