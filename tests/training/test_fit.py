"""The verb fit: what is decided, on whom, and that nobody is judged by a model that saw them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss, roc_auc_score

from bedside.cohort import Cohort, Study
from bedside.errors import DataError, MissingExtra, StudyError, UsageError
from bedside.measures import conformal_quantiles, conformal_sets
from bedside.network import plain, residual
from bedside.sources import Schema
from bedside.training import cross_fitting, fit
from bedside.training.calibration import fit_calibration
from bedside.training.cross_fitting import cross_fit
from bedside.training.fit import asked_settings, fit_sample
from bedside.training.learning_curve import SHARES, learning_curve
from bedside.training.sample import Sample, sample_of

Made = Callable[..., Any]
Table = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def sample(small_study: Study, table: Table, make_cohort: Made) -> Sample:
    return sample_of(small_study, make_cohort(*table))


@pytest.fixture(scope="session")
def out_of_fold(small_study: Study, sample: Sample) -> cross_fitting.OutOfFold:
    return cross_fit(sample, {}, asked_settings(small_study), (small_study.validation.seed, 20))


def test_it_discriminates(fitted: Any, table: Table) -> None:
    probability = fitted[0].predict(table[0])
    assert roc_auc_score(table[1], probability[:, 1]) > 0.95
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def test_the_documented_figures_are_those_of_the_out_of_fold_predictions(
    fitted: Any, sample: Sample, out_of_fold: cross_fitting.OutOfFold
) -> None:
    """Worked out again from the raw predictions, with scikit-learn's measures and calibration written here."""
    said = fitted[0].development
    for name, raw in (("network", out_of_fold.network), ("floor", out_of_fold.floor)):
        calibrated = np.empty_like(raw)
        for k in range(5):
            own = out_of_fold.fold == k
            fitted_map = fit_calibration(sample.y[~own], raw[~own])
            powers = np.maximum(raw[own], 1e-7) ** fitted_map.slope * np.exp(fitted_map.bias)
            calibrated[own] = powers / powers.sum(axis=1, keepdims=True)
        assert said[name]["log_loss"]["value"] == pytest.approx(log_loss(sample.y, calibrated))
        assert said[name]["auroc"]["value"] == pytest.approx(roc_auc_score(sample.y, calibrated[:, 1]))
        by_fold = [log_loss(sample.y[out_of_fold.fold == k], calibrated[out_of_fold.fold == k]) for k in range(5)]
        assert said[name]["log_loss_by_fold"] == pytest.approx(by_fold)
        if name == ("floor" if fitted[0].packed == "floor" else "network"):
            np.testing.assert_allclose(fitted[0].quantiles, conformal_quantiles(sample.y, calibrated, 0.1))
            sets = conformal_sets(calibrated, np.array(fitted[0].quantiles))
            assert sets[np.arange(len(sample.y)), sample.y].mean() >= 0.9
    mean = np.mean(np.subtract(said["network"]["log_loss_by_fold"], said["floor"]["log_loss_by_fold"]))
    assert fitted[0].log_loss_difference == pytest.approx(mean)
    assert fitted[0].packed == ("residual" if mean <= 0 else "floor")


def test_the_calibration_that_is_packed_comes_from_out_of_fold_predictions(
    fitted: Any, sample: Sample, out_of_fold: cross_fitting.OutOfFold
) -> None:
    expected = fit_calibration(sample.y, out_of_fold.network)
    assert fitted[0].network.calibration.slope == expected.slope
    np.testing.assert_array_equal(fitted[0].network.calibration.bias, expected.bias)


def test_no_patient_is_predicted_by_what_saw_them(
    schema: Schema, small_study: Study, table: Table, make_cohort: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second row repeats a patient; who is fitted on is noted where preparation, floor and network are fitted."""
    patient = np.arange(len(table[1])) // 2
    repeated = sample_of(small_study, make_cohort(*table, patient))
    seen: list[tuple[str, set[int]]] = []

    def spy(name: str) -> None:
        original = getattr(cross_fitting, name)

        def noted(rest: Sample, *more: Any) -> Any:
            seen.append((name, set(rest.patient.tolist())))
            return original(rest, *more)

        monkeypatch.setattr(cross_fitting, name, noted)

    spy("fit_without_network")
    spy("fit_network")
    quick = replace(residual(2), epochs=1)
    result = cross_fit(repeated, {}, quick, (0,))
    predicted = [set(repeated.patient[result.fold == k].tolist()) for k in range(5)]
    assert set.union(*predicted) == set(repeated.patient.tolist())
    assert sum(len(p) for p in predicted) == repeated.patients
    for k in range(5):
        for name, fitted_on in seen[2 * k : 2 * k + 2]:
            assert not fitted_on & predicted[k], name
            assert fitted_on | predicted[k] == set(repeated.patient.tolist())


def test_a_patient_shapes_nothing_that_predicts_their_own_fold(sample: Sample) -> None:
    quick = replace(residual(2), epochs=2)
    honest = cross_fit(sample, {}, quick, (0,))
    row = 3
    same_class = np.flatnonzero(honest.fold == honest.fold[row])
    values = sample.values.copy()
    values[row, 0] = 1e6
    planted = cross_fit(replace(sample, values=values), {}, quick, (0,))
    others = same_class[same_class != row]
    np.testing.assert_array_equal(honest.network[others], planted.network[others])
    np.testing.assert_array_equal(honest.floor[others], planted.floor[others])


def test_the_floor_is_packed_when_the_network_is_made_worse(small_study: Study, sample: Sample) -> None:
    worse = fit_sample(small_study, sample, replace(plain(), learning_rate=1e-9))
    assert worse.log_loss_difference > 0
    assert (worse.packed, worse.asked, worse.members) == ("floor", "residual", 1)
    assert worse.development["log_loss_difference"]["value"] == worse.log_loss_difference
    assert worse.graph() == worse.floor_graph()
    assert worse.model is worse.floor


def test_a_floor_that_is_asked_for_is_all_that_is_fitted(
    small_study: Study, table: Table, make_cohort: Made, schema: Schema, make_study: Made
) -> None:
    alone = fit(make_study(schema, ("benign", "malignant"), network="floor", seed=4), make_cohort(*table))
    assert (alone.packed, alone.asked, alone.members, alone.log_loss_difference) == ("floor", "floor", 1, None)
    assert alone.network is None
    assert alone.development["network"] is None


def test_plain_is_fitted_as_one_network(schema: Schema, make_study: Made, make_cohort: Made, table: Table) -> None:
    plain = fit(make_study(schema, ("benign", "malignant"), network="plain", members=5, seed=4), make_cohort(*table))
    assert plain.asked == "plain"
    assert plain.network.members.count == 1
    assert plain.development["hyper_parameters"]["network"]["stopped_at"] == [5]


def test_a_smaller_network_is_what_everything_is_decided_on(
    small_study: Study, sample: Sample, out_of_fold: cross_fitting.OutOfFold
) -> None:
    settings = replace(asked_settings(small_study), distil=True, prune=0.5)
    made = fit_sample(small_study, sample, settings)
    again = cross_fit(sample, {}, settings, (small_study.validation.seed, 20))
    assert again.network is not None
    np.testing.assert_array_equal(again.larger, out_of_fold.network)  # the same as without compression
    assert not np.array_equal(again.network, again.larger)
    assert made.network is not None
    assert made.network.calibration.slope == fit_calibration(sample.y, again.network).slope
    assert (made.network.members.count, made.network.members.last.shape[1]) == (1, 16)
    said, kept = made.development["compression"], made.packed == "residual"
    assert (said["distilled_from"], said["pruned"]) == (3, 0.5)
    assert (made.distilled_from, made.pruned) == ((3, 0.5) if kept else (None, None))
    features = made.network.members.linear.shape[1]
    assert said["parameters"] == {
        "before": 3 * (2 + 2 * features + 32 * (features + 1 + 2)),
        "after": 2 + 2 * features + 16 * (features + 1 + 2),
    }
    both = (said["log_loss_difference"]["value"], said["larger"]["log_loss"]["value"])
    assert both[0] + both[1] == pytest.approx(made.development["network"]["log_loss"]["value"], abs=0.01)
    outputs = {output.name for output in onnx.load_from_string(replace(made, packed="residual").graph()).graph.output}
    assert outputs == {"probability", "distance"}  # one network has no spread


def test_the_seed_decides_everything(
    fitted: Any,
    small_study: Study,
    table: Table,
    make_cohort: Made,
    sample: Sample,
    out_of_fold: cross_fitting.OutOfFold,
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = fit(small_study, make_cohort(*table))
    assert torch.equal(before, torch.get_rng_state())
    assert again.graph() == fitted[0].graph()
    assert again.development == fitted[0].development
    other = cross_fit(sample, {}, None, (5, 20))
    assert not np.array_equal(other.floor, out_of_fold.floor)


def test_what_is_written_down_is_json_and_holds_no_row(fitted: Any, table: Table) -> None:
    text = json.dumps(fitted[0].development, allow_nan=False)
    assert json.loads(text)["patients"] == len(table[1])

    def longest(value: Any) -> int:
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        return max([len(value), *map(longest, value)]) if isinstance(value, list) else 0

    assert longest(fitted[0].development) <= 10
    assert set(fitted[0].versions) == {"numpy", "torch", "scikit-learn", "scipy", "onnx"}
    assert fitted[0].parameters == fitted[0].model.members.parameters + 3


def test_progress_tells_what_is_done(fitted: Any) -> None:
    calls = fitted[1]
    for what in {call[0] for call in calls}:
        done = [(d, total) for name, d, total in calls if name == what]
        assert done[0][0] == 0
        assert done[-1][0] == done[-1][1]
        assert done == sorted(done)
    assert len({call[0] for call in calls}) == 3


def test_three_classes(numbers: Made, make_study: Made, make_cohort: Made) -> None:
    x, y = load_wine(return_X_y=True)
    study = make_study(numbers(13), ("one", "two", "three"), members=2)
    three = fit(study, make_cohort(x[::2], y[::2]))
    probability = three.predict(x[1::2])
    assert probability.shape == (len(x) // 2, 3)
    assert (probability.argmax(axis=1) == y[1::2]).mean() > 0.93
    assert len(three.quantiles) == 3
    assert len(three.development["calibration"]["bias"]) == 3


def test_the_learning_curve_grows_and_its_last_step_is_a_paired_difference(sample: Sample) -> None:
    points, last = learning_curve(sample, {}, 1.0, (0,))
    for point, share in zip(points, SHARES, strict=True):
        assert point["patients"] == pytest.approx(128 * share / 20, abs=6)
    assert points[-1]["patients"] == 128
    assert last["value"] == pytest.approx(points[-1]["log_loss"] - points[-2]["log_loss"])
    assert last["low"] < last["value"] < last["high"]
    assert points[-1]["log_loss"] < points[0]["log_loss"]


def few(cohort: Cohort, rows: np.ndarray) -> Cohort:
    return cohort.take(rows)


def test_too_few_patients_are_named(small_study: Study, table: Table, make_cohort: Made) -> None:
    cohort = make_cohort(*table)
    with pytest.raises(DataError, match="20 patients"):
        fit(small_study, few(cohort, np.arange(20)))
    sick = np.flatnonzero(table[1] == 1)[:4]
    with pytest.raises(DataError, match="4 patients to develop on are 'malignant'"):
        fit(small_study, few(cohort, np.concatenate([np.flatnonzero(table[1] == 0), sick])))
    repeated = make_cohort(*table, np.arange(160) // 8)
    with pytest.raises(DataError, match="20 patients"):
        fit(small_study, repeated)


def test_tuning_needs_a_network_and_a_folder(
    small_study: Study, table: Table, make_cohort: Made, schema: Schema, make_study: Made
) -> None:
    cohort = make_cohort(*table)
    with pytest.raises(UsageError, match="folder"):
        fit(small_study, cohort, tune=2)
    with pytest.raises(UsageError, match="--tune"):
        fit(small_study, cohort, tune=-1)
    with pytest.raises(StudyError, match="nothing to tune"):
        fit(make_study(schema, ("benign", "malignant"), network="plain"), cohort, tune=2)


@pytest.mark.parametrize(("module", "name"), [("torch", "torch"), ("sklearn", "scikit-learn")])
def test_a_missing_package_is_named_with_its_extra(
    module: str, name: str, small_study: Study, table: Table, make_cohort: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"{name} is not installed.*bedside\[train\]"):
        fit(small_study, make_cohort(*table))


def test_importing_training_is_cheap() -> None:
    slow = ("torch", "sklearn", "scipy", "onnx", "optuna")
    code = f"import sys, bedside.training; print([m for m in {slow} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_scale_that_makes_training_diverge_is_an_error_with_a_remedy(sample: Sample) -> None:
    wild = replace(sample, values=sample.values * 1e25)
    scales = {f"v{i}": "none" for i in range(7)}
    settings = replace(residual(1), patience=None, epochs=2, learning_rate=1e6)
    prepared = cross_fitting.fit_without_network(sample, {}, (0,))
    broken = replace(prepared, preparation=type(prepared.preparation).fit(sample.schema, wild.values, scales))
    with pytest.raises(DataError, match="diverged"):
        cross_fitting.fit_network(wild, broken, settings, (0,))
