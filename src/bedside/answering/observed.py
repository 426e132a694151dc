"""What happened to held-out patients who were given such an estimate: read from the signed evidence, or not said."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.measures.interval import wilson_limits

ENOUGH = 20
"""Held-out patients near an estimate from which a frequency is told."""
HALF = 10
"""Of them in the step that holds the estimate: a neighbour may help a step out, but not speak for it."""


@dataclass(frozen=True)
class Observed:
    """How often the outcome was there.

    Attributes
    ----------
    source: ``"counts"``: of the patients whose estimate lay in one range; ``"curve"``: the smooth calibration curve at
        this very estimate, where a count is withheld.
    share, low, high: frequency of the outcome and its 95 % interval: Wilson's for counts, the curve's own band.
    lowest, highest: the range of estimates. n, events: patients in it, and those with the outcome; None for a curve.
    """

    source: Literal["counts", "curve"]
    share: float
    low: float
    high: float
    lowest: float
    highest: float
    n: int | None = None
    events: int | None = None


def observed(evidence: Mapping[str, Any], name: str, probability: float) -> Observed | None:
    """Frequency of the class ``name`` among held-out patients with an estimate near ``probability``.

    Counts come first: those of the step of the risk distribution that holds the estimate, or, where at least `HALF`
    are in it, of that step and a neighbour together; at least `ENOUGH` patients, and no count withheld. Where some are
    withheld but at least `ENOUGH` patients are in the step for certain, the calibration curve, interpolated between two
    points of its grid. None where fewer are near, or the evidence has no such curve: then there is no number to tell.
    """
    curves = evidence.get("curves") or {}
    risk = (curves.get("risk") or {}).get(name)
    if not risk:
        return None
    for first, last in _ranges(risk, probability):
        found = _counted(risk, name, first, last)
        if found is not None:
            return found
    first = last = _step(risk["edges"], probability)
    curve = (curves.get("calibration") or {}).get(name)
    if curve is None or at_least(risk, first, last) < ENOUGH:
        return None
    return _on_curve(curve, probability, risk["edges"][first], risk["edges"][last + 1])


def _step(edges: Sequence[float], probability: float) -> int:
    """Position of the step that holds the probability; the last one holds its upper edge too."""
    return min(max(bisect_right(edges, probability) - 1, 0), len(edges) - 2)


def _ranges(risk: Mapping[str, Any], probability: float) -> Iterator[tuple[int, int]]:
    """First and last step of the ranges to try, the narrowest first, then with the nearer neighbour."""
    edges = risk["edges"]
    here, last = _step(edges, probability), len(edges) - 2
    yield here, here
    if at_least(risk, here, here) < HALF:
        return
    upper = probability >= (edges[here] + edges[here + 1]) / 2
    nearer, other = ((here, here + 1), (here - 1, here)) if upper else ((here - 1, here), (here, here + 1))
    for first, second in (nearer, other):
        if first >= 0 and second <= last:
            yield first, second


def at_least(risk: Mapping[str, Any], first: int, last: int) -> int:
    """Patients who are in these steps for certain: a withheld count stands for one at least."""
    cells = [count for counts in risk["counts"].values() for count in counts[first : last + 1]]
    return sum(1 if count is None else count for count in cells)


def _counted(risk: Mapping[str, Any], name: str, first: int, last: int) -> Observed | None:
    cells = {key: counts[first : last + 1] for key, counts in risk["counts"].items()}
    if name not in cells or any(count is None for counts in cells.values() for count in counts):
        return None
    n, events = sum(map(sum, cells.values())), sum(cells[name])
    if n < ENOUGH:
        return None
    limits = wilson_limits(events / n, float(n), 0.95)
    ends = risk["edges"][first], risk["edges"][last + 1]
    return Observed("counts", events / n, *limits, *ends, n=n, events=events)


def _on_curve(curve: Mapping[str, Any], probability: float, lowest: float, highest: float) -> Observed | None:
    grid = curve["predicted"]
    left = min(max(bisect_right(grid, probability) - 1, 0), len(grid) - 2)
    weight = (probability - grid[left]) / (grid[left + 1] - grid[left])
    values = []
    for part in ("observed", "low", "high"):
        ends = curve[part][left], curve[part][left + 1]
        if None in ends:
            return None
        values.append((1 - weight) * ends[0] + weight * ends[1])
    return Observed("curve", values[0], values[1], values[2], lowest, highest)
