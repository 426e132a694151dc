"""Guidance through the API: asked with the record, stored in the ledger, replayed, never withheld."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest

from bedside.genome import Condition, Contraindication
from bedside.release import Guidance, ReviewRule, guidance_of
from bedside.sources import Variable

GUIDANCE = guidance_of(
    {"simvastatin": "simvastatin"},
    indications={},
    genes=("SLCO1B1",),
    record=(
        Variable(name="SLCO1B1", kind="category", label="SLCO1B1", gene="SLCO1B1"),
        Variable(name="egfr", kind="number", label="eGFR", unit="mL/min", range=(1, 200)),
    ),
    medications="medications",
    contraindications=(
        Contraindication(
            name="kidney",
            drugs=(),
            when=(Condition(text="egfr < 30", variable="egfr", operator="<", value=30),),
            action="reduce",
            reason="Start with 5 mg",
            source="US prescribing information, ZOCOR: renal impairment",
        ),
    ),
)
RECORD = {"SLCO1B1": "*15/*5", "egfr": {"value": 0.02, "unit": "L/min"}, "medications": ["Clarithromycin 500 mg"]}


@pytest.fixture
def guided(tmp_path: Path) -> Iterator[Any]:
    from bedside.review import PAGES

    review = ReviewRule(own_estimate_first=True)
    release = house.make_release(tmp_path / "made", guidance=GUIDANCE, review=review)
    opened = house.open_hospital(tmp_path, [release], pages=PAGES)
    yield opened
    opened.ledger.close()


def test_guidance_is_answered_stored_and_replayed(guided: Any) -> None:
    answer = guided.ask("service", values=house.PLAUSIBLE | RECORD)
    assert [(one["action"], one["because"]) for one in answer["guidance"]] == [
        ("avoid", "SLCO1B1 *5/*15: Poor Function"),
        ("avoid", "clarithromycin in the record"),
        ("reduce", "eGFR: 20 mL/min (egfr < 30)"),
    ]
    assert answer["record"]["SLCO1B1"]["value"] == "*5/*15"
    assert answer["record"]["egfr"]["value"] == pytest.approx(20)
    assert set(answer["values"]) == set(house.PLAUSIBLE)
    path = f"/api/v1/answers/{answer['id']}"
    assert guided.client("service").get(path).json()["guidance"] == answer["guidance"]
    assert guided.client("auditor").get(f"{path}/replay").json()["result"] == "bit-for-bit"
    stored = guided.ledger.answer(answer["id"]).answer
    assert stored["guidance"] == answer["guidance"]


def test_it_is_not_withheld_with_the_model_s_word(guided: Any) -> None:
    answer = guided.ask("service", values=house.PLAUSIBLE | RECORD)
    before = guided.client("clinician").get(f"/api/v1/answers/{answer['id']}").json()
    assert (before["withheld"], before["estimate"]) == (True, None)
    assert before["guidance"] == answer["guidance"]


def test_replay_sees_that_other_guidance_was_given(guided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import bedside.answering.guidance as module

    answer = guided.ask("service", values=house.PLAUSIBLE | RECORD)
    monkeypatch.setattr(module, "interactions_with", lambda *_: [])
    replay = guided.client("auditor").get(f"/api/v1/answers/{answer['id']}/replay").json()
    assert replay["result"] == "different"


def test_what_to_send_is_told_and_what_cannot_be_read_is_refused(guided: Any) -> None:
    (release,) = guided.client("service").get("/api/v1/releases").json()["releases"]
    assert [variable["name"] for variable in release["record"]] == ["SLCO1B1", "egfr"]
    assert release["medications"] == "medications"
    bad = house.PLAUSIBLE | {"SLCO1B1": "*1/*99", "egfr": 0, "medications": {"value": 3}, "mean_radius": 700}
    reply = guided.client("service").post("/api/v1/releases/breast-fna/answers", json={"values": bad})
    assert reply.status_code == 422
    assert set(reply.json()["error"]["problems"]) == {"SLCO1B1", "egfr", "medications", "mean_radius"}
    assert "'*99'" in json.dumps(reply.json())
    assert guided.ledger.count() == 0


def test_the_page_of_an_answer_says_it(guided: Any) -> None:
    answer = guided.ask("clinician", values=house.PLAUSIBLE | RECORD)
    client = guided.client("clinician")
    client.post(f"/api/v1/answers/{answer['id']}/own-estimate", json={"estimate": None})
    page = client.get(f"/answers/{answer['id']}").text
    assert "High risk of myopathy: prescribe another statin" in page
    assert "Cooper-DeHoff" in page


def test_a_clinician_enters_the_record_in_the_form(guided: Any) -> None:
    client, path = guided.client("clinician"), "/releases/breast-fna/new"
    page = client.get(path).text
    assert 'name="value.SLCO1B1" type="text"' in page
    assert 'name="value.egfr" type="number"' in page
    assert '<textarea id="medications"' in page
    typed = {f"value.{name}": str(value) for name, value in house.PLAUSIBLE.items()}
    record = {"value.SLCO1B1": "*5/*1", "value.egfr": "80", "medications": "Amlodipine 5 mg\n\naspirin\n"}
    reply = guided.form(client, path, **typed, **record)
    answer = guided.ledger.answer(reply.headers["location"].rpartition("/")[2]).answer
    assert [one["because"] for one in answer["guidance"]] == [
        "SLCO1B1 *1/*5: Decreased Function",
        "amlodipine in the record",
    ]
    none = guided.form(client, path, **typed, **{"no-medications": "1"})
    answer = guided.ledger.answer(none.headers["location"].rpartition("/")[2]).answer
    assert answer["record"]["medications"]["value"] == ""
    assert "The medications are not known" not in {one["because"] for one in answer["guidance"]}
    wrong = guided.form(client, path, **typed, **{"value.SLCO1B1": "*1/*99", "medications": "not aspirin"})
    assert wrong.status_code == 422
    assert "is no known allele of SLCO1B1" in wrong.text
    assert "does not say what the patient takes" in wrong.text
    both = guided.form(client, path, **typed, **{"medications": "aspirin", "no-medications": "1"})
    assert "List them, or say that the patient takes none" in both.text


def stated(about: str, drug: str) -> Guidance:
    """Guidance about one drug that a gene or pregnancy forbids."""
    return guidance_of(
        {about: drug},
        indications={"clopidogrel": "neurovascular"},
        genes=("CYP2C19",),
        record=(
            Variable(name="CYP2C19", kind="category", label="CYP2C19", gene="CYP2C19"),
            Variable(name="pregnant", kind="category", label="Pregnant", categories=("no", "yes")),
        ),
        medications=None,
        contraindications=(
            Contraindication(
                name="pregnancy",
                drugs=(),
                when=(Condition(text="pregnant == yes", variable="pregnant", operator="==", value="yes"),),
                action="avoid",
                reason="It harms the unborn child",
                source="a label",
            ),
        ),
    )


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_pages_of_a_vetoed_arm_and_of_a_vetoed_dose(tmp_path: Path, language: str) -> None:
    import quantities as made

    from bedside.review import PAGES

    asked = {"trial": (made.trial(), "streptomycin"), "dosing": (made.dosing(), "warfarin")}
    for name, (one, about) in asked.items():
        folder = tmp_path / name
        folder.mkdir()
        release = house.make_release(folder / "made", quantities=one, guidance=stated(about, "warfarin"))
        ward = house.open_hospital(folder, [release], pages=PAGES)
        client = ward.client("clinician")
        client.cookies.set("bedside_language", language)
        told = ward.ask(values=house.HIGH | {"pregnant": "no"})
        vetoed = ward.ask(values=house.HIGH | {"pregnant": "yes"})
        replay = ward.client("auditor").get(f"/api/v1/answers/{vetoed['id']}/replay").json()
        pages = {one["id"]: client.get(f"/answers/{one['id']}") for one in (told, vetoed)}
        assert {page.status_code for page in pages.values()} == {200}
        assert "It harms the unborn child" in pages[vetoed["id"]].text
        assert "It harms the unborn child" in pages[told["id"]].text or told["guidance"] == []
        assert replay["result"] == "bit-for-bit"
        if name == "trial":
            assert (told["arms"]["recommended"], vetoed["arms"]["recommended"]) == ("streptomycin", None)
            assert "Guidance forbids streptomycin" in vetoed["arms"]["why"]
        else:
            assert f"{told['dose']['dose']:.4f}"[:4] not in pages[vetoed["id"]].text
            assert (vetoed["dose"]["dose"], vetoed["estimate"]) == (None, None)
        for path in ("/", "/?only=alert", f"/releases/{told['release']['name']}"):
            assert client.get(path).status_code == 200
        ward.ledger.close()


def test_a_silent_version_is_told_the_record_that_it_looks_at(tmp_path: Path) -> None:
    from bedside.serving.deployments import deploy

    live = house.make_release(tmp_path / "live", guidance=GUIDANCE)
    newer = house.make_release(tmp_path / "newer", version="1.1.0", guidance=GUIDANCE, keys=live[1].parent)
    ward = house.open_hospital(tmp_path, [live])
    deploy(ward.app.state.service, ward.users["admin"], newer[0], "silent")
    answer = ward.ask("service", values=house.PLAUSIBLE | RECORD)
    (kept,) = [ward.ledger.decoded(entry) for entry in ward.ledger.entries(kind="silent-answer")]
    assert [one["action"] for one in kept["answer"]["guidance"]] == [one["action"] for one in answer["guidance"]]
    ward.ledger.close()
