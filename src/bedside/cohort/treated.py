"""What each row's patient got and how it went, where that is an arm and a number: read from a table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from bedside.cohort.study import Quantity, Treatment
from bedside.cohort.wrong_cells import LISTED, instead, refuse_cells
from bedside.errors import DataError
from bedside.sources import Reading, factor_and_offset, number_in, place

LARGEST = 1e12
"""Models compute in single precision, with squares: of numbers beyond, these no longer are any."""


def read_amounts(
    reading: Reading, path: Path, column: str, quantity: Quantity, unit: str | None = None
) -> Float[np.ndarray, " row"]:
    """The outcome of each row as a number in the study's unit; nan where it is not known.

    Parameters
    ----------
    unit: of the table; None: the study's.

    Raises
    ------
    DataError: a cell is no number, is beyond `LARGEST`, lies outside the declared range, or is a dose that is not above
        0.
    """
    texts = reading.extra[column].tolist()
    read = [None if text is None else number_in(text) for text in texts]
    wrong = [
        row for row, (text, number) in enumerate(zip(texts, read, strict=True)) if text is not None and number is None
    ]
    if wrong:
        refuse_cells(reading, path, column, wrong, "no number", instead(texts[wrong[0]]))
    factor, offset = (1.0, 0.0) if unit is None else factor_and_offset(unit, quantity.unit)
    found = np.array([np.nan if number is None else number * factor + offset for number in read], dtype=np.float64)
    _refuse_out_of_range(reading, path, column, quantity, found)
    return found


def _refuse_out_of_range(
    reading: Reading, path: Path, column: str, quantity: Quantity, found: Float[np.ndarray, " row"]
) -> None:
    if quantity.tolerance is not None and (found <= 0).any():
        remedy = "who takes none has no therapeutic dose: add 0 to [data] missing if it means not known"
        refuse_cells(reading, path, column, np.flatnonzero(found <= 0).tolist(), "no dose above 0", remedy)
    huge = np.flatnonzero(np.abs(found) > LARGEST).tolist()
    if huge:
        remedy = "is it a code for not known? Add it to [data] missing; else choose a larger unit"
        refuse_cells(reading, path, column, huge, f"beyond {LARGEST:g}", remedy)
    if quantity.range is None:
        return
    low, high = quantity.range
    beyond = np.flatnonzero((found < low) | (found > high)).tolist()
    if beyond:
        what = f"outside of {low:g} to {high:g} {quantity.unit}"
        remedy = "is it the unit, or a code for not known? Else widen outcome.range"
        refuse_cells(reading, path, column, beyond, what, remedy)


def refuse_constant(amount: Float[np.ndarray, " row"], column: str, where: str) -> None:
    """What is one number for everybody cannot be foretold, and nothing changes it.

    Raises
    ------
    DataError: two rows or more have an outcome, and all the same one.
    """
    known = amount[~np.isnan(amount)]
    if len(known) > 1 and (known == known[0]).all():
        raise DataError(
            f"all {len(known)} rows have the same outcome, {known[0]:g}, in the column '{column}'",
            where=where,
            remedy="Name the column that holds the outcome",
        )


def read_treatments(reading: Reading, path: Path, treatment: Treatment) -> Int[np.ndarray, " row"]:
    """The arm of each row; -1 where it is not known.

    Raises
    ------
    DataError: a text is none of the treatments.
    """
    texts = reading.extra[treatment.column].tolist()
    codes = [-1 if text is None else treatment.codes.get(text, -2) for text in texts]
    strange = [row for row, code in enumerate(codes) if code == -2]
    if strange:
        counts = Counter(texts[row] for row in strange)
        listed = ", ".join(f"'{text}' ({count})" for text, count in counts.most_common(LISTED))
        raise DataError(
            f"the column '{treatment.column}' holds {listed}, which is none of the treatments",
            where=f"{path}, {place(path, int(reading.rows[strange[0]]))}",
            remedy=f"Treatments: {', '.join(treatment.arms)}; known texts: {', '.join(treatment.codes)}. "
            "Another hospital's texts are translated by [outcome.arms] of a map",
        )
    return np.array(codes, dtype=np.int64)


def refuse_treated_again(patient: np.ndarray, path: Path) -> None:
    """Each patient got one treatment, once.

    Raises
    ------
    DataError: a patient has several rows.
    """
    names, counts = np.unique(patient.astype(str), return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"{int((counts > 1).sum())} of {len(names)} patients have several rows, and a treatment counts once",
            where=str(path),
            remedy="Keep the row of the day on which the treatment was chosen; who got several in turn cannot be used",
        )
