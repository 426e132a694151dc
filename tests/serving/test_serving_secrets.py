"""Nothing that names a patient, and no secret, leaves by the log or lies in the database in clear."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest

from bedside.serving.logs import logging_to

ANSWERS = "/api/v1/releases/breast-fna/answers"
PATIENT = {"id": "PATIENT-77", "name": "Anneliese Marker", "birth_date": "1958-03-14"}
VALUE, PASSWORD = 31.415926, "a password to be marked"
CLEAR = ("PATIENT-77", "Marker", "1958-03-14")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the server logs, every level of it."""
    written = io.StringIO()
    with logging_to(logging.StreamHandler(written)):
        for name in ("bedside", "uvicorn"):
            logging.getLogger(name).setLevel(1)
        yield written


def _everywhere(hospital: Any) -> set[str]:
    """Marked identifiers, values and secrets in all the places where a client can put them; what must not be logged."""
    answer = hospital.ask(patient=PATIENT, values=house.HIGH | {"mean_texture": VALUE})["id"]
    clinician, stranger = hospital.client("clinician"), hospital.anonymous()
    token = clinician.cookies["bedside_session"]
    clinician.get(f"/answers/{answer}?find=Marker")
    clinician.get("/?find=PATIENT-77&release=Marker")
    clinician.get(f"/api/v1/answers?release={PATIENT['id']}")
    clinician.get(f"/api/v1/answers/{PATIENT['id']}")
    clinician.get("/PATIENT-77/Marker")
    clinician.request("MARKER", "/livez")
    said = {"verdict": "disagree", "conclusion": "Marker has none", "reason": "PATIENT-77"}
    clinician.post(f"/api/v1/answers/{answer}/reviews", json=said)
    for body in (b'{"patient": {"id": "PATIENT-77", ', b'{"values": {"Marker": "PATIENT-77"}}', b'"Marker"'):
        clinician.post(ANSWERS, content=body, headers={"Content-Type": "application/json"})
    clinician.post(ANSWERS, json={"values": {"mean_texture": f"{VALUE} Marker"}, "patient": PATIENT})
    form = {"patient.id": "PATIENT-77", "patient.birth_date": "Marker", "value.mean_texture": str(VALUE)}
    hospital.form(clinician, "/releases/breast-fna/new", **form)
    stranger.get("/livez", headers={"X-Marker": "PATIENT-77", "Cookie": f"bedside_session={token}x; Marker=1"})
    stranger.post("/login", data={"name": "clinician", "password": PASSWORD})
    stranger.post("/login", data={"name": PASSWORD, "password": "Marker"})
    stranger.get("/login?next=/PATIENT-77")
    stranger.get("/api/v1/releases", headers={"Authorization": f"Bearer {PASSWORD}"})
    stranger.get("/api/v1/releases", headers={"Authorization": f"Marker {PASSWORD}"})
    hospital.form(clinician, "/password", old=PASSWORD, new=PASSWORD + "1", again=PASSWORD + "1")
    csrf = clinician.headers["X-CSRF-Token"]
    keys = {hospital.secrets["service"], house.PASSWORD}
    return {*CLEAR, str(VALUE), PASSWORD, token, csrf, answer, *keys}


def test_the_log_holds_none_of_what_clients_send(hospital: Any, logged: io.StringIO) -> None:
    hidden = _everywhere(hospital)
    text = logged.getvalue()
    assert text.count('"event":"request"') > 15
    assert [secret for secret in hidden if secret.casefold() in text.casefold()] == []


def test_a_fault_that_quotes_a_patient_does_not_do_so_in_log_or_reply(
    hospital: Any, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(f"{PATIENT} {VALUE}") from KeyError("Marker")

    monkeypatch.setattr("bedside.serving.answers.answer_patient", broken)
    reply = hospital.client("clinician").post(ANSWERS, json={"values": {}, "patient": PATIENT})
    text = logged.getvalue() + reply.text
    assert reply.status_code == 500
    assert [secret for secret in (*CLEAR, str(VALUE)) if secret in text] == []


def test_the_files_of_the_ledger_hold_no_identity_and_no_secret(hospital: Any) -> None:
    hidden, answers = _everywhere(hospital), {entry.subject for entry in hospital.ledger.entries(kind="answer")}
    files = Path(hospital.ledger.place).parent.glob("ledger.db*")
    raw = b"".join(file.read_bytes() for file in files if file.suffix != ".key")
    assert b"CREATE TABLE" in raw
    assert [secret for secret in hidden - answers if secret.encode() in raw] == []


def test_each_page_and_reply_that_shows_an_identity_enters_that_it_was_read(hospital: Any) -> None:
    answer = hospital.ask("service", patient=PATIENT)["id"]
    clinician = hospital.client("clinician")
    pages = ["/", f"/answers/{answer}", f"/api/v1/answers/{answer}", "/api/v1/answers", "/releases", "/?show=all"]
    pages += [f"/api/v1/answers/{answer}/replay", "/releases/breast-fna/new", "/releases/breast-fna", "/password"]
    for path in pages:
        before = len(list(hospital.ledger.entries(kind="identity-read")))
        reply = clinician.get(path)
        entered = list(hospital.ledger.entries(kind="identity-read"))[before:]
        shown = any(word in reply.text for word in CLEAR)
        assert [entry.actor for entry in entered] == (["clinician"] if shown else []), path
    assert json.loads(clinician.get(f"/api/v1/answers/{answer}").text)["identity"] == PATIENT
