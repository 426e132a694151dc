"""What is usual among the development patients, variable by variable: aggregates that a release may carry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from bedside.privacy import suppressed
from bedside.sources import Variable
from bedside.training.sample import Sample

TAIL = 0.05
"""Share of patients beyond each limit."""
FEW = 10
"""Patients behind each figure, at least."""


def usual(sample: Sample) -> dict[str, dict[str, Any]]:
    """By variable: limits that nine of ten patients lie within, or the share of each category; one row per patient.

    Of one patient the first row counts, of the next the second, and so on: what is usual at one visit of many may not
    be so at the others. A limit is the mean of the ten patients around it, so it is nobody's own value, and ten others
    lie beyond it: with fewer than 300 patients it lies further inside. ``inside`` is the share that does lie within
    both, ends included. No limits where that would be less than about half. Counts of 1 to 9 patients are withheld
    (None).
    """
    rows = sample.values[_one_each(sample.patient)]
    return {
        variable.name: _described(variable, rows[:, position])
        for position, variable in enumerate(sample.schema.variables)
    }


def _one_each(patient: Int[np.ndarray, " row"]) -> Int[np.ndarray, " patient"]:
    """A row of each patient: of the first the first, of the second the second, and after a last the first again."""
    _, first, rows = np.unique(np.sort(patient), return_index=True, return_counts=True)
    return np.argsort(patient, kind="stable")[first + np.arange(len(first)) % rows]


def _described(variable: Variable, values: Float[np.ndarray, " patient"]) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    unknown = len(values) - len(known)
    found: dict[str, Any] = {"unknown": None if _hidden(unknown) else round(unknown / len(values), 3)}
    if variable.categories is not None:
        counts = np.bincount(known.astype(np.int64), minlength=len(variable.categories))
        return found | {"shares": _shares(variable.categories, counts)}
    return found | _limits(np.sort(known))


def _limits(ordered: Float[np.ndarray, " known"]) -> dict[str, float | None]:
    half = FEW // 2
    tail = max(FEW + half, math.ceil(TAIL * len(ordered)))
    if 4 * tail > len(ordered):
        return {"low": None, "high": None, "inside": None}
    low = _rounded(ordered[tail - half : tail + half].mean())
    high = _rounded(ordered[len(ordered) - tail - half : len(ordered) - tail + half].mean())
    return {"low": low, "high": high, "inside": round(float(np.mean((ordered >= low) & (ordered <= high))), 3)}


def _shares(categories: tuple[str, ...], counts: Int[np.ndarray, " category"]) -> dict[str, float | None]:
    total = int(counts.sum())
    return {
        text: None if not total or _hidden(int(count)) else round(int(count) / total, 3)
        for text, count in zip(categories, counts, strict=True)
    }


def _hidden(count: int) -> bool:
    return count > 0 and suppressed(count, FEW)


def _rounded(value: float) -> float:
    """Four digits: more were never measured."""
    return float(f"{value:.4g}")
