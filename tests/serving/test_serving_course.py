"""A prognosis as it is served: the answer, the inference protocol, replay, and what is kept back."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import course_model
import hospital as house
import numpy as np
import pytest

from bedside.release import ReviewRule, model_card, open_release
from bedside.review import PAGES

INFER = "/v2/models/breast-fna/infer"
EVENTS = course_model.EVENTS


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return house.make_release(tmp_path_factory.mktemp("course"), course=course_model.course(EVENTS))


@pytest.fixture
def ward(tmp_path: Path, release: tuple[Path, Path]) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path, [release], pages=PAGES, oip=True)
    yield opened
    opened.ledger.close()


def columns(*patients: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = dict.fromkeys(house.NUMBERS, "FP64") | dict.fromkeys(house.CATEGORIES, "BYTES")
    return [
        {"name": name, "datatype": kind, "shape": [len(patients)], "data": [values[name] for values in patients]}
        for name, kind in kinds.items()
    ]


def test_an_answer_carries_its_course(ward: Any) -> None:
    answer = ward.ask(values=house.HIGH, horizon=365)
    (expected,) = course_model.risk(np.array([house.linear(house.HIGH)]), EVENTS)
    assert list(answer["estimate"].values()) == pytest.approx(expected, abs=1e-6)
    assert answer["explanation"]["output"] == "death within 365 d"
    course = answer["course"]
    assert (course["event"], course["unit"], course["horizons"], course["decision"]) == (
        "death",
        "d",
        [365, 1825],
        1825,
    )
    assert list(course["incidence"]) == list(EVENTS)
    stored = ward.client("clinician").get(f"/api/v1/answers/{answer['id']}").json()
    assert stored["course"] == course


def test_an_alert_at_the_decision_waits_for_a_review(ward: Any) -> None:
    low = house.PLAUSIBLE | {"mean_radius": 5.0, "worst_radius": 6.0, "age": 30.0}
    asked = [ward.ask("service", values=values) for values in (low, house.HIGH, house.STRANGE)]
    assert [(one["alert"], one["queued"]) for one in asked] == [(False, False), (True, True), (None, True)]
    waiting = ward.client("clinician").get("/api/v1/answers?queued=true&alert=true").json()
    assert [line["id"] for line in waiting["answers"]] == [asked[1]["id"]]


@pytest.mark.parametrize("horizon", [30, "soon"])
def test_a_horizon_that_cannot_be_explained_is_refused(ward: Any, horizon: Any) -> None:
    body = {"values": house.HIGH, "horizon": horizon}
    reply = ward.client("clinician").post("/api/v1/releases/breast-fna/answers", json=body)
    assert reply.status_code == 422
    assert "horizon" in reply.text


def test_a_stored_answer_is_replayed_to_the_bit(ward: Any) -> None:
    answer = ward.ask(values=house.HIGH, horizon=365)
    replayed = ward.client("clinician").get(f"/api/v1/answers/{answer['id']}/replay").json()
    assert (replayed["result"], replayed["largest_difference"]) == ("bit-for-bit", 0)


def test_the_course_is_kept_back_until_the_own_estimate_is_given(tmp_path: Path) -> None:
    rule = ReviewRule(own_estimate_first=True)
    folder = tmp_path / "release"
    folder.mkdir()
    made = house.make_release(folder, course=course_model.course(), review=rule)
    ward = house.open_hospital(tmp_path, [made], pages=PAGES)
    answer = ward.ask("service")
    client = ward.client("clinician")
    shown = client.get(f"/api/v1/answers/{answer['id']}").json()
    assert (shown["withheld"], shown["course"], shown["estimate"]) == (True, None, None)
    page = client.get(f"/answers/{answer['id']}?horizon=365").text
    assert "Probability of death within 5 years, in percent" in page
    assert "Probability of death within 1 year, in percent" in page
    assert "<polyline" not in page
    own = {"own.death within 365 d": "10", "own.death within 1825 d": "40"}
    assert ward.form(client, f"/answers/{answer['id']}/own-estimate", **own).status_code == 303
    page = client.get(f"/answers/{answer['id']}").text
    assert "death within 1 year 10 %, death within 5 years 40 %" in page
    assert "<polyline" in page
    ward.ledger.close()


def test_inferences_give_risks_and_curves_and_no_bare_cell(ward: Any) -> None:
    patients = [house.HIGH, house.STRANGE, house.PLAUSIBLE]
    reply = ward.client("service").post(INFER, json={"inputs": columns(*patients)})
    assert reply.status_code == 200, reply.text
    found = {output["name"]: output for output in reply.json()["outputs"]}
    assert set(found) == {"risk", "incidence", "survival", "abstained", "reasons", "alert"}
    edges = len(course_model.EDGES)
    assert (found["risk"]["shape"], found["incidence"]["shape"], found["survival"]["shape"]) == (
        [3, 2],
        [3, edges],
        [3, edges],
    )
    linear = np.array([house.linear(values) for values in (house.HIGH, house.PLAUSIBLE)])
    risk = found["risk"]["data"]
    assert risk[:2] + risk[4:] == pytest.approx(course_model.risk(linear, EVENTS).ravel(), abs=1e-6)
    assert risk[2:4] == [None, None]
    assert found["survival"]["data"][:edges] == pytest.approx(course_model.survival(linear, EVENTS)[0], abs=1e-6)
    assert found["survival"]["data"][edges : 2 * edges] == [None] * edges
    assert found["incidence"]["data"][edges - 2] == pytest.approx(risk[1], abs=1e-9)  # 1825 is the last edge but one
    assert found["alert"]["data"] == [True, None, True]


def test_curves_also_come_as_binary_data(ward: Any) -> None:
    body = {"inputs": columns(house.HIGH), "outputs": [{"name": "survival", "parameters": {"binary_data": True}}]}
    reply = ward.client("service").post(INFER, json=body)
    length, edges = int(reply.headers["Inference-Header-Content-Length"]), len(course_model.EDGES)
    values = struct.unpack(f"<{edges}d", reply.content[length:])
    assert values == pytest.approx(course_model.survival(np.array([house.linear(house.HIGH)]), EVENTS)[0], abs=1e-6)


def test_probability_is_no_output_of_a_course(ward: Any) -> None:
    body = {"inputs": columns(house.HIGH), "outputs": [{"name": "probability"}]}
    reply = ward.client("service").post(INFER, json=body)
    assert reply.status_code == 400
    assert "there is no output 'probability'" in reply.json()["error"]


def test_the_metadata_say_what_the_columns_are_about(ward: Any) -> None:
    told = ward.client("service").get("/v2/models/breast-fna").json()
    shapes = {output["name"]: output["shape"] for output in told["outputs"]}
    assert shapes == {
        "risk": [-1, 2], "incidence": [-1, 9], "survival": [-1, 9], "abstained": [-1], "reasons": [-1], "alert": [-1],
    }  # fmt: skip
    about = {name: told["parameters"][name] for name in ("event", "competing", "time_unit", "horizons", "decision")}
    assert about == {
        "event": "death",
        "competing": "transplant",
        "time_unit": "d",
        "horizons": "365, 1825",
        "decision": "1825",
    }
    assert told["parameters"]["times"].split(", ")[:3] == ["0", "91", "182"]
    assert "classes" not in told["parameters"]


def test_the_page_explains_the_horizon_that_its_reader_chose(ward: Any) -> None:
    answer = ward.ask(values=house.PLAUSIBLE)
    client = ward.client("clinician")
    page = client.get(f"/answers/{answer['id']}").text
    assert "Percentage points of the probability of death within 5 years." in page
    chosen = client.get(f"/answers/{answer['id']}?horizon=365")
    assert "Percentage points of the probability of death within 1 year." in chosen.text
    assert client.get(f"/answers/{answer['id']}?horizon=30").status_code == 422
    assert client.get(f"/answers/{answer['id']}").text == page


def test_the_list_of_releases_tells_the_course(ward: Any) -> None:
    (told,) = ward.client("service").get("/api/v1/releases").json()["releases"]
    assert told["course"]["horizons"] == [365, 1825]
    assert told["course"]["events"] == list(EVENTS)


def test_the_release_page_shows_what_its_evidence_measured(ward: Any) -> None:
    assert "Band: share of times within it" in ward.client("clinician").get("/releases/breast-fna").text


def test_the_card_says_what_it_answers_with(release: tuple[Path, Path]) -> None:
    card = model_card(open_release(*release).manifest, "a" * 64)
    risks = "risks: death within 365 d, death within 1825 d"
    assert f"answers with the probability over time of: death, where transplant may come first; {risks}" in card
    assert "its floor (Cox regression)" in card
    assert "Prediction sets" not in card
    assert "Model spread" not in card


def test_an_own_estimate_that_falls_with_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    rule = ReviewRule(own_estimate_first=True)
    made = house.make_release(tmp_path / "made", course=course_model.course(), review=rule)
    ward = house.open_hospital(tmp_path, [made])
    answer, client = ward.ask("service"), ward.client("clinician")
    path = f"/api/v1/answers/{answer['id']}/own-estimate"
    said = {"death within 365 d": 0.4, "death within 1825 d": 0.3}
    refused = client.post(path, json={"estimate": said})
    assert refused.status_code == 422
    assert "a risk cannot fall as time goes on" in refused.text
    assert client.post(path, json={"estimate": {"death within 1825 d": 0.3}}).status_code == 201
    ward.ledger.close()
