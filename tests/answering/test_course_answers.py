"""An answer of a prognosis: risks, curve, band and explanation against closed forms of a model made by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import course_model
import hospital as house
import msgspec
import numpy as np
import pytest

from bedside.answering import answer_patient, estimate_at, judge, predictions
from bedside.errors import ValueRefused
from bedside.release import Model, open_release
from bedside.sources import read_patient

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
EVENTS = {"alone": ("death",), "competing": course_model.EVENTS}


@pytest.fixture(scope="module", params=list(EVENTS))
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, tuple[str, ...]]:
    events = EVENTS[request.param]
    release = house.make_release(tmp_path_factory.mktemp("course"), course=course_model.course(events))
    return open_release(*release).load(), events


def test_the_risk_at_each_horizon_is_the_events_part_of_the_hazard(asked: tuple[Model, tuple[str, ...]]) -> None:
    model, events = asked
    for values in (house.PLAUSIBLE, house.HIGH, house.PLAUSIBLE | {"age": None, "mean_radius": 11.0}):
        answer = answer_patient(model, values, now=NOW)
        known = {name: value for name, value in values.items() if value is not None}
        (expected,) = course_model.risk(np.array([house.linear(known)]), events)
        assert answer.estimate == pytest.approx(
            {"death within 365 d": expected[0], "death within 1825 d": expected[1]}, abs=1e-6
        )
        assert answer.positive == "death within 1825 d"
        assert answer.alert == (expected[1] >= 0.2)
        assert (answer.prediction_set, answer.alpha, answer.spread) == ((), None, None)


def test_the_curve_its_band_and_what_is_read_from_it(asked: tuple[Model, tuple[str, ...]]) -> None:
    model, events = asked
    answer = answer_patient(model, house.HIGH, now=NOW)
    course = answer.course
    assert course is not None
    linear = np.array([house.linear(house.HIGH)])
    left = course_model.survival(linear, events)[0]
    assert course.survival == pytest.approx(left, abs=1e-6)
    assert list(course.incidence) == list(events)
    for at in range(len(course.time)):
        assert sum(rows[at] for rows in course.incidence.values()) + course.survival[at] == pytest.approx(1.0, abs=1e-6)
    at = course.time.index(1825.0)
    p = course.incidence["death"][at]
    assert answer.estimate is not None
    assert p == answer.estimate["death within 1825 d"]
    assert course.low is not None
    assert course.high is not None
    assert (course.low[0], course.high[0]) == (0.0, 0.0)
    assert math.asin(math.sqrt(p)) - math.asin(math.sqrt(course.low[at])) == pytest.approx(0.12, abs=1e-9)
    assert math.asin(math.sqrt(course.high[at])) - math.asin(math.sqrt(p)) == pytest.approx(0.12, abs=1e-9)
    # By the trapezoid on a fine grid, the hazard being constant between two edges.
    fine = np.linspace(0, course.time[-1], 200_001)
    curve = np.exp(np.interp(fine, course.time, np.log(left)))
    assert course.restricted_mean == pytest.approx(np.trapezoid(curve, fine), rel=1e-4)


@pytest.mark.parametrize("horizon", [365.0, 1825.0])
def test_the_risk_at_the_horizon_that_was_asked_for_is_explained(
    asked: tuple[Model, tuple[str, ...]], horizon: float
) -> None:
    model, _ = asked
    answer = answer_patient(model, house.HIGH, now=NOW, horizon=horizon)
    assert answer.explanation is not None
    assert answer.estimate is not None
    assert answer.explanation.output == f"death within {horizon:g} d"
    told = answer.explanation.base_value + sum(answer.explanation.values.values())
    assert told == pytest.approx(answer.estimate[answer.explanation.output], abs=1e-6)
    assert max(answer.explanation.values, key=lambda name: answer.explanation.values[name]) == "mean_radius"  # type: ignore[union-attr]


def test_a_horizon_is_asked_for_as_it_reads(asked: tuple[Model, tuple[str, ...]]) -> None:
    """A month in years is 0.0833333 on the page, in the names of estimates and in links, and 1/12 in the release."""
    model, events = asked
    month = msgspec.structs.replace(
        course_model.course(events), edges=(0.0, 1 / 12, *course_model.EDGES[2:]), horizons=(1 / 12, 365.0)
    )
    outputs = msgspec.structs.replace(model.manifest.outputs, course=month)
    asks = dataclasses.replace(model, manifest=msgspec.structs.replace(model.manifest, outputs=outputs))
    assert [estimate_at(asks, horizon) for horizon in (0.0833333, 1 / 12, 365.0)] == [0, 0, 1]
    for other in (0.083, 0.0834, math.nan):
        with pytest.raises(ValueRefused, match=r"use one of: 0\.0833333, 365"):
            estimate_at(asks, other)


def test_a_horizon_without_a_risk_is_refused(
    asked: tuple[Model, tuple[str, ...]], small: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ValueRefused, match="no risk at 730 d; use one of: 365, 1825"):
        answer_patient(asked[0], house.HIGH, now=NOW, horizon=730.0)
    from bedside.release import pack

    diagnosis = pack(small.parts(), tmp_path / "candidate").load()
    with pytest.raises(ValueRefused, match="gives no risk at a horizon"):
        answer_patient(diagnosis, {"age": 61}, now=NOW, horizon=365.0)


def test_a_table_has_a_column_for_each_horizon(asked: tuple[Model, tuple[str, ...]]) -> None:
    model, events = asked
    reading = read_patient(model.manifest.schema, house.HIGH, now=NOW)
    found = predictions(model, reading, today=NOW.date())
    assert list(found) == ["risk_365", "risk_1825", "abstained", "reasons"]
    (expected,) = course_model.risk(np.array([house.linear(house.HIGH)]), events)
    assert [found["risk_365"][0], found["risk_1825"][0]] == pytest.approx(expected, abs=1e-6)


def test_who_is_unlike_the_training_patients_gets_no_curve(asked: tuple[Model, tuple[str, ...]]) -> None:
    answer = answer_patient(asked[0], house.STRANGE, now=NOW)
    assert (answer.abstained, answer.course, answer.estimate, answer.alert) == (True, None, None, None)
    reading = read_patient(asked[0].manifest.schema, house.STRANGE, now=NOW)
    assert np.isnan(predictions(asked[0], reading, today=NOW.date())["risk_365"][0])


def test_the_decision_may_be_at_another_horizon(tmp_path: Path) -> None:
    release = house.make_release(tmp_path, course=course_model.course(decision=365.0, band=False))
    answer = answer_patient(open_release(*release).load(), house.HIGH, now=NOW)
    assert answer.positive == "death within 365 d"
    assert answer.estimate is not None
    assert answer.alert == (answer.estimate["death within 365 d"] >= 0.2)
    assert answer.explanation is not None
    assert answer.explanation.output == "death within 365 d"
    assert answer.course is not None
    assert (answer.course.low, answer.course.high) == (None, None)


def test_the_command_line_explains_the_horizon_that_is_named(tmp_path: Path, bedside: Any) -> None:
    release, key = house.make_release(tmp_path, course=course_model.course())
    patient = tmp_path / "patient.json"
    patient.write_text(json.dumps({"values": house.HIGH}))
    done = bedside("explain", release, patient, "--key", key, "--horizon", "365")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == "death within 365 d"
    refused = bedside("explain", release, patient, "--horizon", "30")
    assert refused.returncode == 2
    assert "no risk at 30 d; use one of: 365, 1825" in refused.stderr


def test_golden_cases_and_the_judge_see_the_same_cells(asked: tuple[Model, tuple[str, ...]]) -> None:
    model, _ = asked
    reading = read_patient(model.manifest.schema, house.HIGH, now=NOW)
    judged = judge(model, reading, today=NOW.date())
    assert judged.columns.sum() == pytest.approx(1.0, abs=1e-6)
    assert judged.sets is None
