"""A file of outcomes: what really happened to patients who were answered before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bedside.errors import DataError
from bedside.sources import as_text
from bedside.validation.columns import text_pieces

COLUMNS = ("answer", "patient")


@dataclass(frozen=True)
class OutcomeRow:
    """One row.

    Attributes
    ----------
    row: counted from 1, without the header. answer, patient: which of the two the file names; the other is None.
    outcome: class; None where empty. observed: ``2026-03-01``, or a moment in UTC; None where not given.
    """

    row: int
    answer: str | None
    patient: str | None
    outcome: str | None
    observed: str | None


def read_outcomes(path: Path, classes: tuple[str, ...], codes: Mapping[str, int]) -> Iterator[OutcomeRow]:
    """Read the columns ``answer`` or ``patient``, ``outcome`` and, where it is there, ``observed``, row after row.

    An outcome is a class's name or one of the release's ``codes`` (text → position among ``classes``).

    Raises
    ------
    UsageError: there is no such file. DataError: a column is missing, an outcome is none of the classes, or a moment
        cannot be read; the message names the row.
    """
    known = {**{as_text(name): name for name in classes}, **{as_text(c): classes[at] for c, at in codes.items()}}
    number = 0
    for columns in text_pieces(path):
        who = _who(columns, path)
        observed = columns.get("observed") or [None] * len(columns[who])
        for name, outcome, moment in zip(columns[who], columns["outcome"], observed, strict=True):
            number += 1
            where = f"{path}, row {number}"
            if name is None:
                raise DataError(f"has no {who}", where=where)
            if outcome is not None and as_text(outcome) not in known:
                raise DataError(
                    f"outcome {outcome!r} is none of the release's classes and codes",
                    where=where,
                    remedy=f"They are: {', '.join(dict.fromkeys((*classes, *codes)))}",
                )
            yield OutcomeRow(
                row=number,
                answer=name if who == "answer" else None,
                patient=name if who == "patient" else None,
                outcome=None if outcome is None else known[as_text(outcome)],
                observed=None if moment is None else _moment(moment, where),
            )


def _who(columns: Mapping[str, list[str | None]], path: Path) -> str:
    """Which column says whom a row is about."""
    named = [name for name in COLUMNS if name in columns]
    if len(named) != 1 or "outcome" not in columns:
        raise DataError(
            "needs one of the columns 'answer' and 'patient', and 'outcome'",
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
