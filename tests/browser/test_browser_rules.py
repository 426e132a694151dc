"""The page's rules are the server's: what a typed value means, who gets no estimate, exact explanations."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import numpy as np
import pytest
from device import Device, device
from file_server import file_server
from packed_page import Packed, packed

from bedside.answering import answer_patient
from bedside.browser.units import units_of
from bedside.errors import ValueRefused
from bedside.release import ReviewRule, open_release
from bedside.sources import Schema, Variable, read_patient

NOW = dt.datetime.now(dt.UTC)

SCHEMA = Schema(
    variables=(
        Variable(name="weight", kind="number", label="Weight", unit="kg", unit_in_data="[lb_av]", range=(2, 300),
                 missing=("999", "n/d")),
        Variable(name="temperature", kind="number", label="Temperature", unit="Cel", range=(30, 43)),
        Variable(name="glucose", kind="number", label="Glucose", unit="mg/dL", missing=("-9",)),
        Variable(name="ratio", kind="number", label="Ratio", missing=("0",)),
        Variable(name="sex", kind="category", label="Sex", categories=("1", "2.0", "x"), missing=("9",)),
    ),
    missing=("", "NA", "?", "-1"),
)  # fmt: skip
TEXTS = (
    "", " ", "NA", " NA ", "na", "?", "-1", "-1.0", "0", "-0", "0.0", "00", "1", "1.0", " 1.00 ", "+1", "01",
    "1.", ".5", "-.5", "1e2", "1E+2", "1e400", "1e39", "-1e39", "5,3", "1 000", "1_000", "<5", "inf", "nan",
    "0x10", "１", "\u00a07\u200b", "\t8\n", "9", "9.0", "-9", "999", "999.0", "n/d", "N/D", "x", "X", "2",
    "2.00", "43", "43.0000000000001", "43.1", "109.4", "109.5", "300", "661", "662", "2", "4.4", "4.5",
    "1.9999999999", "3.4e38", "3.5e38", "--1", "1-", "e5", "1e", "⁰",
)  # fmt: skip


@pytest.fixture(scope="module")
def visited(browser: Any, ward_page: Packed) -> Any:
    with file_server(ward_page.site) as server, device(browser, server) as found:
        assert found.open() == ""
        yield found
        assert found.faults == []


def test_a_typed_value_means_what_it_means_on_the_server(visited: Device) -> None:
    units = units_of(SCHEMA)
    asked = [
        (variable.name, text, unit)
        for variable in SCHEMA.variables
        for text in TEXTS
        for unit in ["", *[str(one["unit"]) for one in units.get(variable.name, [])]]
    ]
    assert len({unit for *_, unit in asked}) > 8
    found = visited.module(
        """(from, [schema, units, asked]) => asked.map(([name, value, unit]) => {
          const read = from.cleaning.readPatient(schema, units, {[name]: {value, unit, time: ""}}, new Date());
          const place = schema.variables.findIndex(one => one.name === name);
          return read.problems.size ? "refused" : Number.isNaN(read.values[place]) ? "unknown" : read.values[place];
        })""",
        [msgspec.to_builtins(SCHEMA), units, asked],
    )
    for (name, text, unit), ours in zip(asked, found, strict=True):
        try:
            entry: object = {"value": text, "unit": unit} if unit else text
            value = float(read_patient(SCHEMA, {name: entry}, now=NOW).values[0, SCHEMA.names.index(name)])
            theirs: object = "unknown" if math.isnan(value) else value
        except ValueRefused:
            theirs = "refused"
        same = (
            ours == pytest.approx(theirs, rel=1e-15)
            if isinstance(theirs, float) and ours not in {"unknown", "refused"}
            else ours == theirs
        )
        assert same, (name, text, unit, ours, theirs)
    assert {"refused", "unknown"} < {one if isinstance(one, str) else "number" for one in found}


def minutes_ago(days: float) -> str:
    return (NOW - dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


PATIENTS: dict[str, dict[str, Any]] = {
    "usual": house.PLAUSIBLE,
    "high": house.HIGH,
    "unlike": house.STRANGE,
    "half unknown": dict.fromkeys(list(house.PLAUSIBLE)[:5]) | dict(list(house.PLAUSIBLE.items())[5:]),
    "too much unknown": dict(list(house.PLAUSIBLE.items())[6:]),
    "stale": house.PLAUSIBLE | {"tumour_size": {"value": "22", "time": minutes_ago(31)}},
    "stale and unlike": house.STRANGE | {"tumour_size": {"value": "22", "time": minutes_ago(31)}},
    "fresh": house.PLAUSIBLE | {"tumour_size": {"value": "22", "time": minutes_ago(29)}},
    "in centimetres": house.PLAUSIBLE | {"tumour_size": {"value": "2.3", "unit": "cm"}},
    "in months": house.PLAUSIBLE | {"age": {"value": "720", "unit": "mo"}},
    "of the future": house.PLAUSIBLE | {"tumour_size": {"value": "22", "time": minutes_ago(-1)}},
    "out of range": house.PLAUSIBLE | {"age": "17", "mean_radius": "60.1"},
    "no number": house.PLAUSIBLE | {"mean_texture": "<5", "worst_area": "1,5"},
}


@pytest.mark.parametrize("name", PATIENTS)
def test_the_page_answers_abstains_and_refuses_as_the_server_does(
    visited: Device, ward_page: Packed, name: str
) -> None:
    model = open_release(ward_page.release, ward_page.key).load("server-cpu")
    patient = PATIENTS[name]
    visited.page.click("text=Clear all")
    visited.fill(patient)
    ours = visited.ask()
    try:
        theirs = answer_patient(model, patient, now=dt.datetime.now(dt.UTC))
    except ValueRefused as error:
        assert set(ours["refused"]) == set(error.problems)
        assert ours["probability"] == []
        return
    assert ours["refused"] == []
    assert ours["reasons"] == [reason.code for reason in theirs.reasons]
    if theirs.explanation is None:
        assert ours["probability"] == ours["values"] == []
        return
    assert ours["probability"] == pytest.approx(list(theirs.estimate.values()), abs=1e-6)
    assert set(ours["set"]) == set(theirs.prediction_set)
    # Ten variables and twelve prototypes: every coalition is enumerated by both.
    assert ours["error"] == [theirs.explanation.error] == [0.0]
    assert ours["values"] == pytest.approx(list(theirs.explanation.values.values()), abs=1e-6)
    assert ours["base"] == pytest.approx([theirs.explanation.base_value], abs=1e-6)


def test_sampled_explanations_of_a_linear_model_are_its_closed_form(visited: Device) -> None:
    """Strumbelj and Kononenko 2014: a linear model's values are w * (x - mean); the error is honest."""
    rng = np.random.default_rng(4)
    weights, case = rng.normal(size=14) / 10, rng.normal(size=14)
    background, shares = rng.normal(size=(20, 14)), rng.dirichlet(np.ones(20))
    script = """async (from, [weights, point, background, shares, bend]) => {
      const ask = async rows => Array.from({length: rows.length / 14}, (_, row) => {
        const x = rows.subarray(14 * row, 14 * row + 14);
        return weights.reduce((sum, w, j) => sum + w * x[j], 0) + bend * x[0] * x[1];
      });
      const found = await from.shapley.shapley(ask, point, background, shares, {wantedError: 1e-4});
      return {...found, values: [...found.values]};
    }"""
    given = [weights.tolist(), case.tolist(), background.tolist(), shares.tolist()]
    exact = weights * (case - shares @ background)
    linear = visited.module(script, [*given, 0])
    assert linear["values"] == pytest.approx(exact.tolist(), abs=1e-6)
    bent = visited.module(script, [*given, 0.3])
    # x0 * x1 with everything else switched off and on: half of each way, by hand.
    first, second = background[:, 0], background[:, 1]
    together = 0.3 * ((case[0] - first) * second + (case[0] - first) * case[1]) / 2
    assert abs(bent["values"][0] - exact[0] - shares @ together) <= 4 * bent["error"] + 1e-6
    assert 0 < bent["error"] <= 1e-2
    assert bent["rows"] <= 17_408


def test_the_own_estimate_comes_first_where_the_release_wants_it(
    browser: Any, web_runtime: None, tmp_path: Path
) -> None:
    rule = ReviewRule(own_estimate_first=True)
    page = packed(tmp_path, *house.make_release(tmp_path, targets=("browser",), review=rule, classes=3))
    with file_server(page.site) as server, device(browser, server) as found:
        assert found.open() == ""
        found.put(house.HIGH)
        assert found.ask(explain=False)["probability"] == []
        assert "%" not in found.page.inner_text("#answers")
        found.page.fill("#own", "35")
        found.page.click("text=Show the model's estimate")
        found.page.wait_for_selector("#explanation", timeout=60_000)
        model = open_release(page.release, page.key).load("server-cpu")
        theirs = answer_patient(model, house.HIGH, now=NOW)
        shown = found.page.get_attribute(".verdict", "data-probability").split()
        assert [float(text) for text in shown] == pytest.approx(list(theirs.estimate.values()), abs=1e-6)
        assert "Your own estimate: 35 %" in found.page.inner_text("#answers")
        assert found.page.query_selector_all(".verdict .class"), "three classes, each with its figure"


def test_units_of_a_variable_are_those_that_convert() -> None:
    found = units_of(SCHEMA)
    assert [one["unit"] for one in found["weight"]] == ["kg", "[lb_av]", "g"]
    assert found["weight"][1]["factor"] == pytest.approx(0.45359237, rel=1e-12)
    fahrenheit = next(one for one in found["temperature"] if one["unit"] == "[degF]")
    assert (fahrenheit["factor"] * 98.6 + fahrenheit["offset"]) == pytest.approx(37.0, abs=1e-9)
    assert "mmol/L" not in {one["unit"] for one in found["glucose"]}, "it needs the molar mass"
    assert "sex" not in found
    plain = replace_unit(SCHEMA.variables[1], "{score}")
    assert [one["unit"] for one in units_of(Schema(variables=(plain,)))["temperature"]] == ["{score}"]


def replace_unit(variable: Variable, unit: str) -> Variable:
    return msgspec.structs.replace(variable, unit=unit)
