"""Treatments and doses as they are served: the answer, the inference protocol, replay, and what is kept back."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import numpy as np
import pytest
import quantities as made

from bedside.answering import answer_patient
from bedside.release import ReviewRule, open_release
from bedside.review import PAGES
from bedside.serving.replay import _difference

INFER = "/v2/models/breast-fna/infer"
TRIAL, RECORDS, DOSING = made.trial(), made.records(), made.dosing()
CALM = house.PLAUSIBLE


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("quantities")
    asked = {"trial": TRIAL, "records": RECORDS, "dose": DOSING}
    return {name: house.make_release(folder / name, quantities=one) for name, one in asked.items()}


@pytest.fixture
def wards(tmp_path: Path, releases: dict[str, tuple[Path, Path]]) -> Iterator[Any]:
    opened = {}

    def ward(name: str) -> Any:
        (tmp_path / name).mkdir(exist_ok=True)
        opened[name] = house.open_hospital(tmp_path / name, [releases[name]], pages=PAGES, oip=True)
        return opened[name]

    yield ward
    for one in opened.values():
        one.ledger.close()


def columns(*patients: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = dict.fromkeys(house.NUMBERS, "FP64") | dict.fromkeys(house.CATEGORIES, "BYTES")
    return [
        {"name": name, "datatype": kind, "shape": [len(patients)], "data": [values[name] for values in patients]}
        for name, kind in kinds.items()
    ]


def _same(found: list[Any], expected: list[Any]) -> bool:
    known = [(one, other) for one, other in zip(found, expected, strict=True) if other is not None]
    silent = [one for one, other in zip(found, expected, strict=True) if other is None]
    return silent == [None] * len(silent) and [one for one, _ in known] == pytest.approx(
        [other for _, other in known], rel=1e-4
    )


def _outputs(ward: Any, *patients: dict[str, Any]) -> dict[str, dict[str, Any]]:
    reply = ward.client("service").post(INFER, json={"inputs": columns(*patients)})
    assert reply.status_code == 200, reply.text
    return {output["name"]: output for output in reply.json()["outputs"]}


def test_an_answer_about_treatments_is_stored_as_it_was_given(wards: Any) -> None:
    ward = wards("trial")
    answer = ward.ask(values=house.HIGH)
    (expected,) = TRIAL.expected(np.array([house.linear(house.HIGH)]))
    assert list(answer["arms"]["expected"].values()) == pytest.approx(expected.tolist(), abs=1e-6)
    assert (answer["arms"]["recommended"], answer["arms"]["randomised"]) == ("streptomycin", True)
    assert (answer["dose"], answer["course"], answer["alert"], answer["threshold"]) == (None, None, None, None)
    assert ward.client("clinician").get(f"/api/v1/answers/{answer['id']}").json()["arms"] == answer["arms"]


def test_the_arm_that_is_asked_about_is_explained_or_refused(wards: Any) -> None:
    ward = wards("records")
    assert ward.ask(values=CALM, arm="zidovudine")["explanation"]["output"] == "zidovudine against none"
    ask = ward.client("clinician").post
    for arm, values, said in (
        ("aspirin", CALM, "use one of: zidovudine, didanosine, both"),
        ("both", house.HIGH, "too few patients like this one got both"),
    ):
        reply = ask("/api/v1/releases/breast-fna/answers", json={"values": values, "arm": arm})
        assert reply.status_code == 422
        assert said in reply.text


@pytest.mark.parametrize("name", ["trial", "records", "dose"])
def test_a_stored_answer_is_replayed_to_the_bit(wards: Any, name: str) -> None:
    ward = wards(name)
    answer = ward.ask(values=house.HIGH)
    replayed = ward.client("clinician").get(f"/api/v1/answers/{answer['id']}/replay").json()
    assert (replayed["result"], replayed["largest_difference"]) == ("bit-for-bit", 0)


def test_a_replay_is_held_against_the_scale_of_the_quantity(releases: dict[str, tuple[Path, Path]]) -> None:
    import msgspec

    one = answer_patient(open_release(*releases["dose"]).load(), CALM, now=house.START, explain=False)
    assert one.dose is not None
    other = msgspec.structs.replace(one, dose=msgspec.structs.replace(one.dose, high=one.dose.high + 4.0))
    assert _difference(one, other, 16.0) == pytest.approx(0.25)
    arms = answer_patient(open_release(*releases["records"]).load(), CALM, now=house.START, explain=False)
    assert arms.arms is not None
    fewer = {name: value for name, value in arms.arms.expected.items() if name != "both"}
    assert (
        _difference(arms, msgspec.structs.replace(arms, arms=msgspec.structs.replace(arms.arms, expected=fewer)), 1.0)
        is None
    )
    moved = {name: (value or 0.0) + 12.0 for name, value in arms.arms.expected.items()}
    assert _difference(
        arms, msgspec.structs.replace(arms, arms=msgspec.structs.replace(arms.arms, expected=moved)), 120.0
    ) == pytest.approx(0.1)


def test_inferences_about_treatments(wards: Any) -> None:
    found = _outputs(wards("records"), CALM, house.STRANGE, house.HIGH)
    assert list(found) == ["expected", "effect", "low", "high", "propensity", "recommended", "abstained", "reasons"]
    assert {name: one["shape"] for name, one in found.items()} == {
        "expected": [3, 4], "effect": [3, 3], "low": [3, 3], "high": [3, 3], "propensity": [3, 4],
        "recommended": [3], "abstained": [3], "reasons": [3],
    }  # fmt: skip
    linear = np.array([house.linear(CALM), house.linear(house.HIGH)])
    first, last = RECORDS.expected(linear).tolist()
    assert _same(found["expected"]["data"], [*first, *[None] * 4, *last[:3], None])
    effects = [[one - row[0] for one in row[1:]] for row in (first, last)]
    assert _same(found["effect"]["data"], [*effects[0], *[None] * 3, *effects[1][:2], None])
    assert found["low"]["data"][:3] == pytest.approx([one - 15 * 1.959964 for one in effects[0]], rel=1e-4)
    assert found["high"]["data"][:3] == pytest.approx([one + 15 * 1.959964 for one in effects[0]], rel=1e-4)
    assert found["propensity"]["data"][:4] == pytest.approx(RECORDS.propensity(linear)[0].tolist(), abs=1e-6)
    assert found["recommended"]["data"] == ["both", "", ""]
    assert found["abstained"]["data"] == [False, True, False]


def test_inferences_about_a_dose_also_as_binary_data(wards: Any) -> None:
    ward = wards("dose")
    found = _outputs(ward, CALM, house.STRANGE)
    assert list(found) == ["dose", "low", "high", "abstained", "reasons"]
    (expected,) = DOSING.columns(np.array([house.linear(CALM)]))
    for name, value in zip(("dose", "low", "high"), expected, strict=True):
        assert found[name]["shape"] == [2]
        assert found[name]["data"] == [pytest.approx(value, rel=1e-5), None]
    body = {
        "inputs": columns(CALM, house.STRANGE),
        "outputs": [{"name": "dose", "parameters": {"binary_data": True}}],
    }
    reply = ward.client("service").post(INFER, json=body)
    length = int(reply.headers["Inference-Header-Content-Length"])
    first, silent = struct.unpack("<2d", reply.content[length:])
    assert first == pytest.approx(expected[0], rel=1e-5)
    assert np.isnan(silent)


def test_recommendations_also_come_as_binary_data(wards: Any) -> None:
    body = {"inputs": columns(house.HIGH), "outputs": [{"name": "recommended", "parameters": {"binary_data": True}}]}
    reply = wards("trial").client("service").post(INFER, json=body)
    length = int(reply.headers["Inference-Header-Content-Length"])
    assert reply.content[length:] == struct.pack("<I", 12) + b"streptomycin"


def test_the_metadata_say_what_the_columns_are_about(wards: Any) -> None:
    told = wards("records").client("service").get("/v2/models/breast-fna").json()
    assert {output["name"]: output["shape"] for output in told["outputs"]}["effect"] == [-1, 3]
    about = told["parameters"]
    assert (about["arms"], about["control"], about["unit"]) == ("none, zidovudine, didanosine, both", "none", "/mm3")
    assert (about["randomised"], about["better"], about["kind"]) == ("false", "higher", "mean")
    told = wards("dose").client("service").get("/v2/models/breast-fna").json()
    assert {output["name"]: output["shape"] for output in told["outputs"]}["dose"] == [-1]
    assert [told["parameters"][name] for name in ("drug", "unit", "alpha", "tolerance")] == [
        "warfarin", "mg/wk", "0.1", "0.2",
    ]  # fmt: skip
    assert "classes" not in told["parameters"]


@pytest.mark.parametrize("name", ["trial", "dose"])
def test_probability_is_no_output_of_a_quantity(wards: Any, name: str) -> None:
    body = {"inputs": columns(house.HIGH), "outputs": [{"name": "probability"}]}
    reply = wards(name).client("service").post(INFER, json=body)
    assert reply.status_code == 400
    assert "there is no output 'probability'" in reply.json()["error"]


def test_the_list_of_releases_tells_what_is_compared(wards: Any) -> None:
    (told,) = wards("records").client("service").get("/api/v1/releases").json()["releases"]
    assert told["arms"]["arms"] == ["none", "zidovudine", "didanosine", "both"]
    (told,) = wards("dose").client("service").get("/api/v1/releases").json()["releases"]
    assert (told["dose"]["drug"], told["arms"]) == ("warfarin", None)


@pytest.mark.parametrize(
    ("one", "right", "wrong"),
    [
        (
            TRIAL,
            {"estimate": None, "choice": "placebo"},
            [({"estimate": None, "choice": "rest"}, "none of placebo, streptomycin"),
             ({"estimate": {"streptomycin against placebo": 0.1}}, "give the choice of one")],
        ),
        (
            DOSING,
            {"estimate": {"dose": 28.0}},
            [({"estimate": None, "choice": "placebo"}, "not about treatments"),
             ({"estimate": {"warfarin": 28.0}}, "is none of dose"), ({"estimate": {"dose": -1.0}}, "")],
        ),
    ],
    ids=["treatment", "dose"],
)  # fmt: skip
def test_the_answer_is_kept_back_until_the_own_choice_is_given(
    tmp_path: Path, one: Any, right: dict[str, Any], wrong: list[tuple[dict[str, Any], str]]
) -> None:
    (tmp_path / "made").mkdir()
    release = house.make_release(tmp_path / "made", quantities=one, review=ReviewRule(own_estimate_first=True))
    ward = house.open_hospital(tmp_path, [release], pages=PAGES)
    answer, client = ward.ask("service", values=house.HIGH), ward.client("clinician")
    path = f"/api/v1/answers/{answer['id']}"
    shown = client.get(path).json()
    assert (shown["withheld"], shown["arms"], shown["dose"], shown["estimate"]) == (True, None, None, None)
    for body, said in wrong:
        refused = client.post(f"{path}/own-estimate", json=body)
        assert refused.status_code == 422, body
        assert said in refused.text
    given = client.post(f"{path}/own-estimate", json=right)
    assert given.status_code == 201, given.text
    assert given.json()["estimate"] == right["estimate"]
    assert given.json()["choice"] == right.get("choice")
    assert given.json()["unit"] == ("mg/wk" if one is DOSING else None)
    shown = client.get(path).json()
    assert shown["withheld"] is False
    assert (shown["arms"] or shown["dose"]) is not None
    assert ward.ledger.verify().entries > 0
    ward.ledger.close()


def test_a_veto_holds_in_inferences(tmp_path: Path) -> None:
    old = house.HIGH | {"age": 81.0}
    for name, one, drugs in (("t", TRIAL, {"streptomycin": "streptomycin"}), ("d", DOSING, {"warfarin": "warfarin"})):
        told = made.guidance(drugs, "age", ">", 80.0)
        release = house.make_release(tmp_path / name, quantities=one, guidance=told)
        ward = house.open_hospital(tmp_path / name, [release], oip=True)
        found = _outputs(ward, house.HIGH, old)
        assert found["vetoed"]["data"] == ["", next(iter(drugs))]
        if name == "t":
            assert found["recommended"]["data"] == ["streptomycin", ""]
        else:
            assert [value is None for value in found["dose"]["data"]] == [False, True]
            assert [value is None for value in found["high"]["data"]] == [False, True]
        names = [output["name"] for output in ward.client("service").get("/v2/models/breast-fna").json()["outputs"]]
        assert "vetoed" in names
        reply = ward.client("service").post(INFER, json={"inputs": columns(house.HIGH)}).json()
        unheard = "Not looked at for a veto, as it cannot be sent here: CYP2C9, medications, pregnant."
        assert unheard in reply["parameters"]["warnings"], "an empty veto is no all-clear"
        ward.ledger.close()
