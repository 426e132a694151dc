"""Rows that stand in a table twice: when two equal rows must be the same record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from bedside.sources import Reading, Schema

CHANCE_PAIRS = 0.01
"""Rows of unnamed patients are called copies only if fewer equal pairs than this are expected by chance."""


def repeated_rows(
    reading: Reading, schema: Schema, extra: Mapping[str, np.ndarray], *, ignore: Sequence[str] = ()
) -> Bool[np.ndarray, " row"]:
    """True for rows that repeat an earlier one in every column used, so that they must be the same record.

    Where a column names the patient, equal rows of a patient are the same record. Where none does, two patients
    may be equal by chance; rows are then called repeated only if fewer than `CHANCE_PAIRS` equal pairs are
    expected among independent columns.

    Parameters
    ----------
    reading: the rows.
    schema: says whether a column names the patient.
    extra: further columns that must be equal as well.
    ignore: names in `extra` that need not be.
    """
    keys = row_keys(reading, {name: column for name, column in extra.items() if name not in ignore})
    named = schema.patient is not None and schema.patient in extra and schema.patient not in ignore
    if not named and chance_pairs(reading, {k: v for k, v in extra.items() if k not in ignore}) >= CHANCE_PAIRS:
        return np.zeros(len(reading), dtype=bool)
    _, first = np.unique(keys, return_index=True)
    repeated = np.ones(len(reading), dtype=bool)
    repeated[first] = False
    return repeated


def row_keys(reading: Reading, extra: Mapping[str, np.ndarray]) -> np.ndarray:
    """A text per row, equal where the values, their problems and the further columns are."""
    cells = np.where(np.isnan(reading.values), np.inf, reading.values)
    # Two implausible cells are equal only with equal texts, so that the kept row stands for the dropped one.
    keys = [cells[row].tobytes() + reading.problems[row].tobytes() for row in range(len(reading))]
    texts: dict[int, list[str]] = {}
    for (row, column), text in reading.texts.items():
        texts.setdefault(row, []).append(f"{column}={text}")
    columns = [column.tolist() for column in extra.values()]
    joined = []
    for row, key in enumerate(keys):
        further = [None if column[row] is None else str(column[row]) for column in columns]
        joined.append(hashlib.sha256(repr((key, sorted(texts.get(row, ())), further)).encode()).hexdigest())
    return np.array(joined)


def chance_pairs(reading: Reading, extra: Mapping[str, np.ndarray]) -> float:
    """How many pairs of rows would be equal by chance if the columns were independent.

    For each column, the share of pairs that agree in it, counted among rows that are not equal altogether (copies
    must not speak for themselves); where no pair agrees, it is taken that one does.
    """
    _, first = np.unique(row_keys(reading, extra), return_index=True)
    pairs = len(first) * (len(first) - 1) / 2
    if pairs < 1:
        return 0.0
    columns = [np.where(np.isnan(column), np.inf, column)[first] for column in reading.values.T]
    columns += [texts[first].astype(str) for texts in extra.values()]
    logarithm = np.log(pairs) + sum(_log_agreement(column, pairs) for column in columns)
    return float(np.exp(min(logarithm, 50.0)))


def _log_agreement(column: np.ndarray, pairs: float) -> float:
    _, counts = np.unique(column, return_counts=True)
    return float(np.log(max(np.sum(counts * (counts - 1.0)) / 2, 1.0) / pairs))
