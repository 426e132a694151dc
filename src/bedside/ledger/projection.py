"""The worklist's rows as the entries imply them: one pure function from (rows, entry) to rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from bedside.errors import LedgerError
from bedside.ledger.clock import stamp
from bedside.ledger.entry import Entry
from bedside.ledger.tables import NEVER

STATUSES = ("preliminary", "final", "amended", "superseded", "expired", "entered-in-error")
KINDS = ("answer", "review", "withdrawal", "superseded")
"""Kinds of entry that the rows are made of."""

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a worklist tells of one answer.

    Attributes
    ----------
    id: the answer. release, version, digest: what answered.
    patient: reference of the patient, or None.
    created, expires: UTC, as in an entry; ``expires`` None where it never does.
    alert: whether the estimate reaches the threshold; None where there is none.
    abstained, queued: whether the model abstains, and whether the release's rule asks for a review.
    status: one of ``STATUSES``. asker: who asked.
    reviewer: who reviewed last; on a preliminary answer, who asked for a second reading.
    """

    id: str
    release: str
    version: str
    digest: str
    patient: str | None
    created: str
    expires: str | None
    alert: bool | None
    abstained: bool
    queued: bool
    status: str
    reviewer: str | None
    asker: str | None


class AnswerRow(Listed, frozen=True, kw_only=True):
    """One row of the worklist's table.

    Attributes
    ----------
    seq: the entry that holds the answer. own_first: a clinician gives an own estimate before seeing the model's.
    waits: microseconds from ``created`` to ``expires``; ``NEVER`` where it never expires.
    """

    seq: int
    own_first: bool
    waits: int


class _Release(msgspec.Struct):
    name: str
    version: str
    digest: str


class _Facts(msgspec.Struct):
    """What an answer must say for the ledger to keep it; whatever else it says is kept as it is."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    created: _Moment
    release: _Release
    abstained: bool
    queued: bool
    alert: bool | None = None
    expires: _Moment | None = None
    own_estimate_first: bool = False
    status: str = "preliminary"


def row_of(answer: dict[str, Any], *, seq: int, patient: str | None, asker: str) -> AnswerRow:
    """The row of a new answer. Raises ``LedgerError`` where the answer lacks a key that the worklist needs."""
    try:
        facts = msgspec.convert(answer, _Facts)
    except msgspec.ValidationError as error:
        raise LedgerError(f"the answer cannot be kept: {error}") from error
    return AnswerRow(
        id=facts.id,
        seq=seq,
        release=facts.release.name,
        version=facts.release.version,
        digest=facts.release.digest,
        patient=patient,
        created=stamp(facts.created),
        expires=None if facts.expires is None else stamp(facts.expires),
        alert=facts.alert,
        abstained=facts.abstained,
        queued=facts.queued,
        status=facts.status,
        reviewer=None,
        asker=asker,
        own_first=facts.own_estimate_first,
        waits=NEVER if facts.expires is None else (facts.expires - facts.created) // timedelta(microseconds=1),
    )


def after(row: AnswerRow | None, entry: Entry, body: dict[str, Any]) -> AnswerRow:
    """The row of the answer that ``entry`` is about, once that entry is written.

    Raises ``LedgerError`` for an entry that cannot follow: a second answer with one id, a review of no answer.
    """
    if entry.kind == "answer":
        if row is not None:
            raise LedgerError("a second answer with the same id", where=f"entry {entry.seq}")
        return row_of(body, seq=entry.seq, patient=entry.patient, asker=entry.actor)
    if row is None:
        raise LedgerError("it is about an answer that is not there", where=f"entry {entry.seq}")
    if entry.kind == "superseded":
        return replace(row, status="superseded")
    return replace(row, status=str(body["status"]), reviewer=str(body["reviewer"]))


def status_at(row: AnswerRow, now: str) -> str:
    """The status as a reader sees it: a preliminary answer is expired from ``expires`` on."""
    lapsed = row.status == "preliminary" and row.expires is not None and now >= row.expires
    return "expired" if lapsed else row.status
