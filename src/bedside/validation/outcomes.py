"""A file of outcomes: what really happened to patients who were answered before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bedside.errors import DataError
from bedside.release import Course, Outputs
from bedside.sources import as_text
from bedside.validation.columns import text_pieces
from bedside.validation.times_to_event import Spell, read_spell

COLUMNS = ("answer", "patient")
OUTCOME = "outcome"
Texts = Mapping[str, list[str | None]]


@dataclass(frozen=True)
class OutcomeRow:
    """One row.

    Attributes
    ----------
    row: counted from 1, without the header. answer, patient: which of the two the file names; the other is None.
    outcome: class; None where not known. observed: ``2026-03-01``, or a moment in UTC; None where not given.
    spell: how long the patient was followed, where the release asks when something happens; else None.
    """

    row: int
    answer: str | None
    patient: str | None
    outcome: str | None
    observed: str | None
    spell: Spell | None = None


def read_outcomes(path: Path, outputs: Outputs) -> Iterator[OutcomeRow]:
    """Read who a row is about (``answer`` or ``patient``), what happened, and maybe ``observed``, row after row.

    What happened stands in ``outcome``: a class's name or one of the release's codes. Where the release asks when
    something happens, it stands in the release's own columns of events and of times, and maybe of entries. A row that
    lacks one of them is not known yet, nor is one that was not followed at all.

    Raises
    ------
    UsageError: there is no such file. DataError: a column is missing, an outcome is none of the classes, a time or a
        moment cannot be read; the message names the row.
    """
    course, known = outputs.course, _known(outputs)
    needed = (OUTCOME,) if course is None else (outputs.column or OUTCOME, course.time)
    number = 0
    for columns in text_pieces(path):
        who = _who(columns, needed, path)
        times = _times(columns, course, len(columns[who]))
        cells = zip(columns[who], columns[needed[0]], _observed(columns, needed), *times, strict=True)
        for name, outcome, moment, time, entry in cells:
            number += 1
            where = f"{path}, row {number}"
            if name is None:
                raise DataError(f"has no {who}", where=where)
            what = None if outcome is None else _class_of(outcome, needed[0], known, outputs, where)
            seen = what not in (None, outputs.classes[0])
            spell = None if course is None else read_spell(course, time, entry, where, seen=seen)
            yield OutcomeRow(
                row=number,
                answer=name if who == "answer" else None,
                patient=name if who == "patient" else None,
                outcome=None if course is not None and spell is None else what,
                observed=None if moment is None else _moment(moment, where),
                spell=spell,
            )


def _known(outputs: Outputs) -> dict[str, str]:
    """Text → class."""
    codes = {as_text(code): outputs.classes[place] for code, place in outputs.codes.items()}
    return {as_text(name): name for name in outputs.classes} | codes


def _class_of(text: str, column: str, known: Mapping[str, str], outputs: Outputs, where: str) -> str:
    if as_text(text) not in known:
        raise DataError(
            f"{column} {text!r} is none of the release's classes and codes",
            where=where,
            remedy=f"They are: {', '.join(dict.fromkeys((*outputs.classes, *outputs.codes)))}",
        )
    return known[as_text(text)]


def _observed(columns: Texts, needed: tuple[str, ...]) -> list[str | None]:
    """A study may have called its own times so."""
    there = "observed" in columns and "observed" not in needed
    return columns["observed"] if there else [None] * len(columns[needed[0]])


def _times(columns: Texts, course: Course | None, rows: int) -> tuple[list[str | None], list[str | None]]:
    """Times and entries; without a column of entries all are from 0."""
    from_0: list[str | None] = ["0"] * rows
    if course is None:
        return from_0, from_0
    return columns[course.time], from_0 if course.entry is None else columns.get(course.entry, from_0)


def _who(columns: Texts, needed: tuple[str, ...], path: Path) -> str:
    """Which column says whom a row is about."""
    named = [name for name in COLUMNS if name in columns]
    if len(named) != 1 or not set(needed) <= set(columns):
        raise DataError(
            f"needs one of the columns 'answer' and 'patient', and {' and '.join(map(repr, needed))}",
            where=str(path),
            remedy=f"It has: {', '.join(columns)}",
        )
    return named[0]


def _moment(text: str, where: str) -> str:
    """A day as it is, a moment in UTC as the ledger writes it; without a zone it is UTC."""
    try:
        if len(text) == len("2026-03-01"):
            return dt.date.fromisoformat(text).isoformat()
        read = dt.datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"observed {text!r} is no date", where=where, remedy="Write it as 2026-03-01") from None
    read = read if read.tzinfo else read.replace(tzinfo=dt.UTC)
    return read.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
