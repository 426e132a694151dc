"""The report alone, from a bare file of predictions."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from sklearn import metrics

from bedside.errors import DataError, UsageError
from bedside.validation import as_dict, encode, evidence_for_predictions, read_predictions, render_report


def write(path, columns: dict) -> None:
    rows = zip(*columns.values(), strict=True)
    path.write_text(",".join(columns) + "\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")


@pytest.fixture
def columns() -> dict:
    rng = np.random.default_rng(3)
    p = rng.random(240).round(4)
    return {
        "outcome": (rng.random(240) < p).astype(int),
        "probability": p,
        "group": np.array(["x", "y"])[np.arange(240) % 2],
    }


def test_binary_csv_and_parquet(world, tmp_path, columns):
    path = tmp_path / "p.csv"
    write(path, columns)
    parquet = tmp_path / "p.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{path}')) TO '{parquet}' (FORMAT parquet)")
    y, p = columns["outcome"], columns["probability"]
    for one in (path, parquet):
        found = evidence_for_predictions(read_predictions(one), threshold=0.3, today=world.today)
        assert found.kind == "predictions"
        assert found.measures["auroc"].value == pytest.approx(metrics.roc_auc_score(y, p))
        assert found.measures["sensitivity"].value == pytest.approx(metrics.recall_score(y, p >= 0.3))
        assert "abstained" not in found.measures
        assert [(one.group, one.n) for one in found.subgroups] == [("group = x", 120), ("group = y", 120)]
        x = columns["group"] == "x"
        assert found.subgroups[0].measures["auroc"].value == pytest.approx(metrics.roc_auc_score(y[x], p[x]))
        assert (found.verdict, found.gates) == ("refused", ())
    page = render_report(as_dict(found))
    assert "Measured, not judged" in page
    assert str(tmp_path) not in page + encode(found).decode()


def test_several_classes(world, tmp_path):
    rng = np.random.default_rng(4)
    P = rng.dirichlet([1, 1, 1], 200).round(6)
    y = [rng.choice(3, p=row / row.sum()) for row in P]
    path = tmp_path / "p.csv"
    write(
        path,
        {"outcome": [("low", "mid", "high")[k] for k in y]}
        | {f"probability_{n}": P[:, k] for k, n in enumerate(("low", "mid", "high"))},
    )
    found = evidence_for_predictions(read_predictions(path), threshold={"high": 0.4}, today=world.today)
    area = np.mean([metrics.roc_auc_score(np.array(y) == k, P[:, k]) for k in range(3)])
    assert found.measures["auroc"].value == pytest.approx(area)
    assert "sensitivity:high" in found.measures
    assert set(found.curves.roc) == {"low", "mid", "high"}
    without_plots = {"curves": {"roc": {}, "calibration": {}, "decision": {}, "risk": {}}}
    assert "AUROC (c-statistic), mid" in render_report(as_dict(found) | without_plots)


def test_rows_without_outcome_or_probability_are_counted(tmp_path, columns):
    columns["outcome"] = ["" if i < 3 else y for i, y in enumerate(columns["outcome"])]
    columns["probability"] = ["" if i in (2, 5) else p for i, p in enumerate(columns["probability"])]
    path = tmp_path / "p.csv"
    write(path, columns)
    found = read_predictions(path)
    assert [(step.rows, step.removed) for step in found.attrition] == [(240, 0), (237, 3), (236, 1)]
    assert len(found.outcome) == len(found.group) == 236


def test_outcomes_written_as_words(tmp_path):
    path = tmp_path / "p.csv"
    write(path, {"outcome": ["true", "FALSE", "1.0", "0"], "probability": [0.9, 0.1, 0.8, 0.2]})
    assert read_predictions(path).outcome.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"outcome": [0, 1], "risk": [0.1, 0.2]}, "no column 'probability'"),
        ({"label": [0, 1], "probability": [0.1, 0.2]}, "no column 'outcome'"),
        ({"outcome": [0, 2], "probability": [0.1, 0.2]}, "row 2: outcome '2' is neither 0 nor 1"),
        ({"outcome": [0, 1], "probability": [0.1, 1.2]}, "row 2: '1.2'"),
        ({"outcome": [0, 1], "probability": ["nan", 0.2]}, "row 1: 'nan'"),
        ({"outcome": [0, 1], "probability": ["high", 0.2]}, "row 1: 'high'"),
        ({"outcome": ["a", "c"], "probability_a": [0.1, 0.2], "probability_b": [0.9, 0.8]}, "no column probability_c"),
        (
            {"outcome": ["a", "b"], "probability_a": [0.1, 0.2], "probability_b": [0.9, 0.3]},
            "row 2: probabilities sum to 0.5",
        ),
        ({"outcome": ["", ""], "probability": [0.1, 0.2]}, "no row with both"),
        ({"outcome": [0, 1] * 30, "probability": [0.5] * 60, "group": range(60)}, "60 different texts"),
    ],
)
def test_bad_files(tmp_path, columns, says):
    path = tmp_path / "p.csv"
    write(path, columns)
    with pytest.raises(DataError, match=r"p\.csv") as raised:
        read_predictions(path)
    assert says in str(raised.value)


def test_no_file_and_bad_thresholds(world, tmp_path, columns):
    with pytest.raises(UsageError, match="no such file"):
        read_predictions(tmp_path / "none.csv")
    write(tmp_path / "p.csv", columns)
    table = read_predictions(tmp_path / "p.csv")
    for threshold in (0.0, 1.0, 1.5, {"1": 0.2}):
        with pytest.raises(UsageError, match="threshold"):
            evidence_for_predictions(table, threshold=threshold, today=world.today)
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "broken.parquet")
