"""What the answer's page tells of the demo's validation site, counted again from the held-out rows with plain numpy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from bedside.answering import observed
from bedside.release import open_release
from bedside.review.site_words import answered, at_threshold
from bedside.review.words import translator


@pytest.fixture(scope="module")
def held_out(demonstrated: Path) -> tuple[np.ndarray, np.ndarray, dict]:
    """Outcome and estimate of each held-out patient whom the release answers, and the signed evidence."""
    demo = demonstrated / "demo"
    release = open_release(demo / "release", demo / "keys" / "signing.pub")
    model = release.load("server-cpu")
    with (demo / "patients.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    rows = [table[row - 1] for row in json.loads((demo / "candidate.local" / "split.json").read_text())["rows"]]
    values = np.array([[float(row[name]) for name in model.manifest.schema.names] for row in rows])
    column, codes = model.manifest.outputs.column, model.manifest.outputs.codes
    assert column is not None
    y = np.array([codes[row[column]] for row in rows])
    predicted = model.predict(values)
    near = predicted.distance <= model.manifest.distance_limit
    return y[near], predicted.columns[near, 1].astype(float), release.document("evidence.json")


def test_frequencies_are_those_of_the_held_out_patients(held_out: tuple) -> None:
    y, p, evidence = held_out
    assert answered(evidence) == len(y)
    told = 0
    for probability in np.linspace(0.001, 0.999, 200):
        found = observed(evidence, "malignant", float(probability))
        step = min(int(probability * 10), 9) / 10
        inside = (p >= step) & ((p < step + 0.1) | (step > 0.85))
        if found is None:
            # Withheld counts: nobody can say more of so few, or the smooth curve does not reach there.
            assert inside.sum() < 30 or probability < 0.02
            continue
        told += 1
        if found.source == "counts":
            inside = (p >= found.lowest - 1e-9) & (p <= found.highest)
            assert (found.n, found.events) == (inside.sum(), y[inside].sum())
            limits = proportion_confint(int(y[inside].sum()), int(inside.sum()), method="wilson")
            assert (found.low, found.high) == pytest.approx(limits)
        else:
            curve = evidence["curves"]["calibration"]["malignant"]
            for part, value in (("observed", found.share), ("low", found.low), ("high", found.high)):
                known = np.array([np.nan if one is None else one for one in curve[part]])
                assert value == pytest.approx(np.interp(probability, curve["predicted"], known))
    assert told > 20


def test_what_acting_at_the_threshold_means_is_counted_on_them(held_out: tuple) -> None:
    y, p, evidence = held_out
    (told,) = at_threshold(evidence, translator())
    alert = p >= evidence["release"]["threshold"]
    assert told.true_positive == pytest.approx(100 * np.mean(alert & (y == 1)), abs=0.05)
    assert told.false_positive == pytest.approx(100 * np.mean(alert & (y == 0)), abs=0.05)
    assert told.false_negative == pytest.approx(100 * np.mean(~alert & (y == 1)), abs=0.05)
    assert f"about {100 * alert.mean():.0f} reach" in told.sentences[0]
    t = evidence["release"]["threshold"]
    benefit = np.mean(alert & (y == 1)) - np.mean(alert & (y == 0)) * t / (1 - t)
    assert f"worth {100 * benefit:.0f} rightly treated" in told.sentences[2]


def test_what_is_usual_is_that_of_the_development_patients(demonstrated: Path) -> None:
    demo = demonstrated / "demo"
    usual = json.loads((demo / "release" / "evidence.json").read_text())["development"]["usual"]
    with (demo / "patients.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    held = set(json.loads((demo / "candidate.local" / "split.json").read_text())["rows"])
    rows = [row for number, row in enumerate(table, start=1) if number not in held]
    for name, found in usual.items():
        column = np.array([float(row[name]) for row in rows])
        low, high = np.quantile(column, [0.05, 0.95])
        spread = high - low
        assert found["low"] == pytest.approx(low, abs=0.03 * spread), name
        assert found["high"] == pytest.approx(high, abs=0.06 * spread), name
        assert found["inside"] == pytest.approx(
            np.mean((column >= found["low"]) & (column <= found["high"])), abs=0.003
        )
