"""What stands of the releases: who approved, who suspended, which version was put into service, as one picture."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from bedside.ledger import tables
from bedside.ledger.entry import Entry
from bedside.ledger.store import Store

CARE_KINDS = ("approval", "suspended", "reinstatement")
SERVICE_KINDS = ("deployed", "rolled-back", "taken-over", "deployment-refused")
STANDING_KINDS = (*CARE_KINDS, *SERVICE_KINDS)


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's approval of one release, by its digest.

    Attributes
    ----------
    name, version, digest: the release.
    approver, role: the user's name, and the role that the user had then.
    at: when, UTC. reason: in the approver's words; may be empty.
    """

    name: str
    version: str
    digest: str
    approver: str
    role: str
    at: str
    reason: str


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """A release that must not answer, by its digest.

    Attributes
    ----------
    name, version, digest: the release.
    by, by_name: the clinician, by user name and as a person. at: when, UTC. reason: in the clinician's words.
    reinstating: who has said since that it may answer again; it takes two.
    """

    name: str
    version: str
    digest: str
    by: str
    by_name: str
    at: str
    reason: str
    reinstating: tuple[str, ...] = ()


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of all releases at one moment.

    Attributes
    ----------
    seq: the last entry that was considered.
    approvals: by digest, oldest first. suspensions: by digest, those that hold.
    """

    seq: int
    approvals: Mapping[str, tuple[Approval, ...]]
    suspensions: Mapping[str, Suspension]

    def approved(self, digest: str) -> bool:
        """Whether two different people approved, at least one of them as a clinician."""
        return enough(self.approvals.get(digest, ()))


def enough(given: tuple[Approval, ...] | list[Approval]) -> bool:
    """Two different people, at least one of them as a clinician."""
    return len({approval.approver for approval in given}) >= 2 and any(
        approval.role == "clinician" for approval in given
    )


class Standing(Store):
    """Reads all of it at once, and tells cheaply whether anything is new."""

    latest_standing = 0
    """The last entry by this very object that changed what stands: what readers in the same process compare."""

    def standings(self) -> Standings:
        """The picture as it is now."""
        approvals: dict[str, tuple[Approval, ...]] = {}
        suspensions: dict[str, Suspension] = {}
        with self._reading() as connection:
            seq = int(connection.execute(select(tables.head.c.seq)).scalar_one())
            kinds = tables.entries.c.kind.in_(STANDING_KINDS)
            query = select(tables.entries).where(kinds).order_by(tables.entries.c.seq)
            for row in connection.execute(query).mappings():
                entry = Entry(**row)
                digest = entry.subject or ""
                said = {**self._decoded(connection, entry), "digest": digest, "at": entry.at}
                if entry.kind == "approval":
                    approvals[digest] = (*approvals.get(digest, ()), msgspec.convert(said, Approval))
        return Standings(seq=seq, approvals=approvals, suspensions=suspensions)

    def standing_since(self, seq: int) -> tuple[bool, int]:
        """Whether an entry after number ``seq`` changes what stands, and the last entry's number.

        Cheap enough to be asked several times a second, always with the number that it gave last.
        """
        entries = tables.entries.c
        changing = select(entries.seq).where(entries.seq > seq, entries.kind.in_(STANDING_KINDS)).limit(1)
        with self._reading() as connection:
            last = int(connection.execute(select(tables.head.c.seq)).scalar_one())
            found = last > seq and connection.execute(changing).scalar_one_or_none() is not None
        return found, last
