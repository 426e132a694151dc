"""What a graph's columns mean where the question is which of several treatments."""

from __future__ import annotations

from itertools import combinations
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

ROUNDING = 1e-4
"""How far a sum of shares may be from 1: graphs compute in single precision."""


class Arms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The columns of ``estimate``: three blocks, side by side.

    First the expected outcome under each arm; then the standard error of the difference between two arms, for each
    pair in the order of ``itertools.combinations``; last the share of patients like this one who got each arm.

    Attributes
    ----------
    arms: names, the control first. column: of a table, with each patient's arm; codes: its texts → position of the arm.
    outcome: what is expected, in words. unit: of a number or a time, UCUM; None for a probability.
    kind: ``"probability"`` of the positive class; ``"mean"`` of a number; ``"restricted-mean"`` time until the event,
        up to `until`. time: column with the time of follow-up.
    better: which outcomes are wanted.
    randomised: a trial drew the arms, with probabilities that nobody had to estimate.
    alpha: a difference's interval misses the true one for this share of patients.
    overlap: an arm that a smaller share of such patients got is not judged.
    scale: standard deviation of the outcome, what differences between runtimes are divided by.
    single: the arm that did best for all development patients alike.
    """

    arms: tuple[str, ...]
    column: str
    codes: dict[str, int]
    outcome: str
    unit: str | None
    kind: Literal["probability", "mean", "restricted-mean"]
    better: Literal["lower", "higher"]
    randomised: bool
    alpha: float
    overlap: float
    scale: float
    single: int
    until: float | None = None
    time: str | None = None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of arms, as their standard errors follow each other."""
        return tuple(combinations(range(len(self.arms)), 2))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return 2 * len(self.arms) + len(self.pairs)

    @property
    def estimates(self) -> tuple[str, ...]:
        """A name for the difference that each arm makes against the control."""
        return tuple(f"{arm} against {self.arms[0]}" for arm in self.arms[1:])

    @property
    def sign(self) -> float:
        """1 where more is better, else -1."""
        return 1.0 if self.better == "higher" else -1.0

    @property
    def z(self) -> float:
        """Standard errors from the middle of an interval to its ends."""
        return NormalDist().inv_cdf(1.0 - self.alpha / 2.0)

    def expected(self, columns: Float[np.ndarray, "patient column"]) -> Float[np.ndarray, "patient arm"]:
        """Expected outcome under each arm."""
        return columns[:, : len(self.arms)].astype(np.float64)

    def propensity(self, columns: Float[np.ndarray, "patient column"]) -> Float[np.ndarray, "patient arm"]:
        """Share of such patients who got each arm."""
        return columns[:, -len(self.arms) :].astype(np.float64)

    def error(
        self, columns: Float[np.ndarray, "patient column"], one: int, other: int
    ) -> Float[np.ndarray, " patient"]:
        """Standard error of the difference between two arms."""
        place = len(self.arms) + self.pairs.index((min(one, other), max(one, other)))
        return columns[:, place].astype(np.float64)

    def difference(
        self, columns: Float[np.ndarray, "patient column"], one: int, other: int
    ) -> tuple[Float[np.ndarray, " patient"], Float[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
        """Expected outcome under arm `one` minus that under `other`, with the ends of its interval."""
        expected = self.expected(columns)
        middle, reach = expected[:, one] - expected[:, other], self.z * self.error(columns, one, other)
        return middle, middle - reach, middle + reach

    def effects(self, columns: Float[np.ndarray, "patient column"]) -> Float[np.ndarray, "patient estimate"]:
        """Expected outcome under each arm minus that under the control."""
        expected = self.expected(columns)
        return np.asarray(expected[:, 1:] - expected[:, :1])

    def judged(self, columns: Float[np.ndarray, "patient column"]) -> Bool[np.ndarray, "patient arm"]:
        """Which arms enough of such patients got."""
        return self.propensity(columns) >= self.overlap

    def comparable(self, columns: Float[np.ndarray, "patient column"]) -> Bool[np.ndarray, " patient"]:
        """Whether anything can be compared: the control is judged, and another arm."""
        judged = self.judged(columns)
        return np.asarray(judged[:, 0] & judged[:, 1:].any(axis=1))

    def leading(self, columns: Float[np.ndarray, "patient column"]) -> Int[np.ndarray, " patient"]:
        """Position of the effect that does most good: of the other arms that are judged, or of all where none is."""
        judged, effects = self.judged(columns)[:, 1:], self.sign * self.effects(columns)
        known = judged | ~judged.any(axis=1, keepdims=True)
        return np.asarray(np.where(known, effects, -np.inf).argmax(axis=1), dtype=np.int64)

    def best(self, columns: Float[np.ndarray, "patient column"]) -> Int[np.ndarray, " patient"]:
        """The arm with the best expected outcome, among those that are judged; `single` where none is."""
        judged = self.judged(columns)
        value = np.where(judged, self.sign * self.expected(columns), -np.inf)
        return np.where(judged.any(axis=1), value.argmax(axis=1), self.single).astype(np.int64)

    def left(self, columns: Float[np.ndarray, "patient column"]) -> Bool[np.ndarray, "patient arm"]:
        """The arms that the data do not tell from the best: those within the interval of the difference to it.

        An arm that is not judged is among them, as nothing is known of it.
        """
        best, expected = self.best(columns), self.expected(columns)
        found = ~self.judged(columns)
        for arm in range(len(self.arms)):
            for first in range(len(self.arms)):
                own = best == first
                if arm == first:
                    found[own, arm] = True
                    continue
                short = self.sign * (expected[own, first] - expected[own, arm])
                found[own, arm] |= ~(short > self.z * self.error(columns[own], first, arm))
        return found

    def recommended(self, columns: Float[np.ndarray, "patient column"]) -> Int[np.ndarray, " patient"]:
        """The one arm that is left; -1 where several are: then there is no recommendation.

        So every arm must be judged, and the best one must lie beyond the interval of its difference to each other arm.
        A wrong arm is then recommended to at most ``alpha / 2`` of patients for each arm that is better than it.
        """
        left = self.left(columns)
        return np.where(left.sum(axis=1) == 1, left.argmax(axis=1), -1).astype(np.int64)

    def problem(self, columns: Float[np.ndarray, "patient column"]) -> str:
        """What cannot be in these columns, in words; empty where everything can."""
        expected, propensity = self.expected(columns), self.propensity(columns)
        highest = {"probability": 1.0, "restricted-mean": self.until}.get(self.kind)
        if highest is not None and not ((expected >= 0.0) & (expected <= highest)).all():
            return f"an expected outcome lies beyond 0 to {highest:g}"
        if not (columns[:, len(self.arms) : -len(self.arms)] >= 0.0).all():
            return "a standard error is below 0"
        sums = propensity.sum(axis=1)
        if not ((propensity >= 0.0) & (propensity <= 1.0)).all() or not (np.abs(sums - 1.0) <= ROUNDING).all():
            return "the shares of patients who got each arm are no shares that sum to 1"
        return ""
