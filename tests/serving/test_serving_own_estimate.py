"""Own estimate first: until a clinician has given theirs, no route tells them what the model says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest

from bedside.release import ReviewRule
from bedside.review import PAGES
from bedside.serving import declared

FIRST = ReviewRule(queue=("alert",), own_estimate_first=True)
PATIENT = {"id": "A-1", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
VALUES = house.PLAUSIBLE


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Two releases that differ in nothing but what they say of the same patient."""
    folder = tmp_path_factory.mktemp("first")
    return {
        says: house.make_release(folder / says, shift=shift, review=FIRST)
        for says, shift in (("alert", 4.0), ("calm", -4.0))
    }


@pytest.fixture
def first(tmp_path: Path, releases: dict[str, tuple[Path, Path]]) -> Iterator[Any]:
    hospital = house.open_hospital(tmp_path, [releases["alert"]], pages=PAGES)
    yield hospital
    hospital.ledger.close()


_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{16,64}|>[0-9a-f]{8}</code>|[0-9a-f]{8}, ")


def _told(folder: Path, release: tuple[Path, Path], *, after: bool = False) -> dict[str, str]:
    """What a clinician can read of one answer, on every route there is; names and digests that are random left out."""
    hospital = house.open_hospital(folder, [release], pages=PAGES)
    answer = hospital.ask("service", values=VALUES, patient=PATIENT, asked=False)["id"]
    hospital.ask("clinician", values=VALUES, patient=PATIENT)  # another, so that there is an earlier one
    if after:
        hospital.ledger.own_estimate(answer, estimate=None, clinician=hospital.users["clinician"])
    client = hospital.client("clinician")
    told = {}
    for route in declared(PAGES):
        if route.method == "GET" and route.roles is not None and "clinician" in route.roles:
            for query in ("", "?show=all", "?only=alert", "?only=no-alert", "?alert=true", "?alert=false"):
                path = route.path.replace("{id}", answer).replace("{name}", "breast-fna").replace("{version}", "1.0.0")
                told[f"{route.path}{query}"] = client.get(path + query).text
    asked = client.post("/api/v1/releases/breast-fna/answers", json={"values": VALUES})
    found = client.post("/api/v1/answers/search", json={"id": PATIENT["id"]})
    shown = hospital.form(client, "/patients", id=PATIENT["id"])
    review = client.post(f"/api/v1/answers/{answer}/reviews", json={"verdict": "agree"})
    told |= {"ask": asked.text, "search": found.text, "patients": shown.text, "review": review.text}
    assert (asked.status_code, found.status_code, shown.status_code) == (201, 200, 200)
    hospital.ledger.close()
    return {name: _NAMES.sub("", text) for name, text in told.items()}


def test_every_route_reads_the_same_whatever_the_model_says(
    tmp_path: Path, releases: dict[str, tuple[Path, Path]]
) -> None:
    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
    alert, calm = _told(tmp_path / "one", releases["alert"]), _told(tmp_path / "two", releases["calm"])
    assert len(alert) > 60
    assert [name for name in alert if alert[name] != calm[name]] == []
    alert, calm = (
        _told(tmp_path / folder, releases[says], after=True) for folder, says in (("three", "alert"), ("four", "calm"))
    )
    different = {name for name in alert if alert[name] != calm[name]}
    assert {"/api/v1/answers/{id}", "/answers/{id}", "/api/v1/answers", "/?only=alert", "search"} <= different


def test_the_model_is_shown_beside_the_own_estimate_to_whoever_gave_one(first: Any) -> None:
    answer = first.ask("service", values=VALUES)
    assert (answer["alert"], answer["withheld"], answer["queued"]) == (True, False, True)
    path = f"/api/v1/answers/{answer['id']}"
    clinician, second = first.client("clinician"), first.client("second")
    before = clinician.get(path).json()
    assert before["withheld"] is True
    empty = {"estimate": None, "prediction_set": [], "spread": None, "alert": None, "explanation": None, "guidance": []}
    assert {name: before[name] for name in empty} == empty
    assert before["values"]["age"]["value"] == VALUES["age"]
    refused = clinician.post(f"{path}/reviews", json={"verdict": "agree"})
    assert (refused.status_code, "own estimate comes first" in refused.text) == (409, True)
    own = clinician.post(f"{path}/own-estimate", json={"estimate": {"malignant": 0.3}})
    assert (own.status_code, own.json()["clinician_name"]) == (201, "Dr. Ida Rolf")
    after = clinician.get(path).json()
    assert (after["withheld"], after["alert"], after["estimate"]) == (False, True, answer["estimate"])
    assert [one["estimate"] for one in after["own_estimates"]] == [{"malignant": 0.3}]
    assert second.get(path).json()["withheld"] is True
    assert second.get(path).json()["own_estimates"] == []
    assert clinician.post(f"{path}/own-estimate", json={"estimate": None}).status_code == 409
    assert clinician.post(f"{path}/reviews", json={"verdict": "agree"}).status_code == 201


@pytest.mark.parametrize("estimate", [{"malignant": 1.2}, {"cured": 0.5}, {}, {"malignant": "much"}])
def test_what_is_no_estimate_is_refused(first: Any, estimate: Any) -> None:
    path = f"/api/v1/answers/{first.ask('service', values=VALUES)['id']}/own-estimate"
    assert first.client("clinician").post(path, json={"estimate": estimate}).status_code == 422
    assert list(first.ledger.entries(kind="own-estimate")) == []


def test_others_words_wait_too_but_what_is_signed_is_shown(first: Any) -> None:
    answer = first.ask("service", values=VALUES)["id"]
    first.ledger.own_estimate(answer, estimate={"malignant": 0.9}, clinician=first.users["second"])
    said = {"conclusion": "Looks benign", "reason": "Far above 70 %", "reason_codes": ["too-uncertain"]}
    first.ledger.review(answer, verdict="unsure", reviewer=first.users["second"], **said)
    path, client = f"/api/v1/answers/{answer}", first.client("clinician")
    (review,) = client.get(path).json()["reviews"]
    assert (review["verdict"], review["reviewer"]) == ("unsure", "second")
    assert (review["conclusion"], review["reason"], review["reason_codes"]) == ("", "", [])
    first.ledger.own_estimate(answer, estimate=None, clinician=first.users["clinician"])
    first.ledger.review(
        answer, verdict="disagree", conclusion="Fibroadenoma", reason="x", reviewer=first.users["clinician"]
    )
    third, _ = first.ledger.add_user("third", "clinician", actor="test")
    first.users["third"] = third
    first.ledger.change_password("third", _, house.PASSWORD)
    seen = first.client("third").get(path).json()
    assert (seen["status"], seen["withheld"], seen["reviews"][-1]["conclusion"]) == ("final", True, "Fibroadenoma")
    assert "Fibroadenoma" in first.client("third").get(f"/answers/{answer}").text


def test_nothing_is_withheld_where_the_model_says_nothing(first: Any) -> None:
    answer = first.ask("service", values=house.STRANGE)["id"]
    seen = first.client("clinician").get(f"/api/v1/answers/{answer}").json()
    assert (seen["abstained"], seen["withheld"]) == (True, False)


def test_the_page_asks_first_and_then_shows_both(first: Any) -> None:
    answer = first.ask("service", values=VALUES, patient=PATIENT)["id"]
    client, path = first.client("clinician"), f"/answers/{answer}"
    page = client.get(path).text
    assert "Your own estimate first" in page
    for hidden in ("threshold for acting", "What pushed", "Sign as", "What acting at the threshold means"):
        assert hidden not in page
    assert "your own estimate first" in client.get("/").text
    for wrong, said in (("", "or say that you cannot"), ("140", "0 to 100"), ("much", "0 to 100")):
        reply = first.form(client, f"{path}/own-estimate", **{"own.malignant": wrong})
        assert (reply.status_code, said in reply.text) == (422, True), wrong
    sent = first.form(client, f"{path}/own-estimate", **{"own.malignant": "12,5 %"})
    assert (sent.status_code, sent.headers["Location"]) == (303, path)
    shown = client.get(path).text
    assert re.search(r"<dt>Own estimate</dt><dd><strong>12 %</strong> <span class=\"quiet\">Dr. Ida Rolf", shown)
    assert "threshold for acting" in shown
    assert "Sign as" in shown
    (own,) = first.ledger.answer(answer).own_estimates
    assert own.estimate == {"malignant": 0.125}
