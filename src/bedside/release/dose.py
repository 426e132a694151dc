"""What a graph's columns mean where the question is how much of a drug."""

from __future__ import annotations

import msgspec
import numpy as np
from jaxtyping import Float

ROUNDING = 1e-4
"""How far a dose may be beyond an end, in standard deviations: graphs compute in single precision."""


class Dose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The columns of ``estimate``: the dose, and the ends of the interval around it.

    Attributes
    ----------
    drug: in words. column: of a table, with the therapeutic dose. unit: UCUM.
    tolerance: a dose within this share of the therapeutic one counts as right.
    alpha: intervals miss the therapeutic dose of this share of patients.
    lowest, highest: means of the ten lowest and of the ten highest therapeutic doses of the development patients; no
        dose is told beyond them; an interval may reach further.
    scale: standard deviation of the dose, what differences between runtimes are divided by.
    """

    drug: str
    column: str
    unit: str
    tolerance: float
    alpha: float
    lowest: float
    highest: float
    scale: float

    @property
    def width(self) -> int:
        """How many columns there are."""
        return 3

    @property
    def estimates(self) -> tuple[str, ...]:
        """The one name of what is estimated."""
        return ("dose",)

    def dose(self, columns: Float[np.ndarray, "patient column"]) -> Float[np.ndarray, " patient"]:
        """The dose."""
        return columns[:, 0].astype(np.float64)

    def interval(
        self, columns: Float[np.ndarray, "patient column"]
    ) -> tuple[Float[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
        """The ends of the interval."""
        return columns[:, 1].astype(np.float64), columns[:, 2].astype(np.float64)

    def problem(self, columns: Float[np.ndarray, "patient column"]) -> str:
        """What cannot be in these columns, in words; empty where everything can."""
        dose, (low, high) = self.dose(columns), self.interval(columns)
        slack = ROUNDING * self.scale
        if not ((dose >= self.lowest - slack) & (dose <= self.highest + slack)).all():
            return f"a dose lies beyond {self.lowest:g} to {self.highest:g}, those of the development patients"
        if not ((low >= 0.0) & (low <= dose + slack) & (dose <= high + slack)).all():
            return "an interval does not hold its dose, or begins below 0"
        return ""
