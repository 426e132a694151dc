"""Answers about treatments and doses, against the formulas of a model made by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from functools import cache
from pathlib import Path
from typing import Any

import hospital as house
import numpy as np
import pytest
import quantities as made
from quantities import Dosing, Trial

from bedside.answering import Cause, answer_patient, judge, predictions
from bedside.errors import DataError, ValueRefused
from bedside.release import Model, Prediction, open_candidate, open_release
from bedside.sources import read_patient

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
ALL = {"trial": made.trial(), "records": made.records(), "survival": made.survival(), "dose": made.dosing()}
LOW = house.PLAUSIBLE | {"mean_radius": 9.0, "age": 40.0}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def model(name: str) -> Model:
        return open_release(*house.make_release(tmp_path_factory.mktemp(name), quantities=ALL[name])).load()

    return model


def _saying(model: Model, columns: np.ndarray) -> Model:
    """The same release, whose graph gives these columns to everybody."""

    def predict(values: np.ndarray) -> Prediction:
        rows = len(values)
        return Prediction(np.repeat(columns, rows, axis=0).astype(np.float32), np.ones(rows, dtype=np.float32), None)

    return dataclasses.replace(model, predict=predict)


@pytest.mark.parametrize("name", ["trial", "records", "survival"])
def test_arms_differences_and_recommendation(models: Any, name: str) -> None:
    model, truth = models(name), ALL[name]
    for values in (LOW, house.PLAUSIBLE, house.PLAUSIBLE | {"mean_radius": 16.0}):
        answer, linear = answer_patient(model, values, now=NOW), np.array([house.linear(values)])
        (expected,), arms = truth.expected(linear), answer.arms
        assert arms is not None
        assert list(arms.expected.values()) == pytest.approx(expected.tolist(), rel=1e-5)
        assert list(arms.propensity.values()) == pytest.approx(truth.propensity(linear)[0].tolist(), abs=1e-6)
        names = truth.arms.arms
        assert (arms.arms, list(arms.expected)) == (truth.arms.arms, list(truth.arms.arms))
        assert (arms.control, list(arms.differences), arms.unjudged) == (names[0], list(names[1:]), ())
        for arm, found in enumerate(arms.differences.values(), start=1):
            middle, reach = expected[arm] - expected[0], 1.959964 * truth.error[0]
            assert (found.value, found.low, found.high) == pytest.approx(
                (middle, middle - reach, middle + reach), rel=1e-4
            )
        best = int(expected.argmax())  # more is better in all three
        assert arms.best == names[best]
        gaps = {other: expected[best] - expected[other] for other in range(len(names)) if other != best}
        assert {name: -found.value for name, found in arms.against_best.items()} == pytest.approx(
            {names[other]: gap for other, gap in gaps.items()}, rel=1e-4
        )
        clear = all(gap > 1.959964 * truth.error[0] for gap in gaps.values())
        assert arms.recommended == (names[best] if clear else None)
        assert (arms.why is None) == clear
        assert answer.estimate == {f"{arm} against {names[0]}": one.value for arm, one in arms.differences.items()}
        assert (answer.alert, answer.prediction_set, answer.alpha, answer.spread) == (None, (), None, None)


def test_the_patients_here_meet_both_cases(models: Any) -> None:
    said = {
        values["mean_radius"]: answer_patient(models("trial"), values, now=NOW).arms for values in (LOW, house.HIGH)
    }
    assert [arms.recommended for arms in said.values()] == [None, "streptomycin"]
    assert said[9.0].why == (
        "The data do not tell placebo from streptomycin: the 95 % interval of the difference holds zero"
    )


def test_of_an_arm_that_few_got_there_is_no_number(models: Any) -> None:
    answer = answer_patient(models("records"), house.HIGH, now=NOW)
    arms = answer.arms
    assert arms is not None
    assert (arms.unjudged, arms.expected["both"], arms.recommended) == (("both",), None, None)
    assert "both" not in arms.differences
    assert "both" not in arms.against_best
    assert arms.best == "didanosine"
    assert arms.why == "Fewer than 5 % of patients like this one got both"
    assert answer.estimate is not None
    assert list(answer.estimate) == ["zidovudine against none", "didanosine against none"]
    assert answer.explanation is not None
    assert answer.explanation.output == "didanosine against none"


def test_where_nothing_can_be_compared_the_model_abstains(models: Any) -> None:
    model = models("survival")
    answer = answer_patient(model, house.HIGH, now=NOW)
    assert (answer.abstained, answer.estimate, answer.arms, answer.explanation) == (True, None, None, None)
    (reason,) = answer.reasons
    assert (reason.code, reason.text) == (
        "poor-overlap",
        "Fewer than 5 % of patients like this one got surgery: the treatments cannot be compared",
    )
    judged = judge(model, read_patient(model.manifest.schema, house.HIGH, now=NOW), today=NOW.date())
    assert judged.reasons.tolist() == [int(Cause.POOR_OVERLAP)]


@pytest.mark.parametrize("values", [house.PLAUSIBLE, house.HIGH, LOW])
def test_a_dose_with_its_interval(models: Any, values: dict[str, Any]) -> None:
    truth = ALL["dose"]
    assert isinstance(truth, Dosing)
    answer = answer_patient(models("dose"), values, now=NOW)
    (columns,) = truth.columns(np.array([house.linear(values)]))
    assert answer.dose is not None
    assert (answer.dose.dose, answer.dose.low, answer.dose.high) == pytest.approx(tuple(columns), rel=1e-5)
    assert (answer.dose.drug, answer.dose.unit, answer.dose.alpha, answer.dose.withheld) == (
        "warfarin", "mg/wk", 0.1, False,
    )  # fmt: skip
    assert answer.estimate == {"dose": answer.dose.dose}
    assert (answer.positive, answer.arms, answer.prediction_set) == ("dose", None, ())


@pytest.mark.parametrize("name", ["trial", "dose"])
def test_a_stranger_gets_neither(models: Any, name: str) -> None:
    answer = answer_patient(models(name), house.STRANGE, now=NOW)
    assert (answer.abstained, answer.arms, answer.dose, answer.estimate) == (True, None, None, None)


@pytest.mark.parametrize("name", list(ALL))
def test_pushes_add_up_to_the_effect_or_the_dose(models: Any, name: str) -> None:
    answer = answer_patient(models(name), LOW, now=NOW)
    told = answer.explanation
    assert told is not None
    assert answer.estimate is not None
    assert told.base_value + sum(told.values.values()) == pytest.approx(answer.estimate[told.output], rel=1e-5)


def test_the_effect_of_the_arm_that_is_asked_about_is_explained(models: Any) -> None:
    model = models("records")
    whom = house.PLAUSIBLE
    told = answer_patient(model, whom, now=NOW).explanation
    assert told is not None
    assert told.output == "both against none"
    for arm in ("zidovudine", "didanosine"):
        answer = answer_patient(model, whom, now=NOW, arm=arm)
        assert answer.explanation is not None
        assert answer.explanation.output == f"{arm} against none"
        assert answer.arms is not None
        found = answer.explanation.base_value + sum(answer.explanation.values.values())
        assert found == pytest.approx(answer.arms.differences[arm].value, rel=1e-5)
    with pytest.raises(ValueRefused, match="compares no 'aspirin' with none; use one of: zidovudine, didanosine, both"):
        answer_patient(model, whom, now=NOW, arm="aspirin")
    with pytest.raises(ValueRefused, match="compares no 'none' with none"):
        answer_patient(model, whom, now=NOW, arm="none")
    with pytest.raises(ValueRefused, match="too few patients like this one got both: nothing is told of it"):
        answer_patient(model, house.HIGH, now=NOW, arm="both")
    with pytest.raises(ValueRefused, match="compares no treatments"):
        answer_patient(models("dose"), whom, now=NOW, arm="both")


def test_a_table_tells_what_the_answers_tell(models: Any) -> None:
    """Row by row the same as one patient's answer, and no number where that has none."""
    for name in ("trial", "records", "survival"):
        model = models(name)
        for values in (LOW, house.PLAUSIBLE, house.HIGH, house.STRANGE):
            found = predictions(model, read_patient(model.manifest.schema, values, now=NOW), today=NOW.date())
            answer = answer_patient(model, values, now=NOW, explain=False)
            names = ALL[name].arms.arms
            assert list(found) == [
                *(f"expected_{arm}" for arm in names),
                *(f"{part}_{arm}" for arm in names[1:] for part in ("effect", "low", "high")),
                "recommended", "abstained", "reasons",
            ]  # fmt: skip
            arms = answer.arms
            for arm in names:
                told = None if arms is None else arms.expected[arm]
                assert found[f"expected_{arm}"][0] == (
                    pytest.approx(told) if told is not None else pytest.approx(np.nan, nan_ok=True)
                )
            for arm in names[1:]:
                one = None if arms is None else arms.differences.get(arm)
                shown = [found[f"{part}_{arm}"][0] for part in ("effect", "low", "high")]
                assert shown == (
                    pytest.approx([one.value, one.low, one.high])
                    if one is not None
                    else pytest.approx([np.nan] * 3, nan_ok=True)
                )
            assert found["recommended"][0] == ("" if arms is None else arms.recommended or "")
            assert bool(found["abstained"][0]) == answer.abstained


def test_a_table_of_doses(models: Any) -> None:
    model, truth = models("dose"), ALL["dose"]
    assert isinstance(truth, Dosing)
    found = predictions(model, read_patient(model.manifest.schema, LOW, now=NOW), today=NOW.date())
    assert list(found) == ["dose", "low", "high", "abstained", "reasons"]
    shown = [found[name][0] for name in ("dose", "low", "high")]
    assert shown == pytest.approx(truth.columns(np.array([house.linear(LOW)]))[0].tolist(), rel=1e-5)
    silent = predictions(model, read_patient(model.manifest.schema, house.STRANGE, now=NOW), today=NOW.date())
    assert np.isnan([silent[name][0] for name in ("dose", "low", "high")]).all()


def test_numbers_that_cannot_be_are_never_served(models: Any) -> None:
    wrong = {
        "trial": np.array([[1.2, 0.5, 0.1, 0.5, 0.5]]),
        "dose": np.array([[250.0, 200.0, 300.0]]),
    }
    for name, columns in wrong.items():
        with pytest.raises(DataError, match="cannot be right"):
            answer_patient(_saying(models(name), columns), house.PLAUSIBLE, now=NOW)


def test_a_graph_that_gives_what_cannot_be_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rising = dataclasses.replace(
        made.trial(), arms=made.declared(kind="mean", unit="1"), base=(0.9, 0.9), pull=(0.3, 0.3)
    )
    graph = rising.graph(house.MEAN, house.SCALE, house.WEIGHTS)
    monkeypatch.setattr(Trial, "graph", lambda *_: graph)
    with pytest.raises(DataError, match="an expected outcome lies beyond 0 to 1"):
        house.make_release(tmp_path, quantities=made.trial())


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("trial", {"overlap": 0.5}, "`overlap` must be at least 0 and below 1 by the number of arms"),
        ("trial", {"arms": ("a", "a"), "codes": {}}, "one of them twice"),
        ("trial", {"single": 2}, "`single` is no position"),
        ("trial", {"codes": {"x": 2}}, "the codes of the arms name one that is not there"),
        ("trial", {"unit": "d"}, "a probability has no unit"),
        ("survival", {"until": None}, "a restricted mean has a time"),
        ("dose", {"lowest": 120.0}, "below `highest`"),
        ("dose", {"scale": 0.0}, "`scale` of the dose"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path: Path, name: str, changes: dict[str, Any], said: str) -> None:
    house.make_release(tmp_path, quantities=ALL[name])
    file = tmp_path / "candidate" / "manifest.json"
    told = json.loads(file.read_text())
    told["outputs"]["dose" if name == "dose" else "arms"] |= changes
    file.write_text(json.dumps(told))
    with pytest.raises(DataError, match=said):
        open_candidate(tmp_path / "candidate")


def test_a_threshold_for_a_treatment_is_refused(tmp_path: Path) -> None:
    house.make_release(tmp_path, quantities=ALL["trial"])
    file = tmp_path / "candidate" / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"threshold": 0.3}))
    with pytest.raises(DataError, match="none is possible for a treatment"):
        open_candidate(tmp_path / "candidate")


def test_the_command_line_explains_the_arm_that_is_named(tmp_path: Path, bedside: Any) -> None:
    release, key = house.make_release(tmp_path, quantities=ALL["records"])
    patient = tmp_path / "patient.json"
    patient.write_text(json.dumps({"values": house.PLAUSIBLE}))
    done = bedside("explain", release, patient, "--key", key, "--arm", "zidovudine")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == "zidovudine against none"
    refused = bedside("explain", release, patient, "--arm", "aspirin")
    assert refused.returncode == 2
    assert "compares no 'aspirin' with none; use one of: zidovudine, didanosine, both" in refused.stderr
    table = tmp_path / "patients.csv"
    rows = [house.PLAUSIBLE, house.HIGH]
    table.write_text("\n".join([",".join(house.PLAUSIBLE), *(",".join(map(str, one.values())) for one in rows)]))
    done = bedside("explain", release, table, "--arm", "both")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["output"] == "both against none"
    assert second["reasons"] == ["too few patients like this one got both: nothing is told of it"]
