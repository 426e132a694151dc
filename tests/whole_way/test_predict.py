"""A table of patients through a release: the numbers that validation judged, and abstentions with reasons."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from sklearn.metrics import roc_auc_score

from bedside.cli.study import HeldOut


@pytest.fixture(scope="module")
def predicted(demonstrated: Path, bedside) -> list[dict[str, str]]:
    done = bedside("predict", demonstrated / "demo" / "release", demonstrated / "demo" / "patients.csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_columns_and_rows(predicted: list[dict[str, str]]) -> None:
    assert list(predicted[0]) == ["patient_id", "probability", "abstained", "reasons"]
    assert len(predicted) == 569
    assert predicted[0]["patient_id"] == "FNA-0001"


def test_auroc_of_held_out_rows_is_the_evidence_s(predicted: list[dict[str, str]], demonstrated: Path) -> None:
    local = demonstrated / "demo" / "candidate.local" / "split.json"
    rows = msgspec.json.decode(local.read_bytes(), type=HeldOut).rows
    with (demonstrated / "demo" / "patients.csv").open() as file:
        truth = [row["diagnosis"] == "malignant" for row in csv.DictReader(file)]
    answered = [row - 1 for row in rows if predicted[row - 1]["abstained"] == "false"]
    auroc = roc_auc_score([truth[at] for at in answered], [float(predicted[at]["probability"]) for at in answered])
    evidence = json.loads((demonstrated / "demo" / "release" / "evidence.json").read_text())
    assert evidence["measures"]["auroc"]["value"] == pytest.approx(auroc, abs=1e-12)


def test_an_abstained_row_has_reasons_and_no_number(demonstrated: Path, tmp_path: Path, bedside) -> None:
    lines = (demonstrated / "demo" / "patients.csv").read_text().splitlines()
    names = lines[0].split(",")
    cells = lines[1].split(",")
    unknown = [cells[0], *[""] * (len(names) - 2), cells[-1]]
    typo = list(cells)
    typo[3] = "12,3x"
    table = tmp_path / "some.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([names, cells, unknown, typo])
    done = bedside("predict", demonstrated / "demo" / "release", table)
    assert done.returncode == 0, done.stderr
    usual, missing, wrong = csv.DictReader(io.StringIO(done.stdout))
    assert usual["abstained"] == "false"
    for row in (missing, wrong):
        assert row["abstained"] == "true"
        assert row["probability"] == ""
    assert "too-much-missing" in missing["reasons"].split(";")
    assert "not-a-number" in wrong["reasons"].split(";")


def test_parquet_holds_the_same(predicted: list[dict[str, str]], demonstrated: Path, tmp_path: Path, bedside) -> None:
    import duckdb

    out = tmp_path / "out.parquet"
    done = bedside("predict", demonstrated / "demo" / "release", demonstrated / "demo" / "patients.csv", "--out", out)
    assert done.returncode == 0, done.stderr
    rows = duckdb.sql(f"select patient_id, probability from '{out}'").fetchall()
    assert [row[0] for row in rows] == [row["patient_id"] for row in predicted]
    assert [row[1] for row in rows] == [float(row["probability"]) if row["probability"] else None for row in predicted]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_explanations_add_up(demonstrated: Path, tmp_path: Path, bedside, predicted: list[dict[str, str]]) -> None:
    lines = (demonstrated / "demo" / "patients.csv").read_text().splitlines()
    table = tmp_path / "three.csv"
    table.write_text("\n".join(lines[:4]) + "\n")
    done = bedside("explain", demonstrated / "demo" / "release", table)
    assert done.returncode == 0, done.stderr
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert [case["patient"] for case in cases] == ["FNA-0001", "FNA-0002", "FNA-0003"]
    for case, row in zip(cases, predicted, strict=False):
        if row["abstained"] == "true":
            assert case["abstained"]
            continue
        assert set(case["values"]) == set(lines[0].split(",")[1:-1])
        assert case["base_value"] + sum(case["values"].values()) == pytest.approx(float(row["probability"]), abs=1e-6)
