"""AuditEvents: valid FHIR R4, every entry once, to be held against the chain, and nothing about a patient in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fhirclient.models.auditevent import AuditEvent

from bedside.errors import Conflict, UsageError
from bedside.ledger import Identity, Ledger, User
from bedside.ledger.audit_events import AUDITED, audit_event

ADMIN = User(name="root", full_name=None, role="admin", active=True)
ADA = User(name="ada", full_name="Dr Ada Long", role="clinician", active=True)
Make = Callable[..., dict[str, Any]]

# From https://hl7.org/fhir/R4/auditevent.html and the value sets that it binds; fhirclient does not look at codes.
DCM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem/"
ACTIONS, OUTCOMES = set("CRUDE"), {"0", "4", "8", "12"}  # both bindings are required
TYPES = {(DCM, str(code)) for code in range(110100, 110115)} | {(f"{TERMS}audit-event-type", "rest")}
SUBTYPES = {(DCM, str(code)) for code in range(110120, 110143)} | {
    ("http://hl7.org/fhir/restful-interaction", code)
    for code in (
        *(
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history",
            "history-instance",
            "history-type",
            "history-system",
        ),
        *("create", "search", "search-type", "search-system", "capabilities", "transaction", "batch", "operation"),
    )
}
SOURCES = {(f"{TERMS}security-source-type", str(code)) for code in range(1, 10)}
ENTITIES = {(f"{TERMS}audit-entity-type", str(code)) for code in range(1, 5)}
ROLES = {(f"{TERMS}object-role", str(code)) for code in range(1, 25)}
AGENTS = {(f"{TERMS}extra-security-role-type", "humanuser"), (DCM, "110150")}


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, place: Path, clock: Any, make_answer: Make) -> Iterator[Ledger]:
    url = place if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Ledger.open(url, clock=clock) as ledger:
        ledger.add_user("ada", "clinician", full_name="Dr Ada Long", actor="root")
        ledger.add_user("svc", "service", actor="root")
        for number in range(2):
            ref = ledger.patient(Identity(f"MRN-{number}", "Quixotewicz", "1947-11-23"), actor="svc")
            ledger.record_answer(make_answer(f"a{number}"), actor="svc", patient=ref)
            ledger.review(f"a{number}", verdict="disagree", conclusion="hairy", reason="cell", reviewer=ADA)
            ledger.identity(ref, actor="ada")
        ledger.approve("d1", "breast", "1.0.0", ADA)
        with pytest.raises(PermissionError):
            ledger.authenticate("ada", "wrong")
        clock.forward(days=1)
        ledger.erase_patient("MRN-1", reason="law", user=ADMIN)
        yield ledger


def exported(book: Ledger, out: Path, **options: Any) -> list[dict[str, Any]]:
    book.export(out, actor="root", **options)
    return [json.loads(line) for line in out.read_text().splitlines()]


def codes(codings: list[dict[str, str]]) -> set[tuple[str, str]]:
    assert all(coding["display"] for coding in codings)
    return {(coding["system"], coding["code"]) for coding in codings}


def check(event: dict[str, Any]) -> None:
    """Raises where an event is not an AuditEvent of R4."""
    assert AuditEvent(event).as_json() == event  # cardinalities and types, unknown elements; nothing is lost
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", event["id"])
    assert event["action"] in ACTIONS
    assert event["outcome"] in OUTCOMES
    assert codes([event["type"]]) <= TYPES
    assert codes(event.get("subtype", [])) <= SUBTYPES
    assert codes(event["source"]["type"]) <= SOURCES
    for agent in event["agent"]:
        assert codes(agent["type"]["coding"]) <= AGENTS
    for entity in event["entity"]:
        assert codes([entity["type"]]) <= ENTITIES
        assert codes([entity["role"]]) <= ROLES
        assert not ("name" in entity and "query" in entity)  # invariant sev-1
    assert [agent["requestor"] for agent in event["agent"]] == [True]


def empty_values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [found for part in value.values() for found in empty_values(part)] + ([value] if not value else [])
    if isinstance(value, list):
        return [found for part in value for found in empty_values(part)] + ([value] if not value else [])
    return [value] if value in ("", None) else []


def test_every_event_is_an_audit_event_of_r4(book: Ledger, tmp_path: Path) -> None:
    events = exported(book, tmp_path / "events.ndjson")
    assert len(events) == len(list(book.entries())) == 14
    for event in events:
        check(event)
        assert empty_values(event) == []  # FHIR has no empty elements


def test_every_kind_makes_a_valid_event(book: Ledger) -> None:
    entry = next(iter(book.entries(kind="answer")))
    from msgspec.structs import replace

    for kind in (*AUDITED, "a kind that comes later"):
        for patient, release in ((entry.patient, ("breast 1", "d1")), (None, None)):
            event = audit_event(
                replace(entry, kind=kind, patient=patient), ledger="ab" * 32, roles={"svc": "service"}, release=release
            )
            check(event)
            assert empty_values(event) == []


def test_an_event_is_found_again_in_the_chain(book: Ledger, tmp_path: Path) -> None:
    events = exported(book, tmp_path / "events.ndjson")
    for entry, event in zip(book.entries(), events, strict=True):
        last = event["entity"][-1]
        fingerprint, _, seq = last["what"]["identifier"]["value"].partition("#")
        detail = {one["type"]: one["valueString"] for one in last["detail"]}
        assert (int(seq), fingerprint) == (entry.seq, event["source"]["observer"]["identifier"]["value"])
        assert detail == {"kind": entry.kind, "digest": entry.digest, "previous": entry.previous}
        assert (event["recorded"], event["agent"][0]["who"]["identifier"]["value"]) == (entry.at, entry.actor)


def test_what_happened_is_told(book: Ledger, tmp_path: Path) -> None:
    ref = book.find_patient("MRN-0")
    events = exported(book, tmp_path / "events.ndjson")
    by_kind = {event["entity"][-1]["detail"][0]["valueString"]: event for event in reversed(events)}
    told = {kind: (one["type"]["code"], one["action"], one["outcome"]) for kind, one in by_kind.items()}
    assert told["answer"] == ("110110", "C", "0")
    assert told["identity-read"] == ("110110", "R", "0")
    assert told["review"] == ("110110", "U", "0")
    assert told["patient-erased"] == ("110110", "D", "0")
    assert told["log-in-failed"] == ("110114", "E", "4")
    assert told["export"] == ("110101", "R", "0")
    answer = {one["what"]["identifier"]["system"]: one for one in by_kind["answer"]["entity"]}
    assert answer["urn:bedside:patient"]["what"]["identifier"]["value"] == ref
    assert answer["urn:bedside:answer"]["what"]["identifier"]["value"] == "a0"
    assert answer["urn:bedside:release"]["what"]["identifier"]["value"] == "d1"
    assert answer["urn:bedside:release"]["name"] == "breast 1.0.0"
    assert by_kind["review"]["agent"][0]["type"]["coding"][0]["code"] == "humanuser"
    assert by_kind["answer"]["agent"][0]["type"]["coding"][0]["code"] == "110150"
    assert by_kind["review"]["agent"][0]["role"][0]["coding"][0]["code"] == "clinician"


def test_nothing_that_was_said_about_a_patient_is_in_it(book: Ledger, tmp_path: Path) -> None:
    exported(book, tmp_path / "events.ndjson")
    text = (tmp_path / "events.ndjson").read_text()
    assert not [word for word in ("MRN-", "Quixotewicz", "1947", "hairy", "cell", "malignant") if word in text]


def test_it_begins_where_one_says_and_is_entered(book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.ledger.exporting._PIECE", 4)
    whole = exported(book, tmp_path / "1.ndjson")
    assert exported(book, tmp_path / "2.ndjson", start="5")[:10] == whole[4:]
    second_day = exported(book, tmp_path / "3.ndjson", start="2026-03-02")
    assert second_day[0] == whole[12]
    assert exported(book, tmp_path / "4.ndjson", start="2026-03-02T09:00:00+01:00")[0] == whole[12]
    assert exported(book, tmp_path / "5.ndjson", start="2026-01-01")[:14] == whole
    entered = [book.decoded(entry)["from"] for entry in book.entries(kind="export")]
    assert entered == [1, 5, 13, 13, 1]
    for start in ("0", "99", "2027-01-01", "yesterday", "-1"):
        with pytest.raises(UsageError):
            book.export(tmp_path / "6.ndjson", actor="root", start=start)
    with pytest.raises(Conflict):
        book.export(tmp_path / "1.ndjson", actor="root")
    assert len(list(book.entries(kind="export"))) == 6  # that one was tried, and is entered as such
