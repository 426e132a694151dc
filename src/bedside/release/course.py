"""What a graph's columns mean where the question is when something happens."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from jaxtyping import Float


def estimate_name(event: str, horizon: float, unit: str) -> str:
    """The name of the risk of an event within a time."""
    return f"{event} within {horizon:g} {unit}"


class Band(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the observed curve of a group of patients may lie from the curve that they were given.

    On the scale asin(sqrt(p)), where the scatter of an observed share is the same for every p, the observed share of
    `group` patients with similar curves lay within `half_width` of theirs at a share 1 - `alpha` of all times, among
    the development patients, out of fold.
    """

    half_width: float
    alpha: float
    group: int


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The columns of ``probability`` are cells, which exclude each other and sum to 1.

    Event after event there is one for each interval between `edges`; the last is "none of them until the last edge".

    Attributes
    ----------
    events: the one that is asked about, then those that compete with it.
    edges: 0 and the ends of the intervals, ascending, in `unit` (UCUM).
    horizons: edges at which a risk is given. decision: the one that the threshold and the first explanation are about.
    time, entry: columns of a table that say how long a patient was followed, and from when on.
    landmarks: times at which each patient then at risk was asked about, from which edges count; visit: column of the
        time of each row's visit. Empty and None: all were asked about once.
    band: None where there were too few development patients to find one.
    """

    events: tuple[str, ...]
    edges: tuple[float, ...]
    unit: str
    horizons: tuple[float, ...]
    decision: float
    time: str
    entry: str | None = None
    landmarks: tuple[float, ...] = ()
    visit: str | None = None
    band: Band | None = None

    @property
    def width(self) -> int:
        """How many cells there are."""
        return len(self.events) * (len(self.edges) - 1) + 1

    @property
    def cells(self) -> tuple[str, ...]:
        """A name for each cell."""
        intervals = [f"{low:g}-{high:g} {self.unit}" for low, high in pairwise(self.edges)]
        named = [f"{event} {interval}" for event in self.events for interval in intervals]
        return (*named, f"none until {self.edges[-1]:g} {self.unit}")

    @property
    def estimates(self) -> tuple[str, ...]:
        """A name for the risk at each horizon."""
        return tuple(self.estimate(horizon) for horizon in self.horizons)

    def estimate(self, horizon: float) -> str:
        """The name of the risk at one horizon."""
        return estimate_name(self.events[0], horizon, self.unit)

    def incidence(self, cells: Float[np.ndarray, "patient cell"]) -> Float[np.ndarray, "patient event edge"]:
        """Cumulative incidence of each event at each edge; 0 at the first."""
        each = cells[:, :-1].astype(np.float64).reshape(len(cells), len(self.events), len(self.edges) - 1)
        return np.concatenate([np.zeros((*each.shape[:2], 1)), each.cumsum(axis=2)], axis=2)

    def survival(self, cells: Float[np.ndarray, "patient cell"]) -> Float[np.ndarray, "patient edge"]:
        """Probability that none of the events has happened, at each edge; 1 at the first."""
        # From the other end: what is left is exact however small it becomes.
        none = cells[:, -1:].astype(np.float64)
        each = cells[:, :-1].astype(np.float64).reshape(len(cells), len(self.events), len(self.edges) - 1).sum(axis=1)
        later = np.concatenate([none, each[:, ::-1]], axis=1).cumsum(axis=1)[:, ::-1]
        return np.concatenate([np.ones((len(cells), 1)), later[:, 1:]], axis=1)

    def risk(self, cells: Float[np.ndarray, "patient cell"]) -> Float[np.ndarray, "patient horizon"]:
        """Cumulative incidence of the event that is asked about, at each horizon."""
        positions = [self.edges.index(horizon) for horizon in self.horizons]
        return self.incidence(cells)[:, 0, positions]

    def median(self, cells: Float[np.ndarray, "patient cell"]) -> list[float | None]:
        """Time by which the event that is asked about has happened with probability one half; None: not by the end.

        Within an interval the hazards are constant, so that what is left falls exponentially.
        """
        return [self._half(*one) for one in zip(self.incidence(cells)[:, 0], self.survival(cells), strict=True)]

    def _half(self, reached: Float[np.ndarray, " edge"], left: Float[np.ndarray, " edge"]) -> float | None:
        after = int(np.searchsorted(reached, 0.5))
        if after == len(reached):
            return None
        low, high = self.edges[after - 1], self.edges[after]
        # The event's part of all that happens in the interval is the same throughout.
        part = (reached[after] - reached[after - 1]) / (left[after - 1] - left[after])
        still = left[after - 1] - (0.5 - reached[after - 1]) / part
        if left[after] <= 0.0:  # nobody is left: the rate is not defined, the end of the interval is
            return float(high)
        return float(low + (high - low) * np.log(left[after - 1] / still) / np.log(left[after - 1] / left[after]))

    def restricted_mean(self, cells: Float[np.ndarray, "patient cell"]) -> Float[np.ndarray, " patient"]:
        """Expected time until any of the events, up to the last edge: the area under the curve of what is left."""
        left = np.maximum(self.survival(cells), 1e-12)
        before, after = left[:, :-1], left[:, 1:]
        rate = np.log(before / after)
        flat = rate < 1e-6
        mean = np.where(flat, (before + after) / 2, (before - after) / np.where(flat, 1.0, rate))
        return np.asarray(mean @ np.diff(self.edges))
