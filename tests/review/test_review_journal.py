"""The ledger on the auditor's page: who did what, who read whose identity, and nothing about anybody's health."""

from __future__ import annotations

import html
import re
from typing import Any

PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}


def _text(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


def _numbers(reply: Any) -> list[int]:
    return [int(number) for number in re.findall(r'class="number">(\d+)</td>', reply.text)]


def test_the_newest_entries_come_first_with_who_and_when(hospital: Any) -> None:
    answer = hospital.ask("clinician", patient=PATIENT)
    hospital.clock.forward(minutes=5)
    hospital.client("second").get(f"/answers/{answer['id']}")
    page = hospital.client("auditor").get("/ledger")
    numbers = _numbers(page)
    assert numbers == sorted(numbers, reverse=True)
    text = _text(page)
    assert re.search(rf"{numbers[0]} 2 Mar 2026, 08:05 UTC identity read second patient [0-9a-f]{{8}} ", text)
    assert f"answer given clinician {answer['id']}" in text


def test_nothing_that_was_said_of_a_patient_is_shown(hospital: Any) -> None:
    named, nameless = hospital.ask(patient=PATIENT), hospital.ask()
    client = hospital.client("clinician")
    said = {"verdict": "disagree", "conclusion": "Fibroadenoma", "reason": "Histology", "action": "Control"}
    for answer in (named, nameless):
        hospital.form(client, f"/answers/{answer['id']}", **said)
    text = hospital.client("auditor").get("/ledger").text
    for secret in ("Meier", "1958", "A-10234", "Fibroadenoma", "Histology", "Control", "mean_radius", "malignant"):
        assert secret not in text


def test_entries_are_filtered_by_kind_by_who_and_by_what(hospital: Any) -> None:
    answer = hospital.ask("clinician")
    hospital.form(hospital.client("admin"), "/users", name="ada", full_name="Dr. Ada", role="clinician")
    auditor = hospital.client("auditor")
    added = _text(auditor.get("/ledger?kind=user-added&actor=admin"))
    assert "user added admin ada role: clinician full name: Dr. Ada" in added
    assert "answer given" not in added.partition("Newest first")[0].rpartition("No.")[2]
    about = auditor.get(f"/ledger?subject={answer['id']}")
    assert len(_numbers(about)) == 1
    assert "Nothing here." in _text(auditor.get("/ledger?actor=nobody"))
    assert auditor.get("/ledger?colour=red").status_code == 422
    assert auditor.get("/ledger?before=0").status_code == 422


def test_who_read_a_patients_identity_is_found_by_the_patients_number(hospital: Any) -> None:
    answer = hospital.ask("service", patient=PATIENT)
    hospital.ask("service", patient={"id": "B-1"})
    hospital.client("second").get(f"/answers/{answer['id']}")
    auditor = hospital.client("auditor")
    reply = hospital.form(auditor, "/ledger", patient=" a-10234 ")
    where = reply.headers["Location"]
    assert re.fullmatch(r"/ledger\?patient=[0-9a-f]{32}", where)
    page = _text(auditor.get(where))
    assert "identity read second" in page
    assert len(_numbers(auditor.get(where))) == 3  # the identity, the answer, the reading
    unknown = hospital.form(auditor, "/ledger", patient="C-9")
    assert (unknown.status_code, "no patient with this number" in _text(unknown)) == (404, True)
    assert "C-9" not in unknown.text


def test_the_chain_is_read_page_by_page_without_a_gap(hospital: Any) -> None:
    for number in range(120):
        hospital.ledger.append("log-in", actor=f"user-{number}", body={})
    auditor = hospital.client("auditor")
    seen: list[int] = []
    where = "/ledger"
    while where:
        page = auditor.get(where)
        seen += _numbers(page)
        links = re.findall(r'href="([^"]*before=\d+[^"]*)"', page.text)
        where = html.unescape(links[0]) if links else ""
    assert seen == list(range(len(seen), 0, -1))
    assert len(seen) == sum(1 for _ in hospital.ledger.entries())


def test_a_kind_that_bedside_does_not_know_is_shown_as_it_is(hospital: Any) -> None:
    hospital.ledger.append("of-another-version", actor="bedside", body={"name": "secret"})
    text = _text(hospital.client("auditor").get("/ledger"))
    assert "of-another-version" in text
    assert "secret" not in text
