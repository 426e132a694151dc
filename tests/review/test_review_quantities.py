"""What the pages say of treatments and doses: words and pictures against figures made by hand, and what is not said."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import numpy as np
import pytest
import quantities as made

from bedside.answering import Advice, Difference, PatientArms, PatientDose, ValueGiven
from bedside.answering.arms import patient_arms
from bedside.release import ReviewRule, model_card, open_release
from bedside.review import PAGES
from bedside.review.arms_view import arms_view
from bedside.review.dose_view import dose_view
from bedside.review.guidance_words import counted_words
from bedside.review.quantities import digit, dose_step, dose_words, down, number, rate_text, up
from bedside.review.rule_words import effect_words, rule_words
from bedside.review.words import translator
from bedside.serving.documents import AnswerReply
from bedside.sources import Schema, Variable

T, ZH = translator(), translator("zh-CN")
PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
TOLD = {
    "measures": {
        "policy_gain": {"value": 0.041, "low": 0.012, "high": 0.07},
        "within_tolerance": {"value": 0.462, "low": 0.4, "high": 0.52},
    }
}


def _page(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


def _two(**changes: Any) -> PatientArms:
    arms = made.declared(**changes)
    return patient_arms(
        arms, made.row(arms, {"placebo": 0.55, "streptomycin": 0.62}, 0.02, {"placebo": 0.5, "streptomycin": 0.5})[0]
    )


@pytest.mark.parametrize(
    ("value", "step", "signed", "said"),
    [
        (114.48, 1.0, True, "+114"), (-9.4, 1.0, True, "−9"), (0.2, 1.0, True, "0"), (-0.4, 1.0, False, "0"),
        (3.14159, 0.01, False, "3.14"), (1234.0, 100.0, False, "1200"), (32.1489, 0.0, False, "32.1489"),
    ],
)  # fmt: skip
def test_numbers_have_no_more_digits_than_mean_something(value: float, step: float, signed: bool, said: str) -> None:
    assert number(value, step, signed=signed) == said


def test_steps() -> None:
    assert [digit(reach) for reach in (29.4, 100.0, 0.05, 0.0)] == pytest.approx([1.0, 10.0, 0.001, 0.0])
    doses = {1.0: 0.05, 5.0: 0.1, 12.0: 0.5, 19.0: 0.5, 20.0: 1.0, 32.1: 1.0, 99.0: 1.0, 100.0: 5.0, 350.0: 10.0}
    assert {dose: dose_step(dose) for dose in doses} == pytest.approx(doses)
    assert all(step <= dose / 20 * 1.0001 for dose, step in doses.items())
    assert (down(20.88, 1.0), up(45.2, 1.0), down(20.0, 1.0), up(46.0, 1.0)) == (20, 46, 20, 46)
    assert [rate_text(unit, T) for unit in ("mg/wk", "ug/d", "mg", "mg/kg/d")] == [
        "mg a week", "ug a day", "mg", "mg/kg a day",
    ]  # fmt: skip


def test_natural_frequencies_and_what_the_data_can_carry() -> None:
    view = arms_view(_two(), T)
    assert (
        view.frequencies
        == "Of 100 such patients, “improved” is expected in 62 with streptomycin against 55 with placebo."
    )
    assert (view.recommended, view.title, view.why) == (True, "streptomycin", "")
    assert [(row.name, row.expected, row.hundred, row.mark, row.control) for row in view.rows] == [
        ("placebo", "55 of 100", 55, "", True),
        ("streptomycin", "62 of 100", 62, "recommended", False),
    ]
    assert view.carries == "From a randomised trial: chance decided who got which treatment."
    assert view.better == "The more of them with “improved”, the better."
    records = arms_view(_two(randomised=False, better="lower"), T)
    assert (
        records.carries == "Observational: assumes that nothing unmeasured drives both the treatment and the outcome."
    )
    assert records.better == "The fewer of them with “improved”, the better."
    assert records.title == "placebo"


def test_nobody_is_told_that_none_or_all_will() -> None:
    arms = made.declared()
    sure = patient_arms(
        arms, made.row(arms, {"placebo": 0.001, "streptomycin": 0.999}, 0.02, {"placebo": 0.5, "streptomycin": 0.5})[0]
    )
    assert "more than 99 with streptomycin against fewer than 1 with placebo" in arms_view(sure, T).frequencies


def test_differences_are_drawn_around_zero() -> None:
    (drawn,) = arms_view(_two(), T).differences
    (row,) = drawn.rows
    assert (drawn.against, drawn.unit, row.value, row.interval) == (
        "placebo",
        "percentage points",
        "+7.0",
        "+3.1 to +10.9",
    )
    assert drawn.zero < row.low < row.middle < row.high
    assert row.middle == pytest.approx((row.low + row.high) / 2, abs=0.01)
    # The scale is one: 3.1 to 10.9 of a picture that also holds 0.
    assert (row.middle - drawn.zero) / (row.high - drawn.zero) == pytest.approx(0.07 / 0.1092, abs=0.001)
    assert (drawn.left, drawn.right, row.clear) == ("better with placebo", "better with the other", True)
    lower = arms_view(_two(better="lower"), T).differences[0]
    assert (lower.left, lower.right) == ("better with the other", "better with placebo")


def test_several_arms_are_also_held_against_the_best() -> None:
    arms = made.records().arms
    names = arms.arms
    expected = dict(zip(names, (301.1, 321.7, 362.5, 415.6), strict=True))
    one = patient_arms(arms, made.row(arms, expected, 15.0, dict.fromkeys(names, 0.25))[0])
    # The ledger sorts names: nothing may hang on their order.
    one = msgspec.convert(dict(msgspec.json.decode(msgspec.json.encode(one, order="sorted"))), PatientArms)
    assert list(one.expected) == sorted(names)
    view = arms_view(one, T)
    assert [row.name for row in view.rows] == list(names)
    assert [row.control for row in view.rows] == [True, False, False, False]
    assert view.frequencies == (
        "“CD4 count at 20 weeks” is expected to be 416 /mm³ with both against 301 /mm³ with none, 322 /mm³ with "
        "zidovudine and 362 /mm³ with didanosine."
    )
    first, second = view.differences
    assert ([row.name for row in first.rows], first.against) == (["zidovudine", "didanosine", "both"], "none")
    assert [(row.value, row.clear) for row in first.rows] == [("+21", False), ("+61", True), ("+114", True)]
    assert ([row.name for row in second.rows], second.against) == (["none", "zidovudine", "didanosine"], "both")
    assert [row.value for row in second.rows] == ["−114", "−94", "−53"]


def test_of_an_unjudged_arm_the_page_has_words_and_no_number() -> None:
    arms = made.records().arms
    names = arms.arms
    few = dict(zip(names, (0.33, 0.33, 0.33, 0.01), strict=True))
    view = arms_view(patient_arms(arms, made.row(arms, dict.fromkeys(names, 300.0) | {"both": 987.0}, 15.0, few)[0]), T)
    assert "987" not in repr(view)
    assert (view.rows[3].expected, view.rows[3].note) == (
        "", "fewer than 5 % of such patients got it: nothing can be said",
    )  # fmt: skip
    assert (view.title, view.why) == ("No recommendation", "Fewer than 5 % of patients like this one got both")


def test_a_restricted_mean_is_told_as_time() -> None:
    arms = made.survival().arms
    one = patient_arms(arms, np.array([720.4, 763.6, 30.0, 0.45, 0.55]))
    assert arms_view(one, T).frequencies == (
        "Such patients are expected to be without “death” for 764 days with surgery + chemotherapy against 720 days "
        "with surgery, counted up to 1000 days."
    )
    assert arms_view(one, ZH).frequencies == (
        "预计此类患者未发生“death”的时间：接受surgery + chemotherapy者 764 天，"
        "相比之下接受surgery者 720 天（计至 1000 天）。"
    )


DOSE = PatientDose(drug="warfarin", unit="mg/wk", dose=32.149, low=20.885, high=45.833, alpha=0.1, tolerance=0.2)


def test_a_dose_is_rounded_and_says_so() -> None:
    view = dose_view(DOSE, made.dosing().dose, TOLD, T)
    assert view is not None
    assert (view.dose, view.unit, view.interval, view.top) == ("32", "mg a week", "20 to 46 mg a week", "110")
    assert view.sentences[1] == (
        "Told in steps of 1 mg a week, the interval rounded outwards: more digits would mean nothing."
    )
    assert view.sentences[0].startswith("Such intervals hold the therapeutic dose of 90 % of patients")
    assert view.site == "At the validation site the dose was within 20 % of the therapeutic one in 46 of 100 patients."
    assert (view.low, view.high) == pytest.approx((100 * 20 / 110, 100 * 46 / 110), abs=0.01)
    assert dose_words(7.337, "mg/wk", T) == "7.3 mg a week"
    silent = dose_view(DOSE, None, {}, T)
    assert silent is not None
    assert (silent.site, silent.top) == ("", "46")


def test_what_patients_who_were_told_about_as_much_needed() -> None:
    counts = {(27.0, 18.0): 19, (27.0, 27.0): 61, (27.0, 36.0): None, (36.0, 36.0): 70, (18.0, 18.0): 15}
    cells = [{"predicted": told, "observed": needed, "n": n} for (told, needed), n in counts.items()]
    evidence = {"curves": {"doses": {"step": 9.0, "cells": cells}}, "measures": {"interval_coverage": {"value": 0.887}}}
    view = dose_view(DOSE, None, evidence, T)
    assert view is not None
    assert view.told == "27 to 36"
    assert view.needed == (("18 to 27", "19"), ("27 to 36", "61"), ("36 to 45", "few"))
    assert view.sentences[0].endswith("Among the held-out patients it was 88.7 %.")
    few = dose_view(msgspec.structs.replace(DOSE, dose=20.0, low=12.0), None, evidence, T)
    assert few is not None
    assert (few.told, few.needed) == ("", ())


def test_a_withheld_dose_is_not_told() -> None:
    assert dose_view(msgspec.structs.replace(DOSE, withheld=True), made.dosing().dose, TOLD, T) is None


def test_what_the_rule_was_worth_is_told_from_signed_evidence_alone() -> None:
    (said,) = rule_words(_two(), TOLD, T)
    assert "by +4.1 percentage points on average (95 % interval +1.2 to +7.0; above 0 is better)" in said
    assert rule_words(_two(), {}, T) == []
    assert rule_words(_two(), {"measures": {"policy_gain": {"value": 0.1, "low": None, "high": None}}}, T) == []


def test_what_was_found_for_patients_of_whom_such_a_gain_was_foretold() -> None:
    def group(n: int, predicted: float, found: float) -> dict[str, Any]:
        return {"n": n, "predicted": predicted, "found": {"value": found, "low": found - 0.05, "high": found + 0.05}}

    groups = [group(100, 0.02, 0.01), group(101, 0.06, 0.055), group(102, 0.12, 0.1)]
    told = {"curves": {"effects": {"streptomycin against placebo": {"groups": groups}}}}
    (said,) = effect_words(_two(), told, T)  # 7 points are foretold
    assert said.startswith(
        "Of 101 held-out patients for whom streptomycin was foretold to be better than placebo by about +6.0"
    )
    assert "it was better by +5.5 (95 % interval +0.5 to +10.5)" in said
    turned = _two(better="lower")  # 7 points worse: no group is near
    assert effect_words(turned, told, T) == []
    two = _two()
    ((name, own),) = two.differences.items()
    sure = msgspec.structs.replace(own, low=own.value - 0.009, high=own.value + 0.009)
    assert effect_words(msgspec.structs.replace(two, differences={name: sure}), told, T) == [], "6 points are not as 7"
    assert effect_words(_two(), {}, T) == []
    few = {"curves": {"effects": {"streptomycin against placebo": {"groups": groups[:1]}}}}
    assert effect_words(_two(), few, T) == []


ASKED = {"trial": made.trial(), "records": made.records(), "survival": made.survival(), "dose": made.dosing()}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("quantities")
    return {name: house.make_release(folder / name, quantities=one, told=TOLD) for name, one in ASKED.items()}


@pytest.fixture
def wards(tmp_path: Path, releases: dict[str, tuple[Path, Path]]) -> Iterator[Any]:
    opened = []

    def ward(name: str) -> Any:
        opened.append(house.open_hospital(tmp_path, [releases[name]], pages=PAGES))
        return opened[-1]

    yield ward
    for one in opened:
        one.ledger.close()


def test_the_page_of_a_treatment(wards: Any) -> None:
    ward = wards("trial")
    answer = ward.ask(values=house.HIGH, patient=PATIENT)
    client = ward.client("clinician")
    text = _page(client.get(f"/answers/{answer['id']}"))
    assert "preliminary streptomycin is what the data favour" in text
    assert "Of 100 such patients, “improved” is expected in 81 with streptomycin against 56 with placebo." in text
    assert "What streptomycin changes in “improved” against placebo, in percentage points." in text
    assert "by +4.1 percentage points on average" in text
    assert "Alert" not in text
    assert "recommends streptomycin" not in text
    other = ward.ask(values=house.PLAUSIBLE, patient=PATIENT)
    text = _page(client.get(f"/answers/{other['id']}"))
    assert "No recommendation The data do not tell streptomycin from placebo" in text
    assert "holds zero" in text
    assert "recommends streptomycin" in text, "the earlier answer"
    assert "treatments compared" in _page(client.get("/"))


def test_the_recommendation_or_the_choice_of_the_physician_stands(wards: Any) -> None:
    ward = wards("trial")
    client = ward.client("clinician")
    agreed, changed = (ward.ask(values=house.HIGH)["id"] for _ in range(2))
    assert ward.form(client, f"/answers/{agreed}", verdict="agree", seen="preliminary").status_code == 303
    assert "The recommendation stands: streptomycin." in _page(client.get(f"/answers/{agreed}"))
    refused = ward.form(client, f"/answers/{changed}", verdict="disagree", seen="preliminary")
    assert refused.status_code == 422
    fields = {"verdict": "disagree", "given.arm": "placebo", "conclusion": "Allergic.", "because.other-findings": "yes"}
    assert ward.form(client, f"/answers/{changed}", **fields, seen="preliminary").status_code == 303
    (review,) = client.get(f"/api/v1/answers/{changed}").json()["reviews"]
    assert review["conclusion"] == "placebo\nAllergic."


def test_the_effect_of_another_arm_is_explained_on_request(wards: Any) -> None:
    ward = wards("records")
    answer = ward.ask(values=house.PLAUSIBLE)
    client, path = ward.client("clinician"), f"/answers/{answer['id']}"
    assert "What both changes in “CD4 count at 20 weeks” against none, in /mm³." in _page(client.get(path))
    assert "What zidovudine changes" in _page(client.get(f"{path}?arm=zidovudine"))
    assert client.get(f"{path}?arm=aspirin").status_code == 422
    assert "What both changes" in _page(client.get(path))


def test_where_nothing_can_be_compared_the_page_has_no_number(wards: Any) -> None:
    ward = wards("survival")
    answer = ward.ask(values=house.HIGH)
    text = _page(ward.client("clinician").get(f"/answers/{answer['id']}"))
    assert "No estimate" in text
    assert "Fewer than 5 % of patients like this one got surgery: the treatments cannot be compared" in text


def test_the_page_of_a_dose(wards: Any) -> None:
    ward = wards("dose")
    answer = ward.ask(values=house.PLAUSIBLE, patient=PATIENT)["id"]
    client, path = ward.client("clinician"), f"/answers/{answer}"
    text = _page(client.get(path))
    assert "32 mg a week, warfarin 90 % interval: 20 to 46 mg a week" in text
    assert "the figures add up to the dose before it is rounded" in text
    assert "32.1" not in text
    wrong = ward.form(client, path, verdict="disagree", seen="preliminary", **{"given.dose": "much"})
    assert (wrong.status_code, "A dose is a number" in wrong.text) == (422, True)
    fields = {"verdict": "disagree", "given.dose": "28", "given.unit": "mg/wk", "because.other-findings": "yes"}
    assert ward.form(client, path, seen="preliminary", **fields).status_code == 303
    (review,) = client.get(f"/api/v1/answers/{answer}").json()["reviews"]
    assert review["conclusion"] == "28 mg/wk"
    later = ward.ask(values=house.HIGH, patient=PATIENT)["id"]
    assert "28 mg/wk" in _page(client.get(f"/answers/{later}")), "the earlier answer's conclusion"


@pytest.mark.parametrize("name", ["trial", "dose"])
def test_own_choice_and_own_dose_come_first(tmp_path: Path, name: str) -> None:
    (tmp_path / "made").mkdir()
    release = house.make_release(tmp_path / "made", quantities=ASKED[name], review=ReviewRule(own_estimate_first=True))
    ward = house.open_hospital(tmp_path, [release], pages=PAGES)
    answer, client = ward.ask("service", values=house.HIGH)["id"], ward.client("clinician")
    path = f"/answers/{answer}"
    text = _page(client.get(path))
    asked, wrong, right, shown = {
        "trial": ("The treatment that you would give", {}, {"choice": "placebo"}, "Own choice placebo"),
        "dose": ("Dose of warfarin, in mg a week", {"own.dose": "-3"}, {"own.dose": "28"}, "Own dose 28 mg a week"),
    }[name]
    assert asked in text
    assert not re.search(r"what the data favour|51 mg|expected in", text)
    assert ward.form(client, f"{path}/own-estimate", **wrong).status_code == 422
    assert ward.form(client, f"{path}/own-estimate", **right).status_code == 303
    text = _page(client.get(path))
    assert shown in text
    assert re.search(r"what the data favour|51 mg a week", text)
    ward.ledger.close()


def test_pages_in_chinese_have_the_figures_too(wards: Any) -> None:
    ward = wards("records")
    answer = ward.ask(values=house.HIGH)
    client = ward.client("clinician")
    client.cookies.set("bedside_language", "zh-CN")
    text = _page(client.get(f"/answers/{answer['id']}"))
    assert "不作推荐 与该患者相似的患者中，接受both的不足 5%" in text
    assert "观察性数据" in text


def test_the_release_page_shows_its_measures(wards: Any) -> None:
    text = _page(wards("dose").client("clinician").get("/releases/breast-fna"))
    assert "Share of doses within the tolerance 0.462" in text
    assert "standard deviations of the outcome" in text


def test_cards_say_what_is_compared_and_what_the_data_can_carry(releases: dict[str, tuple[Path, Path]]) -> None:
    def card(name: str) -> str:
        return model_card(open_release(*releases[name]).manifest, "a" * 64)

    trial = card("trial")
    assert (
        "answers with the probability of: improved, under placebo (control) and under streptomycin; higher is better"
        in trial
    )
    assert "From a randomised trial" in trial
    assert "but for the treatments that it compares nothing about causes" in trial
    assert "Squared error of the network minus that of its floor (effects that are linear in the predictors)" in trial
    assert "the expected time without death, up to 1000 d, under surgery" in card("survival")
    assert "Observational: assumes that nothing unmeasured drives both" in card("records")
    dose = card("dose")
    assert "answers with the therapeutic dose of warfarin in mg/wk, with an interval" in dose
    assert "Intervals miss the therapeutic dose of 10% of patients" in dose
    for one in (trial, dose):
        assert "Prediction sets" not in one
        assert "Model spread" not in one


def test_a_difference_without_width_still_has_a_picture() -> None:
    flat = msgspec.structs.replace(
        _two(), differences={"streptomycin": Difference(value=0.0, low=0.0, high=0.0)}, against_best={}
    )
    (drawn,) = arms_view(flat, T).differences
    assert (drawn.zero, drawn.rows[0].middle, drawn.rows[0].clear) == (50.0, 50.0, False)


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder, found = tmp_path_factory.mktemp("guided"), {}
    for name, drugs in (("trial", {"streptomycin": "streptomycin"}), ("dose", {"warfarin": "warfarin"})):
        told = made.guidance(drugs, "age", ">", 80.0)
        found[name] = house.make_release(folder / name, quantities=ASKED[name], guidance=told)
    return found


@pytest.mark.parametrize("name", ["trial", "dose"])
def test_vetoes_come_first_and_win(tmp_path: Path, guided: dict[str, tuple[Path, Path]], name: str) -> None:
    ward = house.open_hospital(tmp_path, [guided[name]], pages=PAGES)
    answer = ward.ask(values=house.HIGH | {"age": 81.0})["id"]
    client = ward.client("clinician")
    text = _page(client.get(f"/answers/{answer}"))
    drug = {"trial": "streptomycin", "dose": "warfarin"}[name]
    assert f"✕ {drug}: avoid It harms such patients" in text
    assert text.index("It harms such patients") < text.index("The model's estimate")
    if name == "trial":
        assert "No recommendation Guidance forbids streptomycin, which the data favour" in text
        assert "streptomycin ✕ avoid" in text
        assert "best estimate" not in text
    else:
        assert "No dose of warfarin Guidance speaks against warfarin in this patient, so no dose is shown." in text
        assert "interval" not in text
    client.cookies.set("bedside_language", "zh-CN")
    text = _page(client.get(f"/answers/{answer}"))
    assert {"trial": "指南禁止使用数据所支持的streptomycin", "dose": "指南反对该患者使用warfarin"}[name] in text
    ward.ledger.close()


def test_the_form_asks_for_what_only_guidance_looks_at(tmp_path: Path, guided: dict[str, tuple[Path, Path]]) -> None:
    ward = house.open_hospital(tmp_path, [guided["dose"]], pages=PAGES)
    client, path = ward.client("clinician"), "/releases/breast-fna/new"
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', client.get(path).text)
    assert digest is not None
    values = {f"value.{name}": str(value) for name, value in house.PLAUSIBLE.items()} | {"digest": digest[1]}
    wrong = ward.form(client, path, **values, **{"value.CYP2C9": "*1/*999", "medications": "not amiodarone"})
    assert wrong.status_code == 422
    assert "value.CYP2C9.problem" in wrong.text
    assert "medications.problem" in wrong.text
    sent = {"value.CYP2C9": "*3/*3", "value.pregnant": "no", "medications": "paracetamol\namiodarone 200 mg"}
    done = ward.form(client, path, **values, **sent)
    assert done.status_code == 303, done.text
    answer = client.get(f"/api/v1{done.headers['location']}").json()
    assert answer["record"]["medications"]["value"] == "paracetamol; amiodarone 200 mg"
    assert answer["record"]["pregnant"]["value"] == "no"
    page = _page(client.get(done.headers["location"]))
    assert "Looked at for this alone: CYP2C9 *3/*3 ; medications paracetamol; amiodarone 200 mg ; Pregnant no" in page
    none = ward.form(client, path, **values, **{"no-medications": "1"})
    answer = client.get(f"/api/v1{none.headers['location']}").json()
    assert answer["record"]["medications"]["value"] == ""
    ward.ledger.close()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_page_says_what_the_dose_counts_and_which_medication_goes_unheard(tmp_path: Path, language: str) -> None:
    told = made.guidance({"warfarin": "warfarin"}, "age", ">", 80.0)
    reduce = msgspec.structs.replace(told.contraindications[0], name="old", action="reduce")
    guidance = msgspec.structs.replace(told, contraindications=(reduce,))
    (tmp_path / "made").mkdir()
    release = house.make_release(tmp_path / "made", quantities=ASKED["dose"], guidance=guidance, told=TOLD)
    ward = house.open_hospital(tmp_path, [release], pages=PAGES)
    sent = {"age": 81.0, "CYP2C9": "*1/*3", "medications": ["amiodaron"]}
    answer = ward.ask(values=house.HIGH | sent)
    assert {one["because"].partition(" ")[0]: one["counted"] for one in answer["guidance"]} == {
        "Age:": ["age"],
        "CYP2C9": [],
        "VKORC1": None,
    }
    client = ward.client("clinician")
    client.cookies.set("bedside_language", language)
    text = _page(client.get(f"/answers/{answer['id']}"))
    for said in {
        "en": (
            "The model's dose already counts, as it was sent: Age 81",
            "The model's dose does not know of this.",
            "No statement about: amiodaron. No rule here knows the medication by name: check the spelling.",
            "46 of 100 patients. These figures are without vetoes: guidance was not asked about the held-out patients.",
        ),
        "zh-CN": (
            "模型的剂量已按录入值考虑：Age 81",
            "模型的剂量未考虑这一点。",
            "对以下用药不作说明：amiodaron。",
            "以上数字未计入否决",
        ),
    }[language]:
        assert said in text
    ward.ledger.close()


def test_a_genotype_that_the_dose_counts_is_called_one(wards: Any) -> None:
    genotype = Variable(name="cyp", kind="category", label="CYP2C9", gene="CYP2C9", categories=("*1/*1", "*1/*3"))
    advice = Advice(
        about="warfarin", drug="warfarin", action="reduce", because="", text="", strength="strong", source=None,
        version="1", veto=False, counted=("cyp",),
    )  # fmt: skip
    reply = msgspec.convert(wards("dose").ask(values=house.HIGH), AnswerReply)
    answer = msgspec.structs.replace(reply, values={"cyp": ValueGiven(value="*1/*3")})
    schema = Schema(variables=(genotype,))
    assert counted_words(advice, answer, schema, T) == "The model's dose already counts this genotype: CYP2C9 *1/*3."
    assert counted_words(advice, answer, schema, ZH) == "模型的剂量已考虑该基因型：CYP2C9 *1/*3。"


def test_a_vetoed_arm_does_not_lead_the_sentence() -> None:
    vetoed = msgspec.structs.replace(_two(), vetoed=("streptomycin",), recommended=None)
    assert arms_view(vetoed, T).frequencies == (
        "Of 100 such patients, “improved” is expected in 55 with placebo against 62 with streptomycin "
        "(guidance forbids it)."
    )
    assert "62（指南禁止使用）" in arms_view(vetoed, ZH).frequencies
    assert [row.mark for row in arms_view(vetoed, T).rows] == ["", "vetoed"]


def test_the_figures_of_a_guided_release_are_said_to_know_no_veto(
    tmp_path: Path, guided: dict[str, tuple[Path, Path]], wards: Any
) -> None:
    (tmp_path / "made").mkdir()
    forbids = made.guidance({"streptomycin": "streptomycin"}, "age", ">", 80.0)
    release = house.make_release(tmp_path / "made", quantities=ASKED["trial"], guidance=forbids, told=TOLD)
    ward = house.open_hospital(tmp_path, [release], pages=PAGES)
    text = _page(ward.client("clinician").get(f"/answers/{ward.ask(values=house.HIGH)['id']}"))
    assert "not about patients like this one. These figures are without vetoes" in text
    ward.ledger.close()
    plain = wards("trial")
    text = _page(plain.client("clinician").get(f"/answers/{plain.ask(values=house.HIGH)['id']}"))
    assert "These figures are without vetoes" not in text, "it has no guidance"
    loaded = {name: open_release(*release) for name, release in guided.items()}
    cards = {n: model_card(one.manifest, "a" * 64, guidance=one.guidance) for n, one in loaded.items()}
    assert "The evidence judges the model's recommendations without vetoes" in cards["trial"]
    assert "The evidence judges the model's doses without vetoes" in cards["dose"]
