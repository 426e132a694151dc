"""What the page says of a course: words against figures made by hand, the history, and what is not said."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import course_model
import hospital as house
import msgspec
import pytest

from bedside.answering import PatientCourse
from bedside.release import Band
from bedside.review import PAGES, course_view, times
from bedside.review.words import translator

T = translator()
PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
COURSE = PatientCourse(
    unit="d", time=(0.0, 100.0, 365.0, 1095.0, 1825.0), horizons=(365.0, 1825.0), decision=1825.0, event="death",
    incidence={"death": (0.0, 0.1, 0.3, 0.5, 0.6), "transplant": (0.0, 0.0, 0.05, 0.1, 0.15)},
    survival=(1.0, 0.9, 0.65, 0.4, 0.25), low=(0.0, 0.05, 0.2, 0.4, 0.5), high=(0.0, 0.2, 0.4, 0.6, 0.7),
    median=1095.0, restricted_mean=1000.0,
)  # fmt: skip
DECLARED = msgspec.structs.replace(
    course_model.course(course_model.EVENTS), band=Band(half_width=0.1, alpha=0.2, group=40)
)
TOLD = {
    "development": {
        "course": {
            "time": [0.0, 100.0, 365.0, 1095.0, 1825.0],
            "incidence": {"death": [0.0, 0.05, 0.2, None, None]},
            "at_risk": [300, 250, 120, None, None],
        }
    },
    "measures": {"band_coverage": {"value": 0.8123}},
}


def _page(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


@pytest.mark.parametrize(
    ("time", "unit", "exact", "rounded"),
    [
        (365, "d", "1 year", "about 12 months"), (1826.25, "d", "5 years", "about 5.0 years"),
        (366, "d", "366 days", "about 12 months"), (1, "d", "1 day", "about 1 day"),
        (90, "d", "90 days", "about 3 months"),
        (24, "mo", "2 years", "about 2.0 years"), (18, "mo", "18 months", "about 18 months"),
        (52, "wk", "52 weeks", "about 12 months"), (3, "a", "3 years", "about 3.0 years"),
        (0.5, "a", "0.5 years", "about 6 months"),
    ],
)  # fmt: skip
def test_declared_times_are_exact_and_computed_ones_rounded(time: float, unit: str, exact: str, rounded: str) -> None:
    assert times.duration(float(time), unit, T) == exact
    assert times.about(float(time), unit, T) == rounded


@pytest.mark.parametrize(
    ("end", "horizons", "unit", "numbers", "named"),
    [
        (3980.0, (365.0, 1825.0), "d", "0 2 4 6 8 10", "in years"),
        (90.0, (30.0, 90.0), "d", "0 20 40 60 80", "in days"),
        (500.0, (365.0,), "d", "0 100 200 300 400 500", "in days"),
        (60.0, (12.0, 60.0), "mo", "0 1 2 3 4 5", "in years"),
        (2.0, (1.0, 2.0), "a", "0 0.5 1 1.5 2", "in years"), (26.0, (26.0,), "wk", "0 5 10 15 20 25", "in weeks"),
    ],
)  # fmt: skip
def test_the_axis_has_round_numbers(
    end: float, horizons: tuple[float, ...], unit: str, numbers: str, named: str
) -> None:
    marks, said = times.ticks(end, horizons, unit, T)
    assert " ".join(number for _, number in marks) == numbers
    assert said == named


def test_the_end_of_a_grid_is_not_a_declared_time() -> None:
    assert times.span(3980.0, "d", T) == "about 10.9 years"
    assert times.span(1825.0, "d", T) == "5 years"
    assert times.span(45.0, "d", T) == "45 days"


def test_median_mean_competing_and_band_in_words() -> None:
    view = course_view.course_view(COURSE, 0.2, TOLD, DECLARED, T)
    assert view.sentences == (
        "Half of such patients are expected to have had “death” by about 3.0 years, the other half later or never.",
        "Such patients are expected to be without “death” and “transplant” for about 2.7 years on average, counted up "
        "to 5 years.",
    )
    assert view.among == (
        "Something else may come first within 5 years: “transplant” (15 %). The risks of “death” allow for that."
    )
    assert view.band == (
        "The band is about groups, not about one patient: of 40 patients with similar curves, the share who had "
        "“death” lay within it at 80 % of all times, among the development patients.",
        "Among the held-out patients it was 81.2 %.",
    )
    assert view.cohort == "all 300 development patients"


def test_what_is_not_known_is_not_said() -> None:
    bare = msgspec.structs.replace(
        COURSE, low=None, high=None, median=None, incidence={"death": (0.0, 0.1, 0.2, 0.3, 0.4)}
    )
    view = course_view.course_view(bare, None, {}, None, T)
    assert "Fewer than half" in view.sentences[0]
    assert "not reached" in view.sentences[0]
    assert view.among == ""
    assert view.band == ("No band is drawn: there were too few development patients to find how wide it must be.",)
    assert (view.cohort, view.drawn.cohort, view.drawn.band, view.drawn.limit) == ("", "", "", None)
    unmeasured = course_view.course_view(COURSE, None, {"measures": {"band_coverage": {"value": None}}}, DECLARED, T)
    assert unmeasured.band[1] == "There were too few held-out patients to measure this again."


def test_where_patients_were_asked_about_at_visits_time_counts_from_the_visit() -> None:
    again = msgspec.structs.replace(DECLARED, landmarks=(0.0, 365.0), visit="day")
    said = course_view.course_view(COURSE, 0.2, TOLD, again, T).sentences
    assert said[-1] == "Time counts from the visit that the values are of."
    assert len(said) == len(course_view.course_view(COURSE, 0.2, TOLD, DECLARED, T).sentences) + 1


def test_the_table_has_what_the_picture_shows_and_withholds_small_counts() -> None:
    view = course_view.course_view(COURSE, 0.2, TOLD, DECLARED, T)
    rows = [(one.when, one.risk, one.band, one.competing, one.left, one.cohort, one.at_risk) for one in view.rows]
    assert rows == [
        ("0", "0 %", "", ("0 %",), "100 %", "0 %", "300"),
        ("100 days", "10 %", "5.0 % to 20 %", ("0 %",), "90 %", "5.0 %", "250"),
        ("1 year", "30 %", "20 % to 40 %", ("5.0 %",), "65 %", "20 %", "120"),
        ("3 years", "50 %", "40 % to 60 %", ("10 %",), "40 %", "", "few"),
        ("5 years", "60 %", "50 % to 70 %", ("15 %",), "25 %", "", "few"),
    ]
    assert [number for _, number in view.drawn.ticks] == ["0", "1", "2", "3", "4", "5"]
    assert view.drawn.unit == "in years"
    assert view.drawn.followed == ((0.0, "300"), (0.2, "120"), (0.6, "few"), (1.0, "few")), "100 days stand too near 0"
    assert view.drawn.top == 1.0
    assert view.drawn.curve.split()[2] == "20.00,70.00"  # 365 of 1825 days, 30 %
    assert view.drawn.horizons == ((0.2, 0.7, "30 %"), (1.0, 0.4, "60 %"))
    assert view.drawn.cohort.split()[-1] == "20.00,80.00", "what is withheld is not drawn"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made: tuple[Path, Path] = house.make_release(tmp_path_factory.mktemp("course"), course=course_model.course())
    return made


@pytest.fixture
def ward(tmp_path: Path, release: tuple[Path, Path]) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path, [release], pages=PAGES)
    yield opened
    opened.ledger.close()


def test_the_estimate_is_told_as_it_turned_out_within_the_horizon(ward: Any) -> None:
    answer = ward.ask(values=house.PLAUSIBLE)
    risk = answer["estimate"]["death within 1825 d"]
    text = _page(ward.client("clinician").get(f"/answers/{answer['id']}"))
    # The made-up evidence says a tenth more than the estimate: 1.1 times it.
    tens = round(11 * risk)
    assert (
        f"Of 10 patients given such an estimate at the validation site, about {tens} had “death within 5 years”."
        in text
    )
    assert "which allows for patients who were followed for less" in text
    assert "Alert: at or above the threshold for acting (20 %) for death within 5 years." in text
    assert not re.search(r"\b20(2[6-9]|3\d)-\d\d", text), "no date is foretold"


def test_a_risk_that_the_evidence_says_nothing_of_has_no_frequency(ward: Any) -> None:
    answer = ward.ask(values=house.HIGH)
    assert answer["estimate"]["death within 1825 d"] > 0.7
    text = _page(ward.client("clinician").get(f"/answers/{answer['id']}"))
    assert "how often “death within 5 years” was there cannot be told, so no number is given." in text


def test_the_risks_of_earlier_answers_are_drawn(ward: Any) -> None:
    first = ward.ask("service", values=house.PLAUSIBLE, patient=PATIENT)
    ward.clock.forward(days=40)
    withdrawn = ward.ask("service", values=house.HIGH, patient=PATIENT)
    ward.ledger.withdraw(withdrawn["id"], "Wrong patient", ward.users["clinician"], reason_codes=("wrong-patient",))
    ward.clock.forward(days=40)
    last = ward.ask("service", values=house.PLAUSIBLE | {"mean_radius": 17.0}, patient=PATIENT)
    page = ward.client("clinician").get(f"/answers/{last['id']}").text
    label = re.search(r'aria-label="The estimates so far: ([^"]*)"', page)
    assert label is not None
    told = [f"{round(100 * one['estimate']['death within 1825 d'])} %" for one in (first, last)]
    assert label[1] == f"2 Mar 2026 {told[0]}; 21 May 2026 {told[1]}"
    assert "The estimates so far" not in ward.client("clinician").get(f"/answers/{ward.ask('service')['id']}").text


def test_a_page_in_chinese_says_times_and_risks_in_chinese(ward: Any) -> None:
    answer = ward.ask(values=house.PLAUSIBLE)
    client = ward.client("clinician")
    client.cookies.set("bedside_language", "zh-CN")
    text = _page(client.get(f"/answers/{answer['id']}"))
    assert "5 年内death" in text
    assert "全部 600 名建模患者" in text
    assert "（年）" in text
