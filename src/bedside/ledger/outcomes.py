"""What happened later: outcomes linked to the answers that were given, and the cases that both make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, select

from bedside.errors import AccessDenied, NotFound
from bedside.ledger import tables
from bedside.ledger.cases import Case, Cases, FollowedFor, Said
from bedside.ledger.entry import Entry
from bedside.ledger.patient_keys import PatientKeys
from bedside.ledger.scratch import Shelf, scratch
from bedside.ledger.store import Store, opened
from bedside.ledger.user import User
from bedside.ledger.walk import every, pieces

LINKING_ROLES = ("clinician", "scientist", "admin")
_BATCH = 200


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """How many outcomes were new, how many replaced another, and how many had been entered before."""

    new: int = 0
    changed: int = 0
    repeated: int = 0


class SilentReport(msgspec.Struct, frozen=True, kw_only=True):
    """A silent report as it was entered.

    ``seq`` and ``at``: the entry. ``by``: who made it. ``report``: what ``silent.json`` holds: figures of groups.
    """

    seq: int
    at: str
    by: str
    report: dict[str, Any]


class Outcomes(Store):
    """Outcomes of past answers, encrypted under the patient's key like the answers themselves."""

    @contextmanager
    def cases(self, digest: str, name: str) -> Iterator[Cases]:
        """Every case in which the release of this digest and name answered, live or silently; to be used within.

        All are of one moment. What is about erased patients cannot be read; answers entered in error are not judged.
        """
        with scratch() as room:
            known = Cases(room)
            with self._reading() as connection:
                self._gather(connection, known, Shelf(room, "beside", Said), digest, name)
            yield known

    def _gather(self, connection: Connection, known: Cases, beside: Shelf[Said], digest: str, name: str) -> None:
        reader = _Reader(connection, PatientKeys(self, connection))
        for entry, body in reader.read("silent-answer"):
            if body["answer"]["release"]["digest"] == digest:
                said = _said(body["answer"])
                if body["beside"] is None:
                    known.put(Case(id=str(entry.subject), patient=entry.patient, silent=said))
                else:
                    beside.put(body["beside"], said)
        for entry, body in reader.read("answer"):
            silent = beside.get(entry.subject) if body["release"]["name"] == name else None
            if silent is not None or body["release"]["digest"] == digest:
                known.put(Case(id=str(entry.subject), patient=entry.patient, live=_said(body), silent=silent))
        row = tables.answers.c
        query = select(row.id).where(row.release == name, row.status == "entered-in-error")
        for answer_id in connection.execute(query.execution_options(yield_per=_BATCH)).scalars():
            known.in_error += known.remove(answer_id)
        for entry, body in reader.read("outcome"):
            case = known.get(str(entry.subject))
            if case is not None:
                followed = msgspec.convert(body.get("followed"), FollowedFor | None)
                known.put(replace(case, outcome=body["outcome"], observed=body["observed"], followed=followed))
        known.erased = len(reader.erased)

    def enter_outcomes(self, cases: Iterable[Case], *, release: dict[str, str], user: User) -> Entered:
        """Enter what happened in each case: class, when it was observed, and how long the patient was followed.

        What stands so already is not repeated.

        Raises ``AccessDenied`` for a role that links nothing.
        """
        require_linking(user)
        counts = {"new": 0, "changed": 0, "repeated": 0}
        for batch in pieces(cases, _BATCH):
            with self._writing() as connection:
                for case in batch:
                    counts[self._enter_outcome(connection, case, release, user)] += 1
        return Entered(**counts)

    def _enter_outcome(self, connection: Connection, case: Case, release: dict[str, str], user: User) -> str:
        """Whether it is new, has changed or is repeated."""
        earlier = self._entries(connection, kind="outcome", subject=case.id)
        last = self._decoded(connection, earlier[-1]) if earlier else None
        told: dict[str, Any] = {"outcome": case.outcome, "observed": case.observed}
        if case.followed is not None:
            told["followed"] = msgspec.to_builtins(case.followed)
        if last is not None and {name: one for name, one in last.items() if name != "release"} == told:
            return "repeated"
        body = told | {"release": release}
        self._enter(connection, "outcome", actor=user.name, body=body, subject=case.id, patient=case.patient)
        return "new" if last is None else "changed"

    def enter_silent_report(self, name: str, report: dict[str, Any], *, user: User) -> SilentReport:
        """Keep the figures of a silent report, which hold no patient, for the people who decide about the release."""
        require_linking(user)
        with self._writing() as connection:
            entry = self._enter(connection, "silent-report", actor=user.name, body=report, subject=name)
        return SilentReport(seq=entry.seq, at=entry.at, by=entry.actor, report=report)

    def silent_report(self, name: str) -> SilentReport:
        """The last silent report of any release of this name. Raises ``NotFound``."""
        with self._reading() as connection:
            entries = self._entries(connection, kind="silent-report", subject=name)
            if not entries:
                raise NotFound(
                    "there is no silent report of this release yet", where=name[:100], remedy="bedside outcomes --out"
                )
            last = entries[-1]
            report = self._decoded(connection, last)
        return SilentReport(seq=last.seq, at=last.at, by=last.actor, report=report)


class _Reader:
    """Reads entries of a kind with their bodies; patients who were erased are noted and their entries left out."""

    def __init__(self, connection: Connection, keys: PatientKeys) -> None:
        self._connection = connection
        self._keys = keys
        self.erased: set[str] = set()

    def read(self, kind: str) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Entries of this kind in their order, each with its body."""
        for entry in every(self._connection, kind=kind):
            key = None if entry.patient is None else self._keys.of(entry.patient)
            if entry.patient is not None and key is None:
                self.erased.add(entry.patient)
            else:
                yield entry, opened(entry, key)


def _said(answer: dict[str, Any]) -> Said:
    return msgspec.convert({**answer, **answer["release"]}, Said)


def require_linking(user: User) -> None:
    """Raises ``AccessDenied`` for a role that links no outcomes."""
    if user.role not in LINKING_ROLES or not user.active:
        raise AccessDenied(f"outcomes are linked by a {', '.join(LINKING_ROLES[:-1])} or {LINKING_ROLES[-1]}")
