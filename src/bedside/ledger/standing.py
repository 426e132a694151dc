"""What stands of the releases: who approved, who suspended, which version was put into service, as one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, select

from bedside.ledger import tables
from bedside.ledger.entry import Entry
from bedside.ledger.store import Store
from bedside.ledger.succession import Deployment

CARE_KINDS = ("approval", "suspended", "reinstatement")
"""About one release, which its digest names."""
SERVICE_KINDS = ("deployed", "rolled-back", "taken-over", "deployment-refused")
"""About which version answers under a name."""


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


class Reinstatement(msgspec.Struct, frozen=True, kw_only=True):
    """One person's word that a suspended release may answer again.

    Attributes
    ----------
    name, version, digest: the release. by, role: the user, and the role that the user had then.
    at: when, UTC. reason: in the user's words.
    """

    name: str
    version: str
    digest: str
    by: str
    role: str
    at: str
    reason: str


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """A release that must not answer, by its digest.

    Attributes
    ----------
    name, version, digest: the release.
    by, by_name: the clinician, by user name and as a person. at: when, UTC. reason: in the clinician's words.
    reinstating: who has said since that it may answer again; it takes two people, one of them a clinician.
    """

    name: str
    version: str
    digest: str
    by: str
    by_name: str
    at: str
    reason: str
    reinstating: tuple[Reinstatement, ...] = ()


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of all releases at one moment.

    Attributes
    ----------
    seq: the last entry that was considered.
    approvals: by digest, oldest first. suspensions: by digest, those that hold. acts: oldest first.
    """

    seq: int = 0
    approvals: Mapping[str, tuple[Approval, ...]] = {}
    suspensions: Mapping[str, Suspension] = {}
    acts: tuple[Deployment, ...] = ()

    def approved(self, digest: str) -> bool:
        """Whether two different people approved, at least one of them as a clinician."""
        return enough([(given.approver, given.role) for given in self.approvals.get(digest, ())])


def enough(people: Iterable[tuple[str, str]]) -> bool:
    """Whether these, each a name and a role, are two different people, at least one of them as a clinician."""
    people = list(people)
    return len({name for name, _ in people}) >= 2 and any(role == "clinician" for _, role in people)


class Standing(Store):
    """Reads all of it at once, and tells cheaply whether anything is new."""

    latest_standing = 0
    """The last entry by this very object that changed what stands: what readers in the same process compare."""

    def standings(self) -> Standings:
        """The picture as it is now."""
        with self._reading() as connection:
            return self._standings(connection)

    def standing_since(self, seq: int) -> tuple[bool, int]:
        """Whether an entry after number ``seq`` changes what stands, and the last entry's number.

        Cheap enough to be asked several times a second, always with the number that it gave last.
        """
        entries = tables.entries.c
        kinds = entries.kind.in_((*CARE_KINDS, *SERVICE_KINDS))
        with self._reading() as connection:
            last = int(connection.execute(select(tables.head.c.seq).where(tables.head.c.id == 1)).scalar_one())
            changing = select(entries.seq).where(entries.seq > seq, kinds).limit(1)
            found = last > seq and connection.execute(changing).scalar_one_or_none() is not None
        return found, last

    def _standings(self, connection: Connection) -> Standings:
        seq = int(connection.execute(select(tables.head.c.seq).where(tables.head.c.id == 1)).scalar_one())
        kinds = tables.entries.c.kind.in_((*CARE_KINDS, *SERVICE_KINDS))
        rows = connection.execute(select(tables.entries).where(kinds).order_by(tables.entries.c.seq)).mappings()
        approvals: dict[str, tuple[Approval, ...]] = {}
        suspensions: dict[str, Suspension] = {}
        acts: list[Deployment] = []
        for entry in [Entry(**row) for row in rows]:
            body = self._decoded(connection, entry)
            digest = entry.subject or ""
            if entry.kind == "approval":
                approvals[digest] = (*approvals.get(digest, ()), _about(entry, body, Approval))
            elif entry.kind in CARE_KINDS:
                suspended(suspensions, entry, body)
            else:
                acts.append(msgspec.convert({**body, "seq": entry.seq, "at": entry.at, "kind": entry.kind}, Deployment))
        return Standings(seq=seq, approvals=approvals, suspensions=suspensions, acts=tuple(acts))


def suspended(standing: dict[str, Suspension], entry: Entry, body: dict[str, Any]) -> None:
    """Take one entry of the kinds ``suspended`` and ``reinstatement`` into the suspensions that hold."""
    digest = entry.subject or ""
    if entry.kind == "suspended":
        standing[digest] = _about(entry, body, Suspension)
    elif digest in standing:
        said = (*standing[digest].reinstating, _about(entry, body, Reinstatement))
        standing[digest] = replace(standing[digest], reinstating=said)
        if enough((one.by, one.role) for one in said):
            del standing[digest]


def _about(entry: Entry, body: dict[str, Any], kind: type[Any]) -> Any:
    return msgspec.convert({**body, "digest": entry.subject, "at": entry.at}, kind)
