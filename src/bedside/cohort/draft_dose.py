"""The outcome of a drafted study that asks how much of a drug: its column of doses, guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bedside.cohort.column_profile import ColumnProfile
from bedside.cohort.draft_outcome import DraftedOutcome, quoted
from bedside.errors import DataError

_DOSE = re.compile(r"dose|dosage|dosis", re.IGNORECASE)
_REACHED = re.compile(r"therapeutic|stable|maintenance|final|target", re.IGNORECASE)
_LEVEL = re.compile(r"(^|[^a-z])inr([^a-z]|$)|level|concentration|trough", re.IGNORECASE)

GATES = """\
# within_tolerance = { min = 0.40, bound = "low" }
# mae = { max = 9.0 }
# interval_coverage = { min = 0.85 }
"""


def drafted_dose(columns: Sequence[ColumnProfile], data: Path) -> DraftedOutcome:
    """The outcome of a dose. Other doses, and levels at a dose, are left out: they are hardly known before it.

    Raises
    ------
    DataError: no column could be the dose.
    """
    doses = [one for one in columns if _DOSE.search(one.name) and _positive(one)]
    # A level at the dose is measured on it, and so is no dose.
    doses = [one for one in doses if not _LEVEL.search(one.name)] or doses
    if not doses:
        raise DataError(
            "no column could be the dose: none holds numbers above 0 and is named like one",
            where=str(data),
            remedy='Name such a column "dose"',
        )
    dose = next((one for one in doses if _REACHED.search(one.name)), doses[-1])
    why = "it looks like a dose, or what followed from it, not known before"
    named = [one for one in columns if _DOSE.search(one.name) and one.numbers is not None and len(one.counts) > 2]
    left_out = {one.name: why for one in named if one is not dose}
    return DraftedOutcome(_text(dose), frozenset({dose.name}), "", GATES, left_out)


def _positive(column: ColumnProfile) -> bool:
    return column.numbers is not None and len(column.numbers) >= 5 and bool((column.numbers > 0).all())


def _text(dose: ColumnProfile) -> str:
    assert dose.numbers is not None
    low, high = float(dose.numbers.min()), float(dose.numbers.max())
    return f"""\
[outcome]
column = {quoted(dose.name)}  # CONFIRM: guessed; the dose that turned out right, not the one that was begun with
drug = "the drug"  # CONFIRM: its name
unit = "mg/d"  # CONFIRM: its UCUM unit
range = [{low / 2:.3g}, {high * 2:.3g}]  # CONFIRM: possible doses; the table has {low:g} to {high:g}
tolerance = 0.2  # CONFIRM: a dose within this share of the right one is as good
"""
