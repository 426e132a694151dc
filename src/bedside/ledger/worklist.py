"""The worklist: rows by filter, longest waiting first, as fast with a million answers as with a hundred.

An answer expires by the clock, not by an entry, so an old row may say ``preliminary`` for ever. How long an answer
waits is the same for all answers of a release, so the rows fall into a few groups of equal (queued, status, waits),
and within a group those that have expired are those created before one moment. The index has the groups one after
the other, each in the order of creation: what a filter asks for is a run of rows in each group that fits, and the runs
are merged. No row that has expired is read to be passed over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    union_all,
)

from bedside.errors import ValueRefused
from bedside.ledger import tables
from bedside.ledger.clock import stamp
from bedside.ledger.projection import STATUSES, AnswerRow, status_at
from bedside.ledger.store import Store
from bedside.ledger.tables import NEVER

_ROW = tables.answers.c
_GROUP = (_ROW.queued, _ROW.status, _ROW.waits)
_GROUPS_AT_MOST = 60
"""More groups than releases can make; then the rows are read without them."""

MOST = 10_000
"""Counts go up to here; what is more is "more than"."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; None: whatever it is.

    Attributes
    ----------
    status: one of ``STATUSES``, as of now. queued, alert, abstained, patient: as in the row. release: its name.
    mine: a user: what this user asked for, or reviewed last.
    second: whether a clinician has asked for a second reading.
    reader: the clinician who looks: where that clinician's own estimate is still due, no filter on ``alert`` fits.
    """

    status: str | None = None
    release: str | None = None
    queued: bool | None = None
    alert: bool | None = None
    abstained: bool | None = None
    patient: str | None = None
    mine: str | None = None
    second: bool | None = None
    reader: str | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows, and how many of them are what; with ``capped`` each is "at least"."""

    total: int
    alert: int
    abstained: int
    second: int
    mine: int
    capped: bool


class Place(msgspec.Struct, frozen=True):
    """A row's place in the order: the next page begins after it."""

    created: str
    seq: int


_Groups = list[tuple[bool, str, int]]


class Worklists(Store):
    """Reading the rows of answers; every reading is of one moment."""

    def listed(
        self, wanted: Wanted, *, limit: int = 50, after: Place | None = None, newest: bool = False
    ) -> list[AnswerRow]:
        """At most ``limit`` rows that follow ``after``, waiting longest first, or ``newest`` first.

        Raises ``ValueRefused`` for an unknown status.
        """
        now = self.now()
        with self._reading() as connection:
            branches = self._branches(connection, wanted, now, after.created if after and newest else None)
            if after is not None:
                here = tuple_(_ROW.created, _ROW.seq)
                then = tuple_(after.created, after.seq)
                branches = [[*fits, here < then if newest else here > then] for fits in branches]
            found = connection.execute(_merged(branches, limit, newest=newest)).mappings().all()
        return [replace(row, status=status_at(row, now)) for row in (AnswerRow(**row) for row in found)]

    def tally(self, wanted: Wanted, *, most: int = MOST) -> Tally:
        """Counts over at most ``most`` of the rows that ``listed`` would show."""
        visible = _visible(wanted.reader)
        parts = {
            "alert": and_(_ROW.alert, visible),
            "abstained": _ROW.abstained,
            "second": _ROW.reviewer.is_not(None) if wanted.status == "preliminary" else false(),
            "mine": or_(_ROW.asker == wanted.reader, _ROW.reviewer == wanted.reader) if wanted.reader else false(),
        }
        columns = [case((part, 1), else_=0).label(name) for name, part in parts.items()]
        with self._reading() as connection:
            branches = self._branches(connection, wanted, self.now())
            rows = [select(*columns).where(*fits).limit(most + 1).subquery() for fits in branches]
            if not rows:
                return Tally(total=0, alert=0, abstained=0, second=0, mine=0, capped=False)
            # One more than is counted tells whether there are more.
            drawn = union_all(*(select(row) for row in rows)).limit(most + 1).subquery()
            sums = [func.coalesce(func.sum(drawn.c[name]), 0).label(name) for name in parts]
            found = connection.execute(select(func.count().label("total"), *sums)).one()._asdict()
        return Tally(**{name: min(int(value), most) for name, value in found.items()}, capped=found["total"] > most)

    def worklist(self, *, limit: int = 50, offset: int = 0, **filters: Any) -> list[AnswerRow]:
        """``listed`` by ``Wanted``'s fields, from the row at ``offset`` on."""
        return self.listed(Wanted(**filters), limit=limit + offset)[offset:]

    def count(self, **filters: Any) -> int:
        """How many rows ``worklist`` has for the same filters."""
        with self._reading() as connection:
            branches = self._branches(connection, Wanted(**filters), self.now())
            if not branches:
                return 0
            counts = [select(func.count().label("n")).select_from(tables.answers).where(*fits) for fits in branches]
            return int(connection.execute(select(func.sum(union_all(*counts).subquery().c.n))).scalar_one())

    def _branches(
        self, connection: Connection, wanted: Wanted, now: str, until: str | None = None
    ) -> list[list[ColumnElement[bool]]]:
        """Conditions of runs of rows that do not overlap and together are what is wanted.

        ``until``: no row created later is wanted; a database looks for one bound only, so the tighter one is given.
        """
        if wanted.status is not None and wanted.status not in STATUSES:
            raise ValueRefused({"status": f"{wanted.status!r} is none of {', '.join(STATUSES)}"})
        fits = _filters(wanted)
        if wanted.patient is not None:
            return [[_ROW.patient == wanted.patient, *fits, *_standing(wanted.status, now)]]
        if wanted.mine is not None:
            reviewed = and_(_ROW.reviewer == wanted.mine, or_(_ROW.asker.is_(None), _ROW.asker != wanted.mine))
            standing = [*_standing(wanted.status, now), *_begun_after(_groups(connection, wanted), wanted.status, now)]
            return [[whose, *fits, *standing] for whose in (_ROW.asker == wanted.mine, reviewed)]
        groups = _groups(connection, wanted)
        if len(groups) > _GROUPS_AT_MOST:
            return [[*fits, *_standing(wanted.status, now)]]
        runs = [(group, _run(group, wanted.status, now, until)) for group in groups]
        return [
            [*(column == value for column, value in zip(_GROUP, group, strict=True)), *run, *fits]
            for group, run in runs
            if run is not None
        ]


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    equal = ((_ROW.release, wanted.release), (_ROW.queued, wanted.queued), (_ROW.abstained, wanted.abstained))
    fits: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if wanted.alert is not None:
        fits += [_ROW.alert == wanted.alert, _visible(wanted.reader)]
    if wanted.second is not None:
        asked = and_(_ROW.status == "preliminary", _ROW.reviewer.is_not(None))
        fits.append(asked if wanted.second else not_(asked))
    return fits


def _visible(reader: str | None) -> ColumnElement[bool]:
    """Whether the reader may know what the model says; anybody else than a clinician (None) may."""
    if reader is None:
        return literal_column("1 = 1")
    entry = tables.entries.c
    own = exists().where(
        literal_column(f"entries.kind = '{tables.OWN_ESTIMATE}'"), entry.subject == _ROW.id, entry.actor == reader
    )
    return or_(not_(_ROW.own_first), own)


def _standing(status: str | None, now: str) -> list[ColumnElement[bool]]:
    """The condition that an answer's status is this one now."""
    lapsed = and_(_ROW.expires.is_not(None), _ROW.expires <= now)
    if status is None:
        return []
    if status == "expired":
        return [_ROW.status == "preliminary", lapsed]
    return [_ROW.status == status, *([not_(lapsed)] if status == "preliminary" else [])]


def _groups(connection: Connection, wanted: Wanted) -> _Groups:
    """Every (queued, status, waits) with rows that may be wanted, found by leaps through the index."""
    groups: _Groups = []
    for queued in (False, True) if wanted.queued is None else (wanted.queued,):
        for status in _stored(wanted.status):
            longer = select(func.min(_ROW.waits)).where(_ROW.queued == queued, _ROW.status == status)
            waits = connection.execute(longer).scalar_one()
            while waits is not None and len(groups) <= _GROUPS_AT_MOST:
                groups.append((queued, status, waits))
                waits = connection.execute(longer.where(_ROW.waits > waits)).scalar_one()
    return groups


def _stored(status: str | None) -> tuple[str, ...]:
    """What the rows say of answers that have this status now."""
    if status is None:
        return tuple(name for name in STATUSES if name != "expired")
    return ("preliminary",) if status == "expired" else (status,)


def _run(
    group: tuple[bool, str, int], status: str | None, now: str, until: str | None
) -> list[ColumnElement[bool]] | None:
    """Which rows of a group have the status; None: not one."""
    waits = group[2]
    if status not in ("preliminary", "expired"):
        return []
    if waits == NEVER:
        return [] if status == "preliminary" else None
    # created + waits > now, as texts of moments compare.
    moment = stamp(datetime.fromisoformat(now) - timedelta(microseconds=waits))
    if status == "preliminary":
        return [_ROW.created > moment]
    return [_ROW.created <= (moment if until is None else min(moment, until))]


def _begun_after(groups: _Groups, status: str | None, now: str) -> list[ColumnElement[bool]]:
    """Whatever has not expired was created after this, so that older rows of a user are not read at all."""
    longest = max((waits for *_, waits in groups), default=NEVER)
    if status != "preliminary" or longest == NEVER:
        return []
    return [_ROW.created > stamp(datetime.fromisoformat(now) - timedelta(microseconds=longest))]


def _merged(branches: list[list[ColumnElement[bool]]], limit: int, *, newest: bool) -> Any:
    order = (_ROW.created.desc(), _ROW.seq.desc()) if newest else (_ROW.created, _ROW.seq)
    places = [select(_ROW.id).where(*fits).order_by(*order).limit(limit).subquery() for fits in branches]
    if not places:
        return select(tables.answers).where(false())
    chosen = union_all(*(select(place.c.id) for place in places))
    return select(tables.answers).where(_ROW.id.in_(chosen)).order_by(*order).limit(limit)
