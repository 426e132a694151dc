"""The example `examples/warfarin`: the published equations, what is read of the public table, and the way to a dose."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from warfarin import EXAMPLE, TABLE, module, prepared

from bedside.answering import answer_patient
from bedside.cohort import assemble, check, read_study, split
from bedside.release import Model, chosen, open_release

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
QUICK = ("[validation]", '[training]\nnetwork = "floor"\n\n[validation]')
"""What the test changes in the example, to be quick."""

PLAIN = {"age": "65", "race": "White", "height": "170", "weight": "80", "inducer": "", "amiodarone": "0"}


def rows(data_dir: Path, *, linked: bool) -> list[dict[str, str]]:
    return list(module("patients").public_rows(data_dir / TABLE, linked=linked))


@pytest.mark.parametrize(
    ("rule", "mae", "squared", "within"),
    [("iwpc_genetic", 8.53, 0.459, 0.451), ("iwpc_clinical", 9.82, 0.310, 0.390), ("fixed", 13.07, None, 0.297)],
)
def test_the_equations_give_the_published_figures(
    data_dir: Path, rule: str, mae: float, squared: float | None, within: float
) -> None:
    """Those that are published with the table, for its 2,597 patients; no coefficient could be wrong unseen."""
    found = rows(data_dir, linked=False)
    dose, given = (np.array([float(row[name]) for row in found]) for name in ("dose", rule))
    assert len(dose) == 2597
    assert np.abs(given - dose).mean() == pytest.approx(mae, abs=0.005)
    assert np.mean(np.abs(given - dose) <= 0.2 * dose) == pytest.approx(within, abs=0.0005)
    if squared is not None:
        assert np.corrcoef(given, dose)[0, 1] ** 2 == pytest.approx(squared, abs=0.0005)


def test_the_equations_by_hand() -> None:
    equations = module("equations")
    genes = PLAIN | {"vkorc1": "A/G", "cyp2c9": "*1/*3"}
    root = 5.6044 - 0.2614 * 6 + 0.0087 * 170 + 0.0128 * 80 - 0.8677 - 0.9357
    assert equations.genetic(genes) == pytest.approx(root**2)
    both = genes | {"race": "Black", "inducer": "1", "amiodarone": "1"}
    assert equations.genetic(both) == pytest.approx((root - 0.2760 + 1.1816 - 0.5503) ** 2)
    assert equations.clinical(both) == pytest.approx(
        (4.0376 - 0.2546 * 6 + 0.0118 * 170 + 0.0134 * 80 + 0.4060 + 1.2799 - 0.5695) ** 2
    )
    unknown = PLAIN | {"vkorc1": "", "cyp2c9": "*1/*5", "race": ""}
    assert equations.genetic(unknown) == pytest.approx((root + 0.8677 + 0.9357 - 0.4854 - 0.2188 - 0.1032) ** 2)
    assert equations.clinical(PLAIN | {"height": ""}) is None is equations.genetic(genes | {"age": ""})


def test_the_public_table_is_read_as_the_example_says(data_dir: Path, tmp_path: Path) -> None:
    study, printed = prepared(tmp_path, data_dir / TABLE)
    assert printed.startswith("2597 patients with a stable dose")
    found = assemble(read_study(study))
    assert len(found) == 2597
    # As counted with a few lines of csv.
    assert [int(np.sum(found.amount <= 21)), int(np.sum(found.amount >= 49))] == [828, 343]
    assert set(found.comparators) == {
        "IWPC pharmacogenetic equation", "IWPC clinical equation", "35 mg for everybody"
    }  # fmt: skip
    values = dict(zip(read_study(study).schema.names, found.reading.values.T, strict=True))
    assert set(np.unique(values["age"])) == {15, 25, 35, 45, 55, 65, 75, 85, 95}
    assert np.bincount(values["cyp2c9"][~np.isnan(values["cyp2c9"])].astype(int)).tolist() == [
        1924,
        345,
        204,
        27,
        41,
        7,
    ]
    assert np.isnan(values["cyp2c9"]).sum() == 37 + 12  # missing, and alleles that are too rare: never *1
    assert np.isnan(values["vkorc1"]).sum() == 35  # 475, less those read from a linked site
    assert np.isnan(values["race"]).sum() == 153


def test_a_missing_site_is_read_from_a_linked_one() -> None:
    patients = module("patients")
    row = dict.fromkeys((column for column, _, _ in patients.LINKED), "")
    first, second, third = row
    assert patients._linked(row | {first: "C/T", second: "T/T"}, "Black") == "A/G"
    assert patients._linked(row | {second: "T/T"}, "White") == "A/A"
    assert patients._linked(row | {third: "G/G"}, "Asian") == "G/G"
    assert patients._linked(row | {second: "T/T", third: "G/G"}, "Black") == ""  # there they are not inherited together
    assert patients._linked(row | {second: "T/T"}, "") == ""


def test_the_invented_patients_are_ready_to_train(tmp_path: Path) -> None:
    study, printed = prepared(tmp_path, tmp_path / "nothing.csv")
    assert "the patients are INVENTED" in printed
    read = read_study(study)
    cohort = assemble(read)
    found = check(read, cohort, split(read, cohort))
    assert not [one for one in found.findings if one.severity == "error"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example on invented patients, without a network."""
    folder = tmp_path_factory.mktemp("warfarin")
    example = shutil.copytree(EXAMPLE, folder / "example")
    study = (example / "study.toml").read_text()
    assert QUICK[0] in study
    (example / "study.toml").write_text(study.replace(*QUICK))
    environment = os.environ | {"PYTHON": sys.executable, "BEDSIDE_DATA": str(folder / "nothing")}
    done = subprocess.run(
        [example / "run", folder / "made"], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the patients are INVENTED" in done.stdout
    assert "Verified: warfarin 1.0.0" in done.stdout
    return folder / "made"


@pytest.fixture(scope="module")
def model(made: Path) -> Model:
    return chosen(open_release(made / "release", made / "keys" / "signing.pub"), "server-cpu").model


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_patient_has_a_dose_and_an_interval_that_holds(made: Path) -> None:
    asked, told = read(made / "patients.csv"), read(made / "predictions.csv")
    assert [row["id"] for row in asked] == [row["id"] for row in told]
    given = np.array([[float(row[name] or "nan") for name in ("dose", "low", "high")] for row in told])
    needed = np.array([float(row["dose"]) for row in asked])
    answered = np.array([row["abstained"] == "false" for row in told])
    assert answered.mean() > 0.97
    assert np.isnan(given[~answered]).all()
    dose, low, high = given[answered].T
    assert (low >= 0).all() and (low <= dose).all() and (dose <= high).all()
    assert dose.min() > needed.min() and dose.max() < needed.max()  # the ends are means of ten patients
    assert np.mean((low <= needed[answered]) & (needed[answered] <= high)) == pytest.approx(0.9, abs=0.03)


def test_the_evidence_has_the_other_rules_beside_the_model(made: Path) -> None:
    """The figures again from predictions and table, for those who were held out and answered."""
    evidence = json.loads((made / "release" / "evidence.json").read_text())
    assert evidence["verdict"] == "accepted"
    compared = {one["name"]: one for one in evidence["dosing"]["compared"]}
    ours, fixed = evidence["measures"]["mae"]["value"], compared["35 mg for everybody"]["measures"]["mae"]["value"]
    assert ours < fixed
    study = read_study(made / "study.toml")
    cohort = assemble(study)
    held_out = cohort.take(split(study, cohort).held_out)
    told = {row["id"]: row for row in read(made / "predictions.csv")}
    rows = [told[str(one)] for one in held_out.patient]
    answered = np.array([row["abstained"] == "false" for row in rows])
    dose = np.array([float(row["dose"] or "nan") for row in rows])
    assert ours == pytest.approx(np.abs(dose - held_out.amount)[answered].mean(), rel=1e-5)
    for name, given in held_out.comparators.items():
        away = np.abs(given - held_out.amount)[answered]
        assert compared[name]["measures"]["mae"]["value"] == pytest.approx(away.mean(), rel=1e-5)
        share = np.mean(away <= 0.2 * held_out.amount[answered])
        assert compared[name]["measures"]["within_tolerance"]["value"] == pytest.approx(share)


def asked(**changed: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "age": 63, "sex": "female", "race": "White", "height": 165, "weight": 70, "reason": "fibrillation",
        "inducer": "0", "amiodarone": "0", "aspirin": "0", "simvastatin": "0", "smoker": "0", "diabetes": "0",
        "heart_failure": "0", "valve": "0", "cyp2c9": "*1/*1", "vkorc1": "GG", "CYP4F2": "*1/*1",
        "pregnant": "no", "medications": [],
    }  # fmt: skip
    return plain | changed


def test_genotypes_change_the_dose_and_guidance_may_forbid_the_drug(model: Model) -> None:
    usual = answer_patient(model, asked(), now=NOW, explain=False)
    less = answer_patient(model, asked(cyp2c9="*3/*1", vkorc1="AA"), now=NOW, explain=False)
    assert usual.dose is not None and less.dose is not None
    assert less.dose.dose < 0.7 * usual.dose.dose
    assert usual.estimate == {"dose": usual.dose.dose}
    assert usual.dose.low < usual.dose.dose < usual.dose.high
    counted = {advice.because.partition(" ")[0]: advice.counted for advice in less.guidance}
    assert (counted["CYP2C9"], counted["VKORC1"]) == (("cyp2c9",), ("vkorc1",))
    takes = asked(amiodarone="1", CYP4F2="*3/*3", medications=["amiodarone", "rifampicin", "amlodipin"])
    together = answer_patient(model, takes, now=NOW, explain=False)
    counted = {advice.because.partition(" ")[0]: advice.counted for advice in together.guidance}
    assert (counted["amiodarone"], counted["rifampicin"], counted["CYP4F2"]) == (("amiodarone",), ("inducer",), ())
    assert together.warnings[-1].startswith("No statement about: amlodipin.")
    pregnant = answer_patient(model, asked(pregnant="yes"), now=NOW, explain=False)
    assert pregnant.dose is None or pregnant.dose.withheld
