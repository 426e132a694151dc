"""The answer's page: what the site says, what is unusual, the history; each sentence against figures made by hand."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import hospital as house
import msgspec
import pytest

from bedside.review import history, patient_view, site_words
from bedside.review.answer_view import ClassRisk
from bedside.review.reader import Reader
from bedside.review.sentences import teller
from bedside.review.words import translator
from bedside.review.zones import zone
from bedside.serving.documents import AnswerReply
from bedside.sources import Schema, Variable

T = translator()
PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
EDGES = [round(0.1 * step, 1) for step in range(11)]
EVIDENCE: dict[str, Any] = {
    "data": {"n": 143},
    "abstentions": {"n": 3},
    "curves": {
        "risk": {
            "malignant": {
                "edges": EDGES,
                "counts": {
                    "benign": [60, None, 0, 0, 0, 0, 0, 12, 0, 0],
                    "malignant": [0, 0, 0, 0, 0, 0, 0, 28, None, 30],
                },
            }
        }
    },
    "measures": {"net_benefit_gain:treat-all": {"value": 0.13, "low": 0.10, "high": 0.16}},
    "thresholds": [
        {
            "outcome": "malignant",
            "threshold": 0.2,
            "declared": True,
            "per_100": {
                "true_positive": 41.4, "false_positive": 8.6, "false_negative": 0.7, "true_negative": 49.3,
                "alert": 50.0,
            },
            "sensitivity": {"value": 0.98333, "low": 0.911, "high": 0.997},
            "specificity": {"value": 0.852, "low": None, "high": None},
            "ppv": {"value": 0.829, "low": 0.72, "high": 0.9},
            "npv": {"value": None, "low": None, "high": None},
            "net_benefit": {"value": 0.3925, "low": 0.3, "high": 0.5},
        },
        {"outcome": "malignant", "threshold": 0.5, "declared": False, "per_100": {"alert": 1}},
    ],
}  # fmt: skip


def _text(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


def _risk(probability: float) -> ClassRisk:
    return ClassRisk("malignant", probability, 0.2, possible=True)


def test_the_estimate_is_told_as_it_turned_out_at_the_validation_site() -> None:
    # 28 of the 40 between 70 % and 80 %: 7 in 10; Wilson's interval of 28/40 by hand: 54.6 % to 81.9 %.
    told = site_words.frequency(EVIDENCE, _risk(0.74), T)
    assert told.sentence == "Of 10 patients given such an estimate at the validation site, about 7 had “malignant”."
    assert told.source == (
        "40 of 140 held-out patients had an estimate between 70 % and 80 %; 28 of the 40 had “malignant” "
        "(95 % interval 54.6 % to 81.9 %)."
    )
    assert "all had “malignant”" in site_words.frequency(EVIDENCE, _risk(0.97), T).sentence
    assert "none had “malignant”" in site_words.frequency(EVIDENCE, _risk(0.03), T).sentence


@pytest.mark.parametrize("probability", [0.15, 0.45, 0.85])
def test_too_few_near_the_estimate_give_words_and_no_number(probability: float) -> None:
    told = site_words.frequency(EVIDENCE, _risk(probability), T)
    assert told.found is None
    assert "Too few patients" in told.sentence
    assert re.findall(r"\d+", told.sentence) == [str(round(probability * 100))]


def test_what_acting_at_the_threshold_means() -> None:
    (told,) = site_words.at_threshold(EVIDENCE, T)
    assert told.sentences == (
        "Of 100 patients like those of the validation site, about 50 reach 20 % and give an alert: about 41 of these "
        "have “malignant”, about 9 do not.",
        "About 0.7 of the 100 have “malignant” and give no alert.",
        "Net benefit: acting on alerts is worth 39 rightly treated patients in 100, the harm of needless treatment "
        "taken off at the threshold's own rate.",
        "Compared with acting on everybody: +13 in 100 (95 % interval +10 to +16); above 0 is better.",
    )
    assert [(value, interval) for _, value, interval in told.facts] == [
        ("98.3 %", "91.1 % to 99.7 %"),
        ("85.2 %", ""),
        ("82.9 %", "72 % to 90 %"),
        ("not defined", ""),
    ]
    assert site_words.at_threshold({}, T) == []


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((-0.034, -0.101, 0.022), "\N{MINUS SIGN}3 in 100 (95 % interval \N{MINUS SIGN}10 to +2)"),
        ((0.0, -0.004, 0.01), "0 in 100 (95 % interval 0 to +1)"),
    ],
)
def test_worse_than_acting_on_everybody_has_a_sign(gain: tuple[float, ...], said: str) -> None:
    measured = dict(zip(("value", "low", "high"), gain, strict=True))
    evidence = EVIDENCE | {"measures": EVIDENCE["measures"] | {"net_benefit_gain:treat-all": measured}}
    (told,) = site_words.at_threshold(evidence, T)
    assert told.sentences[-1] == f"Compared with acting on everybody: {said}; above 0 is better."


@pytest.mark.parametrize(
    ("benefit", "said"), [(-0.031, "was worse than acting on nobody, by 3 rightly"), (-0.004, "is worth 0 rightly")]
)
def test_a_net_benefit_below_zero_is_called_worse_than_acting_on_nobody(benefit: float, said: str) -> None:
    row = EVIDENCE["thresholds"][0]
    evidence = EVIDENCE | {"thresholds": [row | {"net_benefit": {"value": benefit}}]}
    (told,) = site_words.at_threshold(evidence, T)
    assert f"Net benefit: acting on alerts {said} treated patients in 100" in told.sentences[2]


NUMBER = Variable(name="chol", kind="number", label="Cholesterol", unit="mg/dL", range=(50, 700), reference=(125, 200))
SCHEMA = Schema(variables=(NUMBER, Variable(name="sex", kind="category", label="Sex", categories=("f", "m"))))


def _answer(hospital: Any, **changes: Any) -> AnswerReply:
    shown = msgspec.convert(hospital.ask(explain=False), AnswerReply)
    return msgspec.structs.replace(shown, **changes)


@pytest.mark.parametrize(
    ("value", "mark", "hours", "age"),
    [
        (125.0, "", 3, "3 h old"), (200.0, "", 0.5, "30 min old"),
        (200.1, "above", 47, "47 h old"), (124.9, "below", 80, "3 d old"),
    ],
)  # fmt: skip
def test_values_stand_beside_their_reference_range_and_age(
    hospital: Any, value: float, mark: str, hours: float, age: str
) -> None:
    time = hospital.clock() - dt.timedelta(hours=hours)
    given = {"chol": {"value": value, "unit": "mg/dL", "time": time.isoformat()}}
    answer = _answer(hospital, values=msgspec.convert(given, dict[str, Any]))
    answer = msgspec.convert(msgspec.to_builtins(answer), AnswerReply)
    reader = Reader("en", zone("UTC"), T, teller("en"))  # type: ignore[arg-type]
    (used,) = patient_view.used_values(answer, SCHEMA, reader)
    assert (used.mark, used.reference, used.plausible, used.age) == (mark, "125 to 200 mg/dL", "50 to 700 mg/dL", age)


def test_what_is_unusual_is_told_from_the_signed_aggregates(hospital: Any) -> None:
    usual = {
        "age": {"unknown": 0.0, "low": 40.0, "high": 70.0, "inside": 0.9},
        "mean_radius": {"unknown": 0.0, "low": 10.0, "high": 18.0, "inside": 0.9},
        "side": {"unknown": 0.01, "shares": {"left": None, "right": 0.97}},
        "menopause": {"unknown": 0.0, "shares": {"pre": 0.5, "post": 0.5}},
    }
    evidence = {"development": {"usual": usual, "distance": {"median": 2.0}}}
    values = house.PLAUSIBLE | {"age": 90.0, "mean_radius": 19.0, "side": "left", "menopause": None}
    answer = msgspec.convert(hospital.ask(values=values), AnswerReply)
    strange = patient_view.strangeness(answer, evidence, house.SCHEMA, 8.0, T)
    assert [(row.label, row.value, row.how, row.usual) for row in strange.rows] == [
        ("Side", "left", "rare", "fewer than 10 patients"),
        ("Age", "90 years", "▲ high", "90 % had 40 to 70"),  # 20 beyond, of 30
        ("Mean nucleus radius", "19 µm", "▲ high", "90 % had 10 to 18"),  # 1 beyond, of 8
    ]
    assert strange.unknown == ("Menopause",)
    assert answer.distance is not None
    assert "farther than half" in strange.distance
    assert (strange.ratio, strange.typical) == (pytest.approx(answer.distance / 8), 0.25)
    told = patient_view.strangeness(answer, {}, house.SCHEMA, None, T)
    assert (told.told, told.rows, told.distance) == (False, (), "")


def test_the_history_tells_who_did_what_and_nothing_is_overwritten(hospital: Any) -> None:
    answer = hospital.ask(patient=PATIENT)
    path, ida, jan = f"/answers/{answer['id']}", hospital.client("clinician"), hospital.client("second")
    hospital.clock.forward(minutes=1)
    hospital.form(ida, path, verdict="unsure", seen="preliminary", **{"because.too-uncertain": "yes"})
    hospital.clock.forward(minutes=1)
    hospital.form(jan, path, verdict="agree", seen="preliminary", action="Refer")
    hospital.clock.forward(minutes=1)
    sent = {"verdict": "disagree", "conclusion": "Cyst", "seen": "final", "because.other-findings": "yes"}
    assert hospital.form(ida, path, **sent).status_code == 303
    text = _text(ida.get(path))
    order = (
        "Asked · clinician 2 Mar 2026, 08:00 UTC",
        "Second reading asked for · Dr. Ida Rolf 2 Mar 2026, 08:01 UTC Reason Too uncertain to act on",
        "Signed: agree · Dr. Jan Vos 2 Mar 2026, 08:02 UTC Action Refer",
        "Amended: disagree · Dr. Ida Rolf 2 Mar 2026, 08:03 UTC Conclusion Cyst Reason Other findings weigh more",
    )
    places = [text.index(said) for said in order]
    assert places == sorted(places)
    assert text.index("Amended: signed again Dr. Ida Rolf disagreed") < places[0]


def test_after_a_review_the_next_that_waits_is_one_step_away(hospital: Any) -> None:
    first, second, unsure = (hospital.ask()["id"] for _ in range(3))
    ida, jan = hospital.client("clinician"), hospital.client("second")
    assert "Next that waits" not in ida.get(f"/answers/{first}").text
    for answer, verdict, following in ((unsure, "unsure", first), (first, "agree", second), (second, "agree", None)):
        hospital.form(ida, f"/answers/{answer}", verdict=verdict, seen="preliminary", reason="Poor sample")
        text = ida.get(f"/answers/{answer}").text
        assert re.findall(r'href="/answers/([^"]+)">Next', text) == ([following] if following else [])
        assert "Back to the worklist" in text
    assert f'href="/answers/{unsure}">Next' in jan.get(f"/answers/{first}").text  # a second reading is for another


def test_an_answer_is_withdrawn_on_its_page(hospital: Any) -> None:
    path, client = f"/answers/{hospital.ask()['id']}", hospital.client("clinician")
    refused = hospital.form(client, f"{path}/withdrawal", seen="preliminary")
    assert (refused.status_code, "needs a reason" in refused.text) == (422, True)
    assert '<details class="withdraw" open>' in refused.text
    done = hospital.form(client, f"{path}/withdrawal", seen="preliminary", **{"because.wrong-patient": "yes"})
    assert (done.status_code, done.headers["Location"]) == (303, path)
    text = _text(client.get(path))
    assert "Entered in error: do not use" in text
    assert "Withdrawn: entered in error · Dr. Ida Rolf" in text
    assert "Reason Wrong patient" in text
    assert "Entered in error?" not in text


def test_earlier_answers_of_the_patient_are_listed_the_newest_first_and_at_most_ten(hospital: Any) -> None:
    asked = []
    for number in range(13):
        asked.append(
            hospital.ask(patient=PATIENT, explain=False, values=house.PLAUSIBLE | {"mean_radius": 9.0 + number})
        )
        hospital.clock.forward(hours=1)
    said = {"verdict": "disagree", "conclusion": "Cyst", "reason": "x", "reviewer": hospital.users["second"]}
    hospital.ledger.review(asked[11]["id"], **said)
    hospital.ask(patient=PATIENT | {"id": "B-1"}, explain=False)
    page = hospital.client("clinician").get(f"/answers/{asked[12]['id']}")
    listed = re.search(r'<ul class="plain earlier">(.*?)</ul>', page.text, re.DOTALL)
    assert listed is not None
    assert re.findall(r"/answers/([^\"]+)", listed[1]) == [one["id"] for one in asked[11:1:-1]]
    unsigned, overruled = (house.probability(house.PLAUSIBLE | {"mean_radius": 9.0 + number}) for number in (4, 11))
    assert f"<strong>malignant {unsigned * 100:.0f} %</strong>" in listed[1]
    assert "<strong>Cyst</strong>" in listed[1]  # what stands comes first
    assert f"Dr. Jan Vos: disagree · model: malignant {overruled * 100:.1f} %" in listed[1]
    assert "struck" not in listed[1]
    hospital.ledger.withdraw(asked[11]["id"], "x", hospital.users["second"])
    text = hospital.client("clinician").get(f"/answers/{asked[12]['id']}").text
    assert f'<strong class="struck">malignant {overruled * 100:.1f} %</strong>' in text


def test_a_patient_is_found_by_the_whole_number_and_the_look_is_entered(hospital: Any) -> None:
    first = hospital.ask("service", patient=PATIENT)["id"]
    hospital.ask("service", patient=PATIENT | {"id": "B-1", "name": "Other"})
    client = hospital.client("clinician")
    before = len(list(hospital.ledger.entries(kind="identity-read")))
    found = hospital.form(client, "/patients", id=" a-10234 ")
    assert (found.status_code, first in found.text, "Anneliese Meier" in found.text, "Other" in found.text) == (
        200, True, True, False,
    )  # fmt: skip
    readings = list(hospital.ledger.entries(kind="identity-read"))[before:]
    assert [entry.actor for entry in readings] == ["clinician"]
    missing = hospital.form(client, "/patients", id="A-1023")
    assert (missing.status_code, "No patient has this number" in _text(missing)) == (404, True)
    (searched,) = hospital.ledger.entries(kind="patient-search")
    assert (searched.actor, b"A-1023" in searched.body) == ("clinician", False)
    assert hospital.form(client, "/patients", id=" ").status_code == 422


def test_own_estimates_in_words(hospital: Any) -> None:
    answer = _answer(hospital)
    given = {"answer": answer.id, "clinician": "a", "clinician_name": "A", "at": "2026-03-02T08:00:00.000000Z"}
    from bedside.ledger import OwnEstimate

    for estimate, words in (({"malignant": 0.3}, "30 %"), (None, "could not say"), ({"benign": 0.6}, "benign 60 %")):
        assert history.own_words(OwnEstimate(estimate=estimate, **given), answer, T) == words


def test_times_in_the_form_are_meant_in_the_readers_zone(hospital: Any) -> None:
    client = hospital.client("clinician")
    client.cookies.set("bedside_zone", "Asia/Shanghai")
    page = client.get("/releases/breast-fna/new").text
    assert "time in Asia/Shanghai" in page
    typed = {f"value.{name}": str(value) for name, value in house.HIGH.items()} | {
        "time.tumour_size": "2026-03-02T09:30"
    }
    reply = hospital.form(client, "/releases/breast-fna/new", **typed)
    answer = client.get("/api/v1" + reply.headers["Location"]).json()
    assert dt.datetime.fromisoformat(answer["values"]["tumour_size"]["time"]) == dt.datetime(
        2026, 3, 2, 1, 30, tzinfo=dt.UTC
    )
    assert "6 h old" in client.get(reply.headers["Location"]).text
    wrong = hospital.form(client, "/releases/breast-fna/new", **typed | {"time.tumour_size": "yesterday"})
    assert (wrong.status_code, "The time cannot be read" in wrong.text, 'value="20.0"' in wrong.text) == (
        422,
        True,
        True,
    )
