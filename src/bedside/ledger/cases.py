"""What one release was asked, what it answered, what happened later: on the disk, however many cases there are."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec
from msgspec.structs import replace

from bedside.ledger.clock import stamp


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one release answered in a case: the figures that a comparison needs."""

    version: str
    digest: str
    created: dt.datetime
    estimate: dict[str, float] | None
    alert: bool | None
    abstained: bool


class FollowedFor(msgspec.Struct, frozen=True, kw_only=True):
    """How long a patient was followed: `time` of the event or of the end, `entry` from when on, in `unit` (UCUM)."""

    time: float
    entry: float = 0.0
    unit: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One question, with what the live and the silent release answered, and what happened later.

    Attributes
    ----------
    id: of the live answer; of the silent one where there is no live one. patient: reference, or None.
    silent: where the release in question ran silently. outcome: class, as last entered; None where not known yet.
    observed: when, as it was given. followed: where the question was when something happens.
    """

    id: str
    patient: str | None
    live: Said | None = None
    silent: Said | None = None
    outcome: str | None = None
    observed: str | None = None
    followed: FollowedFor | None = None

    @property
    def created(self) -> dt.datetime:
        """When it was asked."""
        said = self.live or self.silent
        assert said is not None
        return said.created


class Cases:
    """All cases of one release, those of a patient one after another, oldest first; kept in a temporary file.

    Attributes
    ----------
    in_error: answers entered in error, left out. erased: patients erased since, whichever release was asked about them.
    """

    def __init__(self, room: sqlite3.Connection) -> None:
        room.execute("CREATE TABLE cases (id TEXT PRIMARY KEY, patient TEXT, created TEXT, told INTEGER, content BLOB)")
        room.execute("CREATE INDEX cases_in_order ON cases (patient, created, id)")
        self._run = room.execute
        self._decode = msgspec.msgpack.Decoder(Case).decode
        self._told = 0
        self.in_error = 0
        self.erased = 0

    def __len__(self) -> int:
        """How many there are."""
        return int(self._run("SELECT count(*) FROM cases").fetchone()[0])

    def __iter__(self) -> Iterator[Case]:
        """Each of them."""
        return self._read("ORDER BY patient, created, id")

    def get(self, case_id: str) -> Case | None:
        """The case of an answer; None where there is none."""
        return next(self._read("WHERE id = ?", case_id), None)

    def of_patient(self, ref: str) -> list[Case]:
        """A patient's cases, oldest first."""
        return list(self._read("WHERE patient = ? ORDER BY created, id", ref))

    def put(self, case: Case) -> None:
        """Add a case, or let it take the place of what was known of it."""
        self._put(case, None)

    def tell(self, case: Case, outcome: str, observed: str | None, followed: FollowedFor | None = None) -> None:
        """Say what happened in a case, for ``told`` to give."""
        self._told += 1
        self._put(replace(case, outcome=outcome, observed=observed, followed=followed), self._told)

    def told(self) -> Iterator[Case]:
        """Those of which it was said what happened, in that order; of several words about one the last counts."""
        return self._read("WHERE told ORDER BY told")

    def remove(self, case_id: str) -> bool:
        """Leave a case out; whether it was there."""
        return bool(self._run("DELETE FROM cases WHERE id = ?", (case_id,)).rowcount)

    def _put(self, case: Case, told: int | None) -> None:
        row = (case.id, case.patient, stamp(case.created), told, msgspec.msgpack.encode(case))
        self._run("INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?, ?)", row)

    def _read(self, which: str, *values: str) -> Iterator[Case]:
        rows = self._run(f"SELECT content FROM cases {which}", values)  # noqa: S608
        return (self._decode(content) for (content,) in rows)


def latest_before(cases: Sequence[Case], observed: str | None) -> Case | None:
    """The last of a patient's cases that was asked before the outcome was observed."""
    fitting = [case for case in cases if not asked_after(case, observed)]
    return max(fitting, key=lambda case: (case.created, case.id), default=None)


def asked_after(case: Case, observed: str | None) -> bool:
    """Whether the outcome was there before the question; a day without a time is taken to its end, in UTC."""
    if observed is None:
        return False
    if len(observed) == len("2026-03-01"):
        return stamp(case.created)[:10] > observed
    return stamp(case.created) > observed


def one_per_patient(cases: Iterable[Case], *, first: bool = False) -> Iterator[Case]:
    """Of each patient the last case (or the `first`); those without an identity all stay.

    They come in the order of ``Cases``.
    """
    for ref, theirs in groupby(cases, lambda case: case.patient):
        if ref is None:
            yield from theirs
        elif first:
            yield next(theirs)
        else:
            *_, last = theirs
            yield last


def passed(case: Case, until: dt.datetime) -> float:
    """Days from the question to a moment, below 0 where it came later."""
    return (until - case.created) / dt.timedelta(days=1)
