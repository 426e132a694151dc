"""What happened later: outcomes linked to the answers that were given, and the cases that both make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import select

from bedside.errors import AccessDenied, LedgerError, NotFound
from bedside.ledger import tables
from bedside.ledger.accounts import User
from bedside.ledger.clock import stamp
from bedside.ledger.entry import Entry
from bedside.ledger.store import Store, opened

LINKING_ROLES = ("clinician", "scientist", "admin")
_BATCH = 200


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one release answered in a case: the figures that a comparison needs."""

    version: str
    digest: str
    created: dt.datetime
    estimate: dict[str, float] | None
    alert: bool | None
    abstained: bool


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One question, with what the live and the silent release answered, and what happened later.

    Attributes
    ----------
    id: of the live answer; of the silent one where there is no live one. patient: reference, or None.
    outcome: class, as last entered; None where not known yet. observed: when, as it was given.
    """

    id: str
    patient: str | None
    live: Said | None = None
    silent: Said | None = None
    outcome: str | None = None
    observed: str | None = None

    @property
    def created(self) -> dt.datetime:
        """When it was asked."""
        said = self.live or self.silent
        assert said is not None
        return said.created

    def concerns(self, digest: str) -> bool:
        """Whether the release of this digest answered in it."""
        return any(said is not None and said.digest == digest for said in (self.live, self.silent))


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of one release, oldest first; ``erased`` and ``in_error`` were left out and are counted."""

    cases: tuple[Case, ...]
    erased: int
    in_error: int


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

    def cases(self, digest: str, name: str) -> Cases:
        """Every case in which the release of this digest and name answered, live or silently.

        What is about erased patients cannot be read; answers entered in error are not judged.
        """
        reader = _Reader(self)
        silent: dict[str, Said] = {}
        alone: dict[str, Case] = {}
        for entry, body in reader.read("silent-answer"):
            if body["answer"]["release"]["digest"] != digest and body["beside"] is None:
                continue
            said = msgspec.convert({**body["answer"], **body["answer"]["release"]}, Said)
            if body["beside"] is None:
                alone[str(entry.subject)] = Case(id=str(entry.subject), patient=entry.patient, silent=said)
            elif body["answer"]["release"]["name"] == name:
                silent[body["beside"]] = said
        error = self._in_error(name)
        found, in_error = alone, 0
        for entry, body in reader.read("answer"):
            key = str(entry.subject)
            if body["release"]["name"] != name:
                continue
            live = msgspec.convert({**body, **body["release"]}, Said)
            case = Case(id=key, patient=entry.patient, live=live, silent=silent.get(key))
            if not case.concerns(digest):
                continue
            if key in error:
                in_error += 1
            else:
                found[key] = case
        for entry, body in reader.read("outcome"):
            key = str(entry.subject)
            if key in found:
                found[key] = replace(found[key], outcome=body["outcome"], observed=body["observed"])
        ordered = sorted(found.values(), key=lambda case: (case.created, case.id))
        return Cases(cases=tuple(ordered), erased=reader.erased, in_error=in_error)

    def enter_outcomes(
        self, outcomes: Iterable[tuple[Case, str, str | None]], *, release: dict[str, str], user: User
    ) -> Entered:
        """Enter what happened in each case: class, and when it was observed; what stands so already is not repeated.

        Raises ``AccessDenied`` for a role that links nothing.
        """
        require_linking(user)
        counts = {"new": 0, "changed": 0, "repeated": 0}
        waiting = list(outcomes)
        for start in range(0, len(waiting), _BATCH):
            with self._writing() as connection:
                for case, outcome, observed in waiting[start : start + _BATCH]:
                    earlier = self._entries(connection, kind="outcome", subject=case.id)
                    last = self._decoded(connection, earlier[-1]) if earlier else None
                    if last is not None and (last["outcome"], last["observed"]) == (outcome, observed):
                        counts["repeated"] += 1
                        continue
                    counts["new" if last is None else "changed"] += 1
                    body = {"outcome": outcome, "observed": observed, "release": release}
                    self._enter(
                        connection, "outcome", actor=user.name, body=body, subject=case.id, patient=case.patient
                    )
        return Entered(**counts)

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

    def _in_error(self, name: str) -> set[str]:
        row = tables.answers.c
        query = select(row.id).where(row.release == name, row.status == "entered-in-error")
        with self._reading() as connection:
            return set(connection.execute(query).scalars())


class _Reader:
    """Reads entries of a kind with their bodies, a patient's key once; what was erased is counted and left out."""

    def __init__(self, store: Outcomes) -> None:
        self.store = store
        self.keys: dict[str, bytes | None] = {}
        self.lost: set[str] = set()

    @property
    def erased(self) -> int:
        """How many cases cannot be read any more."""
        return len(self.lost)

    def read(self, kind: str) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Entries of this kind in their order, each with its body."""
        for entry in self.store.entries(kind=kind):
            key = None if entry.patient is None else self._key(entry.patient)
            if entry.patient is not None and key is None:
                self.lost |= {str(entry.subject)} if kind == "answer" else set()
                continue
            yield entry, opened(entry, key)

    def _key(self, ref: str) -> bytes | None:
        if ref not in self.keys:
            with self.store._reading() as connection:
                try:
                    self.keys[ref] = self.store._patient_key(connection, ref)
                except LedgerError:
                    self.keys[ref] = None
        return self.keys[ref]


def require_linking(user: User) -> None:
    """Raises ``AccessDenied`` for a role that links no outcomes."""
    if user.role not in LINKING_ROLES or not user.active:
        raise AccessDenied(f"outcomes are linked by a {', '.join(LINKING_ROLES[:-1])} or {LINKING_ROLES[-1]}")


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


def one_per_patient(cases: Iterable[Case]) -> list[Case]:
    """Of each patient the last case; those without a patient's identity all stay."""
    last = {case.patient or f"case {case.id}": case for case in sorted(cases, key=lambda case: (case.created, case.id))}
    return list(last.values())
