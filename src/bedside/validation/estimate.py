"""A number in the evidence, with its interval."""

from __future__ import annotations

import msgspec

from bedside.measures import Measure

FEW = 10
"""Groups, and cells of the risk distribution, with fewer patients than this are not reported."""
LEVEL = 0.95
"""Coverage that every interval aims at."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number and the limits of its 95 % interval; None where undefined, or where no interval is claimed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, measure: Measure) -> Estimate:
        """The same number in the document's form (nan becomes None)."""
        found = measure.as_dict()
        return cls(**{name: None if one is None else float(one) for name, one in found.items()})


Measures = dict[str, Estimate]
