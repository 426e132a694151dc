"""A course over time on the device: the page's functions are the release's, and its answer is the server's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import course_model
import hospital as house
import msgspec
import numpy as np
import pytest
from device import Device, device
from file_server import file_server
from packed_page import Packed, packed

from bedside.answering import answer_patient
from bedside.answering.course import band_around
from bedside.release import Course, open_release
from bedside.review import times
from bedside.review.words import translator

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def course_page(web_runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    folder = tmp_path_factory.mktemp("course-page")
    course = course_model.course(course_model.EVENTS)
    return packed(folder, *house.make_release(folder, targets=("browser",), course=course))


@pytest.fixture(scope="module")
def visited(browser: Any, course_page: Packed) -> Iterator[Device]:
    with file_server(course_page.site) as server, device(browser, server) as found:
        assert found.open() == ""
        yield found
        assert found.faults == []


def _cells(course: Course) -> np.ndarray:
    """Some where half is never reached, some where it is in the first interval, one where nobody is left."""
    rng = np.random.default_rng(5)
    cells = rng.dirichlet(np.full(course.width, 0.3), size=40)
    cells[:10] *= 0.2
    cells[:10, -1] += 1 - cells[:10].sum(axis=1)
    cells[10:13, 0] += 3.0
    cells[13, -1] = 0.0
    return cells / cells.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("events", [("death",), course_model.EVENTS])
def test_the_functions_of_the_page_are_those_of_the_release(visited: Device, events: tuple[str, ...]) -> None:
    course = course_model.course(events)
    cells = _cells(course)
    found = visited.module(
        """(from, [course, all]) => all.map(cells => ({
          incidence: from.course.incidence(course, cells), survival: from.course.survival(course, cells),
          risks: from.course.risks(course, cells), median: from.course.median(course, cells),
          mean: from.course.restrictedMean(course, cells),
          band: from.course.bandAround(course.band, from.course.incidence(course, cells)[0]),
        }))""",
        [msgspec.to_builtins(course), cells.tolist()],
    )
    low, high = band_around(course.band, course.incidence(cells)[:, 0])
    expected = {
        "incidence": course.incidence(cells), "survival": course.survival(cells), "risks": course.risk(cells),
        "mean": course.restricted_mean(cells), "band": np.stack([low, high], axis=1),
    }  # fmt: skip
    for name, theirs in expected.items():
        np.testing.assert_allclose([one[name] for one in found], theirs, rtol=1e-9, atol=1e-12, err_msg=name)
    medians = course.median(cells)
    assert None in medians
    assert [one["median"] for one in found] == [None if at is None else pytest.approx(at, rel=1e-9) for at in medians]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_times_are_said_in_the_same_words(visited: Device, language: str) -> None:
    asked = [
        (time, unit)
        for unit in ("d", "wk", "mo", "a")
        for time in (0.4, 1, 12, 13.2, 30, 52, 365, 366, 730.5, 1825, 3650)
    ]
    found = visited.module(
        """(from, [language, asked]) => {
          from.language.choose(language);
          const {duration, about, span, ticks} = from.times;
          const said = asked.map(([time, unit]) =>
            [duration(time, unit), about(time, unit), span(time, unit), ticks(time, [365, time], unit)]);
          from.language.choose("en");
          return said;
        }""",
        [language, asked],
    )
    t = translator(language)
    for (time, unit), said in zip(asked, found, strict=True):
        marks, named = times.ticks(float(time), [365.0, float(time)], unit, t)
        assert said[:3] == [one(float(time), unit, t) for one in (times.duration, times.about, times.span)]
        assert said[3][1] == named
        assert [number for _, number in said[3][0]] == [number for _, number in marks]
        assert [at for at, _ in said[3][0]] == pytest.approx([at for at, _ in marks], rel=1e-12)


def test_the_page_answers_as_the_server_does(visited: Device, course_page: Packed) -> None:
    model = open_release(course_page.release, course_page.key).load("server-cpu")
    for patient in (house.PLAUSIBLE, house.HIGH):
        visited.put(patient)
        ours = visited.ask()
        theirs = answer_patient(model, patient, now=NOW)
        assert theirs.estimate is not None
        assert theirs.explanation is not None
        assert ours["probability"] == pytest.approx(list(theirs.estimate.values()), abs=1e-6)
        assert ours["values"] == pytest.approx(list(theirs.explanation.values.values()), abs=1e-6)
        assert ours["set"] == []
        assert ours["says"][0].startswith(
            "▲ Alert: at or above the threshold for acting (20 %) for death within 5 years"
        )
    text = visited.page.inner_text("#course")
    assert "all 600 development patients" in text
    assert "Among the held-out patients it was 93 %." in text
    assert visited.page.query_selector("#course polyline.cohort") is not None


def test_another_horizon_is_explained_on_the_device(visited: Device, course_page: Packed) -> None:
    model = open_release(course_page.release, course_page.key).load("server-cpu")
    patient = house.HIGH | {"age": 40}
    visited.put(patient)
    visited.ask()
    visited.page.click("#explanation .choice button:has-text('1 year')")
    visited.page.wait_for_selector("#explanation .choice button[aria-pressed=true]:has-text('1 year')")
    theirs = answer_patient(model, patient, now=NOW, horizon=365.0)
    assert theirs.explanation is not None
    values = visited.page.get_attribute("#explanation", "data-values").split()
    assert [float(one) for one in values] == pytest.approx(list(theirs.explanation.values.values()), abs=1e-6)
    assert "probability of death within 1 year" in visited.page.inner_text("#explanation")


def test_who_is_unlike_the_training_patients_gets_no_curve(visited: Device) -> None:
    visited.put(house.STRANGE)
    assert visited.ask()["reasons"] == ["unlike-training"]
    assert visited.page.query_selector("#course") is None
