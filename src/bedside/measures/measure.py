"""The central noun of this package: a value with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A statistic, with an interval where one was computed.

    Attributes
    ----------
    value: the point value; ``nan`` where it is not defined on these data.
    low, high: limits of the interval at ``level``; both None where no interval is claimed.
    level: coverage that the interval aims at.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95

    @property
    def defined(self) -> bool:
        """Whether the value is a finite number."""
        return math.isfinite(self.value)

    def as_dict(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}``, with None in place of what is not finite."""

        def finite(number: float | None) -> float | None:
            return number if number is not None and math.isfinite(number) else None

        return {"value": finite(self.value), "low": finite(self.low), "high": finite(self.high)}
