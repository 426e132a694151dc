"""What a reader hands on: values in the declared units, and what was wrong with each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int, UInt8


class Problem(IntEnum):
    """Why a cell holds no usable value; a cell with any problem but NONE is ``nan`` in the matrix."""

    NONE = 0
    MISSING = 1  # empty, or a declared missing marker
    SENTINEL = 2  # a declared sentinel code of this column
    NOT_A_NUMBER = 3  # text where a number belongs
    UNKNOWN_CATEGORY = 4  # a text that is not among the declared categories
    IMPLAUSIBLE = 5  # outside the declared range
    ABSENT = 6  # the table has no such column
    NOT_CALLABLE = 7  # of a table: a genotype with an allele that is not known, or that is none; refused at the bedside
    OTHER_GENOTYPE = 8  # a known genotype that is none of the declared categories

    @property
    def wrong(self) -> bool:
        """Whether the cell holds something that no reader can use."""
        return Problem.NOT_A_NUMBER <= self <= Problem.IMPLAUSIBLE


@dataclass(frozen=True)
class Reading:
    """Patients as a matrix in the schema's order and units.

    Attributes
    ----------
    rows: number of each row in its source, 1 for the first row of data.
    values: numbers in the variable's `unit`, categories as their position; ``nan`` where not known.
    problems: a `Problem` per cell.
    texts: the cells with problem 3, 4, 5, 7 or 8 as they stood in the source, by (position in `rows`, variable
        position).
    extra: further columns of the source as text, by column; None where empty or a missing marker.
    ages_days: age of each value where the source dates its values (the bedside does), else None.
    """

    rows: Int[np.ndarray, " patient"]
    values: Float[np.ndarray, "patient variable"]
    problems: UInt8[np.ndarray, "patient variable"]
    texts: Mapping[tuple[int, int], str] = field(default_factory=dict)
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    ages_days: Float[np.ndarray, "patient variable"] | None = None

    def __len__(self) -> int:
        return len(self.rows)
