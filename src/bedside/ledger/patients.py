"""Who a patient is: kept apart from everything else, encrypted, and every reading of it entered."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, insert, select

from bedside.errors import Conflict, NotFound, ValueRefused
from bedside.ledger import tables
from bedside.ledger.entry import Entry
from bedside.ledger.keys import new_key
from bedside.ledger.store import Store

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


class Identity(msgspec.Struct, frozen=True):
    """A patient's identifiers: the hospital's number, and what a person checks it against.

    Attributes
    ----------
    id: the patient's number in the hospital.
    name: as it is written there; None where not known.
    birth_date: ``1960-05-17``, or only as much of it as is known (``1960-05``, ``1960``), as in FHIR; else None.
    """

    id: str
    name: str | None = None
    birth_date: str | None = None


def normal_id(identifier: str) -> str:
    """The identifier as it is compared: width, case and spaces do not matter, leading zeros do."""
    return "".join(unicodedata.normalize("NFKC", identifier).casefold().split())


def _checked(identity: Identity) -> Identity:
    problems = {}
    if not normal_id(identity.id):
        problems["patient.id"] = "a patient needs an identifier"
    if identity.birth_date and not _DATE.fullmatch(identity.birth_date.strip()):
        problems["patient.birth_date"] = "write it as 1960-05-17"
    if problems:
        raise ValueRefused(problems)
    name = " ".join((identity.name or "").split()) or None
    return Identity(id=identity.id.strip(), name=name, birth_date=(identity.birth_date or "").strip() or None)


class Patients(Store):
    """Patients by random reference; an identifier finds its reference through a keyed digest."""

    def patient(self, identity: Identity, *, actor: str = "bedside") -> str:
        """The patient's reference; a new patient gets one, and an encrypted key of their own.

        A name or birth date that was not known before is entered, as is another name: the latest stands.
        Raises ``ValueRefused`` for an empty id or an impossible date, and ``Conflict`` where the same id came with
        another birth date before: then these may be two patients, and ``correct_identity`` is for a person to call.
        """
        identity = _checked(identity)
        with self._reading() as connection:  # a patient whom nothing is new about costs no write
            ref = self._ref(connection, identity.id)
            if ref is not None and self._merged(connection, ref, identity) is None:
                return ref
        with self._writing() as connection:
            ref = self._ref(connection, identity.id) or self._admit(connection, identity.id)
            new = self._merged(connection, ref, identity)
            if new is not None:
                self._enter(connection, "patient", actor=actor, body=new, patient=ref)
            return ref

    def correct_identity(self, ref: str, identity: Identity, *, actor: str) -> None:
        """Enter another name or birth date for a known patient; the id must be the same.

        Raises ``NotFound`` for an unknown ref and ``Conflict`` where the id belongs to nobody or somebody else.
        """
        identity = _checked(identity)
        with self._writing() as connection:
            self._known(connection, ref)
            if self._ref(connection, identity.id) != ref:
                raise Conflict("this is another patient's identifier, or nobody's")
            self._enter(connection, "patient", actor=actor, body=identity, patient=ref)

    def find_patient(self, identifier: str) -> str | None:
        """The reference of the patient with this id, or None. Reveals nothing that the caller did not know."""
        with self._reading() as connection:
            return self._ref(connection, identifier)

    def identity(self, ref: str, *, actor: str) -> Identity:
        """Who this is; that ``actor`` read it is entered first. Raises ``NotFound``."""
        return self.identities([ref], actor=actor)[ref]

    def identities(self, refs: Iterable[str], *, actor: str) -> dict[str, Identity]:
        """Several at once, as a page of the worklist needs them: one entry each, in one transaction."""
        with self._writing() as connection:
            found = {ref: self._latest(connection, self._known(connection, ref)) for ref in dict.fromkeys(refs)}
            for ref in found:
                self._enter(connection, "identity-read", actor=actor, body={}, patient=ref)
        return found

    def _ref(self, connection: Connection, identifier: str) -> str | None:
        lookup = self._vault.lookup(normal_id(identifier))
        query = select(tables.patients.c.ref).where(tables.patients.c.lookup == lookup)
        return connection.execute(query).scalar_one_or_none()

    def _admit(self, connection: Connection, identifier: str) -> str:
        ref = secrets.token_hex(16)
        row = {
            "ref": ref,
            "lookup": self._vault.lookup(normal_id(identifier)),
            "wrapped_key": self._vault.wrap(new_key(), ref),
        }
        connection.execute(insert(tables.patients), row)
        return ref

    def _known(self, connection: Connection, ref: str) -> str:
        self._patient_key(connection, ref)
        return ref

    def _latest(self, connection: Connection, ref: str) -> Identity:
        known = self._stored(connection, ref)
        if known is None:
            raise NotFound("nobody has entered who this patient is", where=ref)
        return known

    def _stored(self, connection: Connection, ref: str) -> Identity | None:
        entries = tables.entries.c
        query = select(tables.entries).where(entries.patient == ref, entries.kind == "patient")
        row = connection.execute(query.order_by(entries.seq.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else msgspec.convert(self._decoded(connection, Entry(**row)), Identity)

    def _merged(self, connection: Connection, ref: str, given: Identity) -> Identity | None:
        """What to enter so that all that is known stands; None where nothing is new."""
        known = self._stored(connection, ref)
        if known is None:
            return given
        if known.birth_date and given.birth_date and not hmac.compare_digest(known.birth_date, given.birth_date):
            raise Conflict(
                "this patient id was entered with another birth date before",
                remedy="Check that it is the same patient; a wrong date is corrected by a person, not overwritten",
            )
        merged = Identity(known.id, given.name or known.name, known.birth_date or given.birth_date)
        return None if merged == known else merged
