"""Entries as FHIR R4 AuditEvents, without anything that was said about patients.

Source: https://hl7.org/fhir/R4/auditevent.html. Types and subtypes are DICOM's audit events (PS3.16, CID 400 to 403)
and FHIR's RESTful interactions. A patient is named by the random reference only, so that an event stays as it is when
the patient is erased, but for the release that an answer names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bedside.ledger.entry import Entry

DCM = "http://dicom.nema.org/resources/ontology/DCM"
RESTFUL = "http://hl7.org/fhir/restful-interaction"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
OURS = "urn:bedside:"

DISPLAY = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110106": "Export",
    "110107": "Import",
    "110110": "Patient Record",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
    "110122": "Login",
    "110131": "Software Configuration",
    "110136": "Security Roles Changed",
    "110137": "User Security Attributes Changed",
}


class Audited(NamedTuple):
    """How a kind of entry reads as an event.

    ``type``: DICOM code. ``action``: C, R, U, D or E. ``subtype``: DICOM code, or a RESTful interaction, or nothing.
    ``about``: what the entry's subject is. ``outcome``: 0 success, 4 minor failure, 8 serious failure.
    """

    type: str
    action: str
    subtype: str = ""
    about: str = ""
    outcome: str = "0"


_USER = Audited("110113", "U", "110137", "user")
_RELEASE = Audited("110100", "E", "110131", "release")
_NAMED = Audited("110100", "E", "110131", "release-name")

AUDITED: dict[str, Audited] = {
    "answer": Audited("110110", "C", "create", "answer"),
    "silent-answer": Audited("110110", "C", "create", "answer"),
    "own-estimate": Audited("110110", "C", "create", "answer"),
    "review": Audited("110110", "U", "update", "answer"),
    "withdrawal": Audited("110110", "U", "update", "answer"),
    "superseded": Audited("110110", "U", "update", "answer"),
    "outcome": Audited("110110", "U", "update", "answer"),
    "patient": Audited("110110", "U", "update"),
    "identity-read": Audited("110110", "R", "read"),
    "patient-search": Audited("110112", "E", "search"),
    "patient-erased": Audited("110110", "D", "delete", "patient"),
    "approval": _RELEASE,
    "suspended": _RELEASE,
    "reinstatement": _RELEASE,
    "deployed": _NAMED,
    "rolled-back": _NAMED,
    "taken-over": _NAMED,
    "deployment-refused": _NAMED._replace(outcome="8"),
    "silent-report": _NAMED,
    "oip-use": Audited("110112", "E", "operation", "release"),
    "user-added": _USER._replace(action="C"),
    "user-activated": _USER,
    "user-deactivated": _USER,
    "name-changed": _USER,
    "user-linked": _USER,
    "role-changed": _USER._replace(subtype="110136"),
    "secret-renewed": _USER,
    "key-made": _USER,
    "key-revoked": _USER,
    "password-changed": _USER,
    "unlocked": _USER,
    "sessions-ended": _USER,
    "log-in": Audited("110114", "E", "110122", "user"),
    "log-in-failed": Audited("110114", "E", "110122", "user", "4"),
    "locked-out": _USER,
    "checkpoint": Audited("110101", "R"),
    "export": Audited("110101", "R"),
    "backup": Audited("110106", "E"),
    "restored": Audited("110107", "E"),
}
"""Every kind of entry; one that is not here reads as an activity of the application."""

_OTHER = Audited("110100", "E")
_PERSON, _OBJECT = ("1", "Person"), ("2", "System Object")
_KINDS = {
    # what: type (audit-entity-type), role (object-role)
    "patient": (_PERSON, ("1", "Patient")),
    "user": (_PERSON, ("6", "User")),
    "answer": (_OBJECT, ("4", "Domain Resource")),
    "release": (_OBJECT, ("4", "Domain Resource")),
    "release-name": (_OBJECT, ("4", "Domain Resource")),
    "ledger": (_OBJECT, ("13", "Security Resource")),
}


def audit_event(
    entry: Entry, *, ledger: str, roles: Mapping[str, str], release: tuple[str, str] | None
) -> dict[str, Any]:
    """One event. ``ledger``: the fingerprint. ``roles``: of all users. ``release``: name and digest of what answered.

    The last entity is the entry itself, with ``seq``, ``digest`` and ``previous``: by these the event is found again in
    the chain.
    """
    audited = AUDITED.get(entry.kind, _OTHER)
    event = {
        "resourceType": "AuditEvent",
        "id": f"{ledger[:16]}-{entry.seq}",
        "type": _dicom(audited.type),
        "subtype": [_subtype(audited.subtype)] if audited.subtype else [],
        "action": audited.action,
        "recorded": entry.at,
        "outcome": audited.outcome,
        "agent": [_agent(entry.actor, roles.get(entry.actor))],
        "source": {
            "observer": {"identifier": {"system": f"{OURS}ledger", "value": ledger}, "display": "bedside"},
            "type": [_coding("security-source-type", "4", "Application Server")],
        },
        "entity": _entities(entry, audited, ledger, release),
    }
    return {name: value for name, value in event.items() if value}


def _entities(entry: Entry, audited: Audited, ledger: str, release: tuple[str, str] | None) -> list[dict[str, Any]]:
    found = [_entity("patient", entry.patient)] if entry.patient else []
    if audited.about and entry.subject:
        found.append(_entity(audited.about, entry.subject))
    if release is not None:
        found.append(_entity("release", release[1]) | {"name": release[0]})
    details = {"kind": entry.kind, "digest": entry.digest, "previous": entry.previous}
    detail = [{"type": name, "valueString": value} for name, value in details.items()]
    return [*found, _entity("ledger", f"{ledger}#{entry.seq}") | {"detail": detail}]


def _entity(what: str, value: str) -> dict[str, Any]:
    kind, role = _KINDS[what]
    return {
        "what": {"identifier": {"system": f"{OURS}{what}", "value": value}},
        "type": _coding("audit-entity-type", *kind),
        "role": _coding("object-role", *role),
    }


def _agent(actor: str, role: str | None) -> dict[str, Any]:
    """Who did it: a person, or a program: a service, the command line, bedside itself."""
    person = role not in (None, "service")
    kind = _coding("extra-security-role-type", "humanuser", "human user") if person else _program()
    agent: dict[str, Any] = {
        "type": {"coding": [kind]},
        "who": {"identifier": {"system": f"{OURS}user", "value": actor}},
        "altId": actor,
        "requestor": True,
    }
    return agent if role is None else agent | {"role": [{"coding": [{"system": f"{OURS}role", "code": role}]}]}


def _program() -> dict[str, str]:
    return {"system": DCM, "code": "110150", "display": "Application"}


def _dicom(code: str) -> dict[str, str]:
    return {"system": DCM, "code": code, "display": DISPLAY[code]}


def _subtype(code: str) -> dict[str, str]:
    return _dicom(code) if code in DISPLAY else {"system": RESTFUL, "code": code, "display": code}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": _TERMS + system, "code": code, "display": display}
