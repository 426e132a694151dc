"""The head of a dose: what is learned, what comes out, that its intervals cover, and that the graph says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pytest
import statsmodels.api as sm

from bedside.cohort import Cohort, Outcome, Study, task
from bedside.cohort.study import Quantity
from bedside.errors import DataError
from bedside.network import TorchOperations, logits, residual
from bedside.preparation import NUMPY, Preparation
from bedside.training import fit
from bedside.training.choice import cross_calibrated
from bedside.training.cross_fitting import cross_fit, fit_without_network
from bedside.training.dose import Doses, RootCalibration, doses
from bedside.training.dose_interval import Spread, fit_interval, fit_spread, margins
from bedside.training.fit import Fit, _model, fit_sample
from bedside.training.model import Model, outputs, predicted
from bedside.training.root_floor import SQUARE_ROOT, fit_ridge
from bedside.training.sample import Sample, sample_of
from bedside.training.tuning import tune

Made = Callable[..., Any]


def simulated(n: int, seed: int = 0, *, bent: float = 0.0, uneven: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """x, and the dose that is needed: its root is linear but for `bent`, its error grows with x3 by `uneven`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    root = 5.5 + 0.9 * x[:, 0] - 0.5 * x[:, 1] + bent * (x[:, 2] ** 2 - 1)
    return x, np.maximum(root + 0.6 * np.exp(uneven * x[:, 3]) * rng.normal(size=n), 0.5) ** 2


def cohort(make_cohort: Made, x: np.ndarray, dose: np.ndarray, **more: Any) -> Cohort:
    made: Cohort = replace(make_cohort(x, np.zeros(len(dose)), **more), amount=dose)
    return made


def dose_study(make_study: Made, numbers: Made, **more: Any) -> Study:
    study = make_study(numbers(4), ("none", "one"), **{"members": 2, "seed": 3} | more)
    asked = Outcome(
        column="dose", classes=(), positive=None, codes={}, quantity=Quantity(name="warfarin", unit="mg/wk")
    )
    made: Study = msgspec.structs.replace(study, task=task("dose"), outcome=asked)
    return made


@pytest.fixture(scope="module")
def study(make_study: Made, numbers: Made) -> Study:
    return dose_study(make_study, numbers)


@pytest.fixture(scope="module")
def sample(study: Study, make_cohort: Made) -> Sample:
    return sample_of(study, cohort(make_cohort, *simulated(300, bent=0.5, uneven=0.6)))


@pytest.fixture(scope="module")
def made(study: Study, sample: Sample) -> Fit:
    return fit_sample(study, sample, replace(residual(2), learning_rate=0.01))


def floor_alone(sample: Sample, alpha: float) -> Model:
    """What `fit` packs where the floor is asked for."""
    unseen, final = cross_fit(sample, {}, None, (0,)), fit_without_network(sample, {}, (1,))
    calibrated = cross_calibrated(sample, unseen.floor, unseen.fold)
    return _model(sample, final, final.floor, (unseen.floor, calibrated), unseen.fold, alpha)


def run(graph: bytes, values: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"values": values.astype(np.float32)}), strict=True))


def test_the_floor_is_ridge_regression_of_the_root(sample: Sample, numbers: Made) -> None:
    """Ridge is least squares with rows of its own for the penalty: statsmodels' OLS, the intercept unpenalised."""
    x = Preparation.fit(numbers(4), sample.values).transform(sample.values)
    root = np.sqrt(sample.amount)
    z = (root - root.mean()) / root.std()
    for strength in (0.01, 1.0, 100.0):
        rows = np.vstack([np.column_stack([x, np.ones(len(x))]), np.sqrt(1 / strength) * np.eye(4, 5)])
        theirs = sm.OLS(np.concatenate([z, np.zeros(4)]), rows).fit().params
        ours = SQUARE_ROOT.fit(x, sample, strength)
        np.testing.assert_allclose(ours.linear[0, :, 0], theirs[:4], rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(ours.bias[0, 0, 0], theirs[4], rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose(
            sample.head.columns(NUMPY, logits(NUMPY, ours, x))[0, :, 0],
            root.mean() + root.std() * (x @ theirs[:4] + theirs[4]),
            rtol=1e-5,
        )


def test_the_penalty_suits_the_data(study: Study, make_cohort: Made) -> None:
    x, dose = simulated(60, 1)
    told, untold = (
        sample_of(study, cohort(make_cohort, x, y)) for y in (dose, np.random.default_rng(2).permutation(dose))
    )
    strong, weak = (SQUARE_ROOT.strength(x, one, np.random.default_rng(0)) for one in (told, untold))
    assert strong >= 0.1
    assert weak <= 0.01


def test_a_dose_is_foretold_better_than_by_the_floor_where_the_truth_is_bent(made: Fit) -> None:
    assert made.packed == "residual"
    x, dose = simulated(2000, 9, bent=0.5, uneven=0.6)
    far = np.abs(made.predict(x)[:, 0] - dose).mean()
    straight = np.abs(replace(made, packed="floor").predict(x)[:, 0] - dose).mean()
    best = np.abs((5.5 + 0.9 * x[:, 0] - 0.5 * x[:, 1] + 0.5 * (x[:, 2] ** 2 - 1)) ** 2 - dose).mean()
    assert best < far < 0.9 * straight


@pytest.mark.parametrize("which", ["network", "floor"])
def test_the_graph_gives_what_the_reference_gives(made: Fit, which: str) -> None:
    model: Model = getattr(made, which)
    rng = np.random.default_rng(4)
    values = np.vstack([simulated(200, 5)[0], rng.normal(size=(20, 4)) * 1e3, np.full((1, 4), np.nan)])
    out = run(replace(made, packed="floor" if which == "floor" else "residual").graph(), values)
    assert set(out) == {"estimate", "distance"}
    reference = outputs(NUMPY, model, values.astype(np.float32).astype(np.float64))[0]
    np.testing.assert_allclose(out["estimate"], reference, rtol=2e-5)
    ops = TorchOperations()
    in_torch = outputs(ops, model, ops.constant(values.astype(np.float32)))[0]
    np.testing.assert_allclose(out["estimate"], in_torch, rtol=2e-5)
    dose, low, high = out["estimate"].T
    assert (low <= dose).all() and (dose <= high).all()
    assert dose.min() >= np.float32(model.head.lowest) * (1 - 1e-6)
    assert dose.max() <= np.float32(model.head.highest) * (1 + 1e-6) and low.min() >= 0


def test_the_columns_are_the_formula_by_hand(made: Fit) -> None:
    model, x = made.floor, simulated(50, 6)[0]
    features = model.preparation.transform(x)
    z = features @ model.members.linear[0] + model.members.bias[0]
    head, last = model.head, model.finish
    root = model.calibration.slope * (head.centre + head.size * z[:, 0]) + model.calibration.intercept
    root = np.clip(root, np.sqrt(head.lowest), np.sqrt(head.highest))
    s = np.ones(len(x))
    if last.spread is not None:
        s = np.exp(np.clip(features @ last.spread.weights + last.spread.bias, last.spread.low, last.spread.high))
    ends = [np.maximum(root - last.below * s, 0.0), root + last.above * s]
    np.testing.assert_allclose(
        replace(made, packed="floor").predict(x), np.stack([root, *ends], axis=1) ** 2, rtol=1e-5
    )


def test_what_is_written_down_holds_aggregates_only(made: Fit, sample: Sample) -> None:
    said = json.loads(json.dumps(made.development, allow_nan=False))
    assert said["dose"] == {"mean": pytest.approx(sample.amount.mean()), "sd": pytest.approx(sample.amount.std(ddof=1))}
    assert {"squared_error", "mae", "squared_error_by_fold"} == set(said["network"])
    assert said["interval"]["spread"] == "of the patient"
    assert 0.85 < said["interval"]["coverage"] < 0.95
    assert "classes" not in said
    facts = made.dose
    ordered = sorted(sample.amount.tolist())  # no single patient's dose leaves the house
    assert (facts.lowest, facts.highest) == pytest.approx((sum(ordered[:10]) / 10, sum(ordered[-10:]) / 10))
    assert facts.scale == pytest.approx(sample.amount.std(ddof=1))
    assert made.parameters == made.model.members.parameters + 2 + made.model.finish.parameters


@pytest.mark.parametrize(("uneven", "alpha"), [(0.0, 0.2), (0.6, 0.1)])
def test_intervals_cover_the_doses_of_new_patients(
    make_study: Made, numbers: Made, make_cohort: Made, uneven: float, alpha: float
) -> None:
    """Fitted on 400 patients, judged on 2,000 new ones, 6 times: the mean coverage is what was promised."""
    study = dose_study(make_study, numbers, network="floor", alpha=alpha)
    covered, between = [], []
    for seed in range(6):
        sample = sample_of(study, cohort(make_cohort, *simulated(400, seed, uneven=uneven)))
        x, dose = simulated(2000, 1000 + seed, uneven=uneven)
        _, low, high = predicted(floor_alone(sample, alpha), x).T
        inside = (low <= dose) & (dose <= high)
        covered.append(inside.mean())
        between.append([inside[x[:, 3] < -1].mean(), inside[x[:, 3] > 1].mean()])
    assert np.mean(covered) == pytest.approx(1 - alpha, abs=0.02)
    if uneven:  # the same width for all would cover 99 % of those with small errors and 68 % of those with large ones
        assert np.mean(between, axis=0) == pytest.approx([1 - alpha, 1 - alpha], abs=0.06)


def test_margins_are_the_conformal_ranks(sample: Sample) -> None:
    off = np.random.default_rng(0).permutation(np.arange(-49.0, 51.0))  # -49 to 50
    below, above = margins(off, np.arange(100), 0.1)
    assert (below, above) == (np.sort(-off)[95], np.sort(off)[95])  # the 96th of 100: ceil(101 * 0.95)
    assert margins(off[:10], np.arange(10), 0.1) == (np.inf, np.inf)  # ceil(11 * 0.95) = 11 of 10
    assert margins(np.full(100, 2.0), np.arange(100), 0.1) == (0.0, 2.0)  # an end never passes the dose itself


def test_rows_of_one_patient_count_as_one() -> None:
    """Ten rows each of two patients who are far off are no more than two of a hundred patients."""
    off = np.concatenate([np.random.default_rng(1).uniform(-1, 1, 98), np.full(20, 9.0)])
    patient = np.concatenate([np.arange(98), np.repeat([98, 99], 10)])
    assert margins(off, patient, 0.1)[1] < 1
    assert margins(off, np.arange(118), 0.1)[1] == 9


def test_few_patients_have_an_interval_that_says_so(sample: Sample) -> None:
    few = fit_interval(np.zeros((12, 1)), np.linspace(-1, 1, 12), np.arange(12), 0.1, lowest=4.0, highest=100.0)
    given = few.columns(NUMPY, np.array([[2.5], [9.0]]), np.zeros((2, 1)))
    # From 0 to (2.5 + 10)^2 and (9 + 10)^2: wherever these patients had a dose, and further.
    np.testing.assert_allclose(given, [[6.25, 0, 156.25], [81, 0, 361]], rtol=1e-6)
    assert json.loads(json.dumps(few.facts, allow_nan=False))["interval"]["coverage"] == 1
    x, off = np.eye(30)[:, :2], np.where(np.arange(30) < 1, 9.0, 0.1) * (-1.0) ** np.arange(30)
    assert fit_interval(x, off, np.arange(30), 0.05, lowest=4.0, highest=100.0).spread is None


def test_the_spread_is_the_likeliest_of_laplace_errors() -> None:
    """Without a penalty and with one yes-or-no feature it is the mean distance in each group."""
    rng = np.random.default_rng(0)
    group = np.arange(400) % 2
    off = rng.laplace(size=400) * np.where(group, 3.0, 1.0)
    found = fit_spread(group[:, None] * 1.0, off, 1e-9)
    means = [np.abs(off[group == g]).mean() for g in (0, 1)]
    np.testing.assert_allclose(np.exp([found.bias, found.bias + found.weights[0]]), means, rtol=1e-3)
    np.testing.assert_allclose(found.of(NUMPY, np.array([[0.0], [1.0], [50.0]]))[:, 0], [*means, means[1]], rtol=1e-3)


def test_no_spread_of_the_patient_is_claimed_where_there_is_none() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        found = fit_interval(
            rng.normal(size=(300, 6)), rng.normal(size=300), np.arange(300), 0.1, lowest=1.0, highest=100.0
        )
        assert found.spread is None
        assert found.parameters == 2
        assert found.facts["interval"]["spread"] == "the same for all"


def test_calibration_mends_a_line_and_leaves_a_right_one(sample: Sample) -> None:
    head, root = sample.head, np.sqrt(sample.amount)[:, None]
    right = head.fit_calibration(sample, root)
    assert (right.slope, right.intercept) == pytest.approx((1, 0), abs=1e-5)
    bent = head.fit_calibration(sample, 3 + 2 * root)
    np.testing.assert_allclose(head.calibrated(NUMPY, bent, 3 + 2 * root), root, atol=0.2)
    assert head.fit_calibration(sample, 12 - root).slope > 0  # it never turns the order round
    assert head.calibration_facts(RootCalibration(1.1, 0.2)) == {"slope": 1.1, "intercept": 0.2}


def test_what_it_is_chosen_by_does_not_depend_on_the_unit(sample: Sample, study: Study) -> None:
    grams = replace(
        sample, amount=sample.amount / 1000, head=doses(sample.amount / 1000, SQUARE_ROOT, "squared", where="")
    )
    root = np.sqrt(sample.amount)[:, None] * 1.1
    np.testing.assert_allclose(
        grams.head.losses(grams, root / np.sqrt(1000)), sample.head.losses(sample, root), rtol=1e-4
    )
    name, mae = sample.head.order(sample, root)
    assert name == "mae"
    assert grams.head.order(grams, root / np.sqrt(1000))[1] == pytest.approx(mae / 1000, rel=1e-4)
    given = np.clip(root[:, 0] ** 2, sample.head.lowest, sample.head.highest)
    assert mae == pytest.approx(np.abs(given - sample.amount).mean(), rel=1e-5)
    assert sample.head.measures(sample, root)["mae"].value == pytest.approx(mae)
    flat = np.full((len(root), 1), np.sqrt(sample.amount).mean())
    assert sample.head.losses(sample, flat).mean() == pytest.approx(1, rel=1e-4)  # nothing foretold


def test_folds_hold_small_and_large_doses_alike(sample: Sample) -> None:
    strata = sample.head.strata(sample)
    assert np.bincount(strata).tolist() == [60] * 5
    assert sample.amount[strata == 0].max() < sample.amount[strata == 4].min()
    unseen = cross_fit(sample, {}, None, (0,))
    counts = [np.bincount(strata[unseen.fold == k], minlength=5) for k in range(5)]
    assert np.ptp(counts, axis=0).max() <= 1


def test_a_search_and_a_smaller_network_work_on_doses(study: Study, sample: Sample, tmp_path: Path) -> None:
    quick = replace(residual(2), epochs=3, distil=True, prune=0.5)
    found = tune(sample, {}, replace(quick, distil=False, prune=0.0), 1, tmp_path, (1,))
    assert 0 < found.loss < 1.2
    smaller = cross_fit(sample, {}, quick, (0,))
    assert np.abs(smaller.network - smaller.larger).mean() < 0.3  # the student learned roots
    assert 4 < smaller.network.mean() < 7


@pytest.mark.parametrize(
    ("dose", "told"), [(np.full(40, 5.0), "the same dose, 5"), (np.linspace(-1, 30, 40), "a dose of -1")]
)
def test_doses_that_teach_nothing_are_refused(study: Study, make_cohort: Made, dose: np.ndarray, told: str) -> None:
    with pytest.raises(DataError, match=told):
        fit(study, cohort(make_cohort, np.random.default_rng(0).normal(size=(40, 4)), dose))


def test_a_head_is_plain_data() -> None:
    one = doses(np.repeat([4.0, 9.0, 16.0], 10), SQUARE_ROOT, "squared", where="")
    assert isinstance(one, Doses)
    assert (one.centre, one.lowest, one.highest) == (3.0, 4.0, 16.0)
    assert one.size == pytest.approx(np.std([2, 3, 4]))
    assert isinstance(Spread(np.ones(1), 0.0, -1.0, 1.0).of(NUMPY, np.ones((1, 1))), np.ndarray)
    assert fit_ridge(np.eye(3), np.eye(3), 1.0).linear.shape == (1, 3, 3)
