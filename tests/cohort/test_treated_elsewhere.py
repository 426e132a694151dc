"""Another hospital's patients who were treated: read by what the release says, and by a map."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from hospital import make_release
from quantities import dosing, trial
from treatments import BINARY, DOSE, DOSE_TASK, NO_THRESHOLD, NUMBER, OVER_TIME, TASK, treated

import bedside
from bedside.cli.evidence import _outcome
from bedside.cli.manifest import outputs_of
from bedside.cohort import Study, assemble, external_cohort, read_study
from bedside.errors import DataError, StudyError, UsageError
from bedside.release import Outputs
from bedside.sources import read_map
from bedside.training.head import ArmFacts, DoseFacts

NAMES = ("better", 'propensity = 0.5\narms = { none = "nothing", new = "the new one" }\nbetter')
KINDS = {"binary": (TASK, BINARY), "number": (TASK, NUMBER), "time": (TASK, OVER_TIME), "dose": (DOSE_TASK, DOSE)}


def study_of(make, kind: str) -> Study:
    more = () if kind == "dose" else (NAMES,)
    return read_study(make(NO_THRESHOLD, *KINDS[kind], *more, columns=treated()))


def outputs(study: Study) -> Outputs:
    """As a manifest carries them: through JSON."""
    fitted = SimpleNamespace(arms=ArmFacts(scale=2.0, single=1), dose=DoseFacts(scale=9.0, lowest=3.0, highest=90.0))
    return msgspec.json.decode(msgspec.json.encode(outputs_of(study, fitted)), type=Outputs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_study_s_own_table_reads_the_same_from_the_manifest(make, kind: str) -> None:
    study = study_of(make, kind)
    ours = assemble(study)
    there = external_cohort(study.schema, _outcome(outputs(study)), study.data.table)
    for name in ("outcome", "arm", "amount", "followed"):
        assert np.array_equal(getattr(ours, name), getattr(there, name)), name


def test_what_the_manifest_says_of_the_arms(make) -> None:
    found = {kind: outputs(study_of(make, kind)).arms for kind in ("binary", "number", "time")}
    assert [arms.kind for arms in found.values()] == ["probability", "mean", "restricted-mean"]
    assert [arms.unit for arms in found.values()] == [None, "m", "d"]
    assert [arms.outcome for arms in found.values()] == ["yes", "six-minute walk", "dead"]
    assert (found["time"].until, found["time"].time) == (300, "days")
    for arms in found.values():
        assert (arms.arms, arms.codes) == (("nothing", "the new one"), {"none": 0, "new": 1})
        assert (arms.randomised, arms.better, arms.alpha, arms.overlap) == (True, "higher", 0.05, 0.05)
        assert (arms.scale, arms.single) == (2.0, 1)


def test_what_the_manifest_says_of_the_dose(make) -> None:
    dose = outputs(study_of(make, "dose")).dose
    assert (dose.drug, dose.unit, dose.tolerance, dose.alpha) == ("warfarin", "mg/wk", 0.2, 0.1)
    assert (dose.lowest, dose.highest, dose.scale) == (3.0, 90.0, 9.0)


THEIRS = "age,sex,six,rx,weekly,mrn\n61,f,0.3,A,21,1\n50,m,0.45,B,,2\n55,m,,B,35,3\n70,f,0.4,,7,4\n"
MAP = '[outcome]\ncolumn = "six"\nunit = "km"\narm = "rx"\n[outcome.arms]\nA = "the new one"\nB = "none"\n'


def elsewhere(make, tmp_path: Path, kind: str, text: str):
    study = study_of(make, kind)
    (tmp_path / "theirs.csv").write_text(THEIRS)
    (tmp_path / "map.toml").write_text(text)
    table_map = read_map(tmp_path / "map.toml")
    return external_cohort(study.schema, _outcome(outputs(study)), tmp_path / "theirs.csv", table_map)


def test_the_other_hospital_calls_its_treatments_otherwise(make, tmp_path: Path) -> None:
    found = elsewhere(make, tmp_path, "number", MAP)
    assert found.amount.tolist() == [300, 450], "kilometres are metres here, and who has no arm or walk is left out"
    assert found.arm.tolist() == [1, 0]


def test_the_other_hospital_doses_by_the_day(make, tmp_path: Path) -> None:
    found = elsewhere(make, tmp_path, "dose", '[outcome]\ncolumn = "weekly"\nunit = "mg/d"\n')
    assert found.amount == pytest.approx([7 * 21, 7 * 35, 7 * 7])


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        ("number", MAP.replace('B = "none"', 'B = "old"'), r"\[outcome.arms\] names the treatment 'old'"),
        (
            "number",
            MAP.replace('B = "none"\n', ""),
            r"the column 'rx' holds 'B' \(2\), which is none of the treatments",
        ),
        ("number", MAP.replace('"km"', '"kg"'), "kg"),
        ("number", MAP + '[outcome.codes]\nA = "yes"\n', "is a number"),
        ("number", MAP.replace('unit = "km"', 'entry = "age"'), "goes with a prognosis"),
        ("binary", MAP, "names a unit, and the release's outcome has none"),
        ("dose", MAP, "names treatments, and the release asks for none"),
    ],
)
def test_a_map_that_does_not_fit(make, tmp_path: Path, kind: str, text: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        elsewhere(make, tmp_path, kind, text)


@pytest.mark.parametrize("quantities", [trial(), dosing()], ids=["treatment", "dose"])
def test_outcomes_are_not_linked_and_it_is_said(tmp_path: Path, quantities) -> None:
    release, key = make_release(tmp_path, quantities=quantities)
    with pytest.raises(UsageError, match="cannot be linked to its answers in this version"):
        bedside.outcomes(release, tmp_path / "none.csv", user="scientist", key=key)


@pytest.mark.parametrize(("kind", "what"), [("number", "what a treatment does"), ("dose", "a dose")])
def test_no_model_from_elsewhere_answers_it(make, tmp_path: Path, kind: str, what: str) -> None:
    study = study_of(make, kind)
    (tmp_path / "model.onnx").write_bytes(b"any")
    with pytest.raises(StudyError, match=f"a model of {what} cannot be adopted"):
        bedside.adopt(tmp_path / "model.onnx", study.path, out=tmp_path / "out")
