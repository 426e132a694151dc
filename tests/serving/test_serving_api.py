"""The JSON API as a client sees it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import pytest

ANSWERS = "/api/v1/releases/breast-fna/answers"


def test_an_answer_is_what_the_graph_says_with_an_explanation_that_adds_up(hospital: Any) -> None:
    reply = hospital.client("clinician").post(ANSWERS, json={"values": house.PLAUSIBLE | {"mean_radius": 16.0}})
    answer = reply.json()
    expected = house.probability(house.PLAUSIBLE | {"mean_radius": 16.0})
    assert reply.status_code == 201
    assert reply.headers["Location"] == f"/api/v1/answers/{answer['id']}"
    assert answer["estimate"]["malignant"] == pytest.approx(expected, abs=1e-6)
    explained = answer["explanation"]["base_value"] + sum(answer["explanation"]["values"].values())
    assert explained == pytest.approx(expected, abs=1e-5)
    assert (answer["status"], answer["queued"], answer["alert"]) == ("preliminary", True, True)
    assert answer["warnings"] == ["Not approved for care."]
    stored = hospital.client("clinician").get(reply.headers["Location"]).json()
    assert stored == answer


def test_units_are_converted_and_both_forms_are_kept(hospital: Any) -> None:
    taken = (house.START - dt.timedelta(days=2)).isoformat()
    answer = hospital.ask(values=house.PLAUSIBLE | {"tumour_size": {"value": 2.9, "unit": "cm", "time": taken}})
    used = answer["values"]["tumour_size"]
    assert (used["value"], used["unit"], used["given"]) == (pytest.approx(29.0), "mm", "2.9 cm")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"mean_radius": 700}, "mean_radius"),
        ({"mean_radios": 7}, "mean_radios"),
        ({"mean_radius": "thick"}, "mean_radius"),
        ({"mean_radius": True}, "mean_radius"),
        ({"mean_radius": [1]}, "mean_radius"),
        ({"menopause": "perhaps"}, "menopause"),
        ({"tumour_size": {"value": 3, "unit": "kg"}}, "tumour_size"),
        ({"tumour_size": {"value": 3, "time": "yesterday"}}, "tumour_size"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(hospital: Any, values: dict[str, Any], named: str) -> None:
    reply = hospital.client("service").post(ANSWERS, json={"values": values})
    assert reply.status_code == 422
    assert list(reply.json()["error"]["problems"]) == [named]
    assert hospital.ledger.count() == 0


def test_a_patient_unlike_the_training_population_gets_no_estimate(hospital: Any) -> None:
    answer = hospital.ask(values=house.STRANGE)
    assert answer["abstained"] is True
    assert answer["queued"] is True
    assert answer["estimate"] is answer["explanation"] is answer["alert"] is None
    assert [reason["code"] for reason in answer["reasons"]] == ["unlike-training"]


def test_an_explanation_only_where_asked_for(hospital: Any) -> None:
    assert hospital.ask(explain=False)["explanation"] is None


def test_what_a_service_asks_queues_by_the_releases_rule_only(hospital: Any) -> None:
    low = house.PLAUSIBLE | {"mean_radius": 8.0}
    assert hospital.ask("service", values=low)["queued"] is False
    assert hospital.ask("service", values=low, asked=True)["queued"] is True
    assert hospital.ask("clinician", values=low)["queued"] is True
    assert hospital.ask("service", values=house.HIGH)["queued"] is True


def test_agreeing_makes_it_final_with_name_and_time(hospital: Any) -> None:
    answer = hospital.ask()
    hospital.clock.forward(minutes=7)
    client = hospital.client("clinician")
    reply = client.post(f"/api/v1/answers/{answer['id']}/reviews", json={"verdict": "agree", "action": "excision"})
    assert reply.status_code == 201
    stored = client.get(f"/api/v1/answers/{answer['id']}").json()
    assert stored["status"] == "final"
    assert stored["reviews"] == [reply.json()]
    assert (reply.json()["reviewer_name"], reply.json()["at"]) == ("Dr. Ida Rolf", "2026-03-02T08:07:00.000000Z")


def test_unsure_asks_for_a_second_reading_by_another(hospital: Any) -> None:
    path = f"/api/v1/answers/{hospital.ask()['id']}/reviews"
    first, second = hospital.client("clinician"), hospital.client("second")
    assert first.post(path, json={"verdict": "unsure"}).json()["status"] == "preliminary"
    assert first.post(path, json={"verdict": "agree"}).status_code == 409
    assert second.post(path, json={"verdict": "agree"}).json()["status"] == "final"


def test_disagreeing_needs_a_conclusion_and_a_reason(hospital: Any) -> None:
    path = f"/api/v1/answers/{hospital.ask()['id']}/reviews"
    client = hospital.client("clinician")
    reply = client.post(path, json={"verdict": "disagree"})
    assert (reply.status_code, set(reply.json()["error"]["problems"])) == (422, {"conclusion", "reason"})
    said = {"verdict": "disagree", "conclusion": "Fibroadenoma", "reason": "Histology"}
    assert client.post(path, json=said).json()["status"] == "final"


def test_a_review_of_what_has_changed_meanwhile_is_refused(hospital: Any) -> None:
    path = f"/api/v1/answers/{hospital.ask()['id']}/reviews"
    hospital.client("second").post(path, json={"verdict": "agree"})
    late = {"verdict": "agree", "reason": "also", "expected": "preliminary"}
    assert hospital.client("clinician").post(path, json=late).status_code == 409


def test_an_expired_answer_cannot_be_signed(hospital: Any) -> None:
    answer = hospital.ask()["id"]
    hospital.clock.forward(days=31)
    client = hospital.client("clinician")
    assert client.get(f"/api/v1/answers/{answer}").json()["status"] == "expired"
    assert client.post(f"/api/v1/answers/{answer}/reviews", json={"verdict": "agree"}).status_code == 409


def test_the_list_filters_counts_and_pages_longest_waiting_first(hospital: Any) -> None:
    ids = []
    for age in (50, 51, 52):
        ids.append(hospital.ask(values=house.HIGH | {"age": age})["id"])
        hospital.clock.forward(minutes=1)
    hospital.ask(values=house.STRANGE)
    client = hospital.client("clinician")
    page = client.get("/api/v1/answers?alert=true&limit=2&offset=1").json()
    assert [row["id"] for row in page["answers"]] == ids[1:]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
    assert client.get("/api/v1/answers?abstained=true").json()["total"] == 1
    assert client.get("/api/v1/answers?status=final").json()["total"] == 0


@pytest.mark.parametrize("query", ["status=nearly", "limit=0", "limit=many", "offset=-1", "colour=red"])
def test_a_filter_that_cannot_be_is_a_422(hospital: Any, query: str) -> None:
    assert hospital.client("clinician").get(f"/api/v1/answers?{query}").status_code == 422


def test_replay_is_bit_for_bit_on_this_machine(hospital: Any) -> None:
    given = house.HIGH | {"tumour_size": {"value": 2.93, "unit": "cm", "time": "2026-03-01T08:00:00Z"}, "age": None}
    # Where the day began earlier it is the third of March already.
    ahead = house.HIGH | {"tumour_size": {"value": 29.3, "time": "2026-03-03"}}
    for values in (ahead, given, house.STRANGE):
        answer = hospital.ask(values=values)["id"]
        hospital.clock.forward(days=3)
        replay = hospital.client("auditor").get(f"/api/v1/answers/{answer}/replay").json()
        assert replay["result"] == "bit-for-bit"
        assert replay["tolerance"] == 1e-5
    assert replay["largest_difference"] is None


@pytest.mark.parametrize(("shift", "result"), [(5e-6, "within-tolerance"), (1e-3, "different")])
def test_replay_says_when_the_numbers_are_not_the_same(hospital: Any, shift: float, result: str) -> None:
    answer = hospital.ask()
    changed = dict(answer, id=f"changed-{result}")
    del changed["identity"], changed["reviews"]
    changed["estimate"] = {name: value + shift for name, value in answer["estimate"].items()}
    hospital.ledger.record_answer(changed, actor="clinician", patient=None)
    replay = hospital.client("scientist").get(f"/api/v1/answers/{changed['id']}/replay").json()
    assert replay["result"] == result
    assert replay["largest_difference"] == pytest.approx(shift, rel=1e-3)


def test_an_answer_of_a_release_that_is_not_loaded_is_not_replayable(hospital: Any) -> None:
    answer = hospital.ask()
    foreign = {name: value for name, value in answer.items() if name not in {"identity", "reviews"}}
    foreign |= {"id": "foreign", "release": answer["release"] | {"digest": "0" * 64}}
    hospital.ledger.record_answer(foreign, actor="clinician", patient=None)
    reply = hospital.client("auditor").get("/api/v1/answers/foreign/replay")
    assert (reply.status_code, "not replayable" in reply.json()["error"]["what"]) == (409, True)


def test_nothing_is_answered_before_two_people_approved(careful: Any) -> None:
    client = careful.client("service")
    reply = client.post(ANSWERS, json={"values": house.HIGH})
    assert (reply.status_code, "bedside approve" in reply.json()["error"]["remedy"]) == (409, True)
    digest = client.get("/api/v1/releases").json()["releases"][0]["digest"]
    for who, status in (("scientist", 409), ("clinician", 201)):
        careful.ledger.approve(digest, "breast-fna", "1.0.0", careful.users[who], "read the report")
        assert client.post(ANSWERS, json={"values": house.HIGH}).status_code == status
    assert careful.ask("service")["warnings"] == []
    assert client.get("/api/v1/releases").json()["releases"][0]["approved_for_care"] is True


def test_the_same_id_with_another_birth_date_is_refused_and_nothing_is_stored(hospital: Any) -> None:
    hospital.ask(patient={"id": "A-1", "birth_date": "1958-03-14"})
    body = {"values": house.HIGH, "patient": {"id": " a-1", "birth_date": "1960-01-01"}}
    assert hospital.client("clinician").post(ANSWERS, json=body).status_code == 409
    assert hospital.ledger.count() == 1


@pytest.mark.parametrize(
    ("send", "status"),
    [
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"content": b"{}"}, 415),
        ({"json": {}}, 422),
        ({"json": []}, 422),
        ({"json": {"values": {}, "colour": "red"}}, 422),
        ({"json": {"values": {}, "patient": {"id": ""}}}, 422),
        ({"json": {"values": {}, "patient": {"id": "1", "birth_date": "31.12.1950"}}}, 422),
        ({"content": b" " * (1024 * 1024 + 1), "headers": {"Content-Type": "application/json"}}, 413),
    ],
)
def test_every_refusal_has_the_one_shape(hospital: Any, send: dict[str, Any], status: int) -> None:
    reply = hospital.client("service").post(ANSWERS, **send)
    assert reply.status_code == status
    assert {"what", "where", "remedy"} <= set(reply.json()["error"])
    assert set(reply.json()) == {"error"}


def test_a_body_without_a_declared_length_is_cut_off_too(hospital: Any) -> None:
    def endless() -> Any:
        for _ in range(40):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    assert hospital.client("service").post(ANSWERS, content=endless(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/releases/", 404),
        ("GET", "/api/v1/answers/none", 404),
        ("POST", "/api/v1/releases/other/answers", 404),
        ("DELETE", "/api/v1/answers/none", 405),
        ("POST", "/livez", 405),
        ("PUT", ANSWERS, 405),
    ],
)
def test_paths_and_methods_that_are_not_there(hospital: Any, method: str, path: str, status: int) -> None:
    reply = hospital.client("clinician").request(method, path, **({"json": {"values": {}}} if method == "POST" else {}))
    assert reply.status_code == status
    assert {"what", "where", "remedy"} <= set(reply.json()["error"])
    assert status != 405 or reply.headers["Allow"]


def test_head_is_get_without_a_body(hospital: Any) -> None:
    reply = hospital.anonymous().head("/livez")
    assert (reply.status_code, reply.content) == (200, b"")


def test_nothing_about_the_fault_leaves_the_server(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Anneliese Meier")

    monkeypatch.setattr("bedside.serving.answers.answer_patient", broken)
    reply = hospital.client("service").post(ANSWERS, json={"values": {}})
    assert (reply.status_code, "Meier" in reply.text, "RuntimeError" in reply.text) == (500, False, False)
    assert len(reply.json()["error"]["reference"]) == 12


def test_trouble_with_the_ledger_is_a_503_that_names_no_path(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bedside.errors import LedgerError

    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full", where="/srv/ledger.db")

    client = hospital.client("service")
    monkeypatch.setattr(hospital.ledger, "record_answer", full)
    reply = client.post(ANSWERS, json={"values": {}})
    assert (reply.status_code, "srv" in reply.text) == (503, False)


def test_the_ledger_holds_the_answer_as_it_was_sent_and_its_chain_holds(hospital: Any) -> None:
    answer = hospital.ask("service", patient={"id": "A-1", "name": "Anneliese Meier"})
    stored = hospital.ledger.answer(answer["id"])
    raw = msgspec.json.encode(list(hospital.ledger.entries()))
    assert stored.recorded.actor == "service"
    assert stored.answer["estimate"] == answer["estimate"]
    assert b"Meier" not in raw
    folder = Path(hospital.ledger.place).parent
    assert not any(b"Meier" in file.read_bytes() for file in folder.glob("ledger.db*"))
    assert hospital.ledger.verify().holds


def test_a_body_that_nobody_wants_is_not_read(hospital: Any) -> None:
    reply = hospital.anonymous().post("/nothing", content=b" " * 2_000_000, headers={"Accept": "text/html"})
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_security_headers_are_on_every_reply(hospital: Any) -> None:
    for path in ("/livez", "/nothing", "/api/v1/releases", "/login"):
        headers = hospital.anonymous().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        for rule in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ):
            assert rule in policy
        assert "unsafe" not in policy


def test_a_release_says_what_to_send_it(hospital: Any) -> None:
    (release,) = json.loads(hospital.client("service").get("/api/v1/releases").text)["releases"]
    assert [variable["name"] for variable in release["variables"]] == list(house.SCHEMA.names)
    assert (release["name"], release["threshold"], release["approved_for_care"]) == ("breast-fna", 0.2, False)


def test_an_answer_of_an_erased_patient_is_gone_everywhere(hospital: Any) -> None:
    answer = hospital.ask(patient={"id": "A-1", "name": "Ann", "birth_date": "1958-03-14"})["id"]
    other = hospital.ask(patient={"id": "A-2"})["id"]
    clinician = hospital.client("clinician")
    assert clinician.get("/api/v1/answers").json()["total"] == 2
    hospital.ledger.erase_patient("A-1", reason="law", user=hospital.users["admin"])
    for path in (f"/api/v1/answers/{answer}", f"/api/v1/answers/{answer}/replay", f"/answers/{answer}"):
        reply = clinician.get(path)
        assert reply.status_code == 410, path
    assert "not replayable" in clinician.get(f"/api/v1/answers/{answer}/replay").json()["error"]["what"]
    assert clinician.post(f"/api/v1/answers/{answer}/reviews", json={"verdict": "agree"}).status_code == 410
    listed = clinician.get("/api/v1/answers").json()
    assert ([row["id"] for row in listed["answers"]], listed["total"]) == ([other], 1)
    page = clinician.get("/?show=all")
    assert (page.status_code, answer in page.text, other in page.text) == (200, False, True)
    assert hospital.ask(patient={"id": "A-1", "birth_date": "1999-09-09"})["status"] == "preliminary"
    assert hospital.ledger.verify().problems == ()
