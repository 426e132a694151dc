"""The head of treatments: scores, effects, their intervals, propensities, and that the graph says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from effects_known import arms_study, cohort, columns_of, numbers_of, out_of_fold, run, scored, trial
from sklearn.linear_model import ARDRegression

from bedside.errors import DataError
from bedside.measures import average_effect
from bedside.network import residual
from bedside.training.effect_errors import _curved, fit_effect_errors, misfit
from bedside.training.fit import fit_sample
from bedside.training.linear_effects import LINEAR_EFFECTS, relevance, ridge
from bedside.training.nuisances import LEAST, cross_fitted, fit_propensity
from bedside.training.sample import sample_of

Made = Callable[..., Any]


def test_ridge_is_least_squares_with_rows_for_the_penalty() -> None:
    """statsmodels' OLS, a row for each weight of size 1 / sqrt(strength) added, the intercept not penalised."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)) + 1, rng.normal(size=(80, 2))
    weights, bias = ridge(x, y, 0.05)
    more = np.concatenate([np.column_stack([np.ones(80), x]), np.column_stack([np.zeros(3), np.eye(3) / 0.05**0.5])])
    for column in range(2):
        found = sm.OLS(np.append(y[:, column], np.zeros(3)), more).fit().params
        assert np.append(bias[column], weights[:, column]) == pytest.approx(found, abs=1e-10)


def test_what_is_irrelevant_is_drawn_to_nothing() -> None:
    """scikit-learn's ARDRegression finds the same evidence, with priors of its own that hardly weigh."""
    rng = np.random.default_rng(10)
    x = rng.normal(size=(400, 6))
    y = 1.0 * x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=400)
    found = relevance(x, np.column_stack([-y / 2, y / 2]) * 2**0.5)
    theirs = ARDRegression(max_iter=1000, tol=1e-8, threshold_lambda=1e12).fit(x, y)
    assert found[:2] == pytest.approx(theirs.lambda_[:2] / theirs.alpha_, rel=0.02)
    assert (found[2:] > 50).all()
    weights = np.linalg.solve(x.T @ x + np.diag(found), x.T @ y)
    assert weights == pytest.approx(theirs.coef_, abs=0.02)


def test_penalties_fit_the_truth() -> None:
    """Where few of many predictors matter each has its own; where all matter alike there is one for all."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(600, 20))
    few, all_alike = scored(x[:, 0], x, rng), scored(x @ np.full(20, 0.3), x, rng)
    assert LINEAR_EFFECTS.strength(x, few)[1] is None
    assert LINEAR_EFFECTS.strength(x, all_alike)[1] is not None


def test_without_a_penalty_errors_are_the_sandwich_of_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """statsmodels' HC0 covariance of the coefficients, for the difference of scores."""
    monkeypatch.setattr(type(LINEAR_EFFECTS), "strength", lambda *_: (1e14, 1e14))
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3)) + 2
    sample = scored(x[:, 0], x, rng)
    assert sample.scores is not None
    z = sm.add_constant(x)
    difference = sample.scores[:, 0] - sample.scores[:, 1]
    found = sm.OLS(difference, z).fit(cov_type="HC0")
    half = (z @ found.params)[:, None] / 2
    errors = fit_effect_errors(sample, x, half * [1.0, -1.0], (0.5, 0.5))
    told = np.sqrt(np.sum((z @ found.cov_params()) * z, axis=1) + errors.misfit[0])
    assert columns_of(errors, half * [1.0, -1.0], x)[:, 2] == pytest.approx(told, rel=1e-5)


def test_that_a_feature_changes_nothing_is_never_sure() -> None:
    """By hand: a penalty of at most 2 n leaves a weight the variance noise^2 / (3 n), whatever the evidence says."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(900, 6))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    sample = scored(2 * x[:, 0], x, rng)
    assert LINEAR_EFFECTS.penalties(x, sample, LINEAR_EFFECTS.strength(x, sample))[1:].max() > 20 * len(x)
    errors = fit_effect_errors(sample, x, out_of_fold(sample, x), (0.5, 0.5))
    middle, far = columns_of(errors, np.zeros((2, 2)), np.array([[0.0] * 6, [0, 3.0, 3.0, 3.0, 3.0, 3.0]]))[:, 2] ** 2
    assert far - middle == pytest.approx(5 * 9 * 2.0**2 / (3 * 900), rel=0.35)


def test_rows_of_one_patient_say_less() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 2))
    sample = scored(np.zeros(200), x, rng)
    twice = sample.take(np.repeat(np.arange(200), 2))
    same, apart = out_of_fold(sample, x), np.repeat(np.arange(200), 2)
    once = columns_of(fit_effect_errors(sample, x, same, (0.5, 0.5)), same, x)[:, 2]
    doubled = columns_of(fit_effect_errors(twice, x[apart], same[apart], (0.5, 0.5)), same, x)[:, 2]
    assert doubled.mean() == pytest.approx(once.mean(), rel=0.15)  # as independent rows it would be a third smaller


def test_misfit_is_the_mean_over_pairs_of_patients() -> None:
    """By two loops over patients, as the docstring has it; and 0.5 of a square that no line can see."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 2))
    scores, expected, shapes = rng.normal(size=40) + x[:, 0] ** 2, rng.normal(size=40), _curved(x)
    s, e = scores - scores.mean(), expected - expected.mean()
    pairs = [s[i] * s[j] * (shapes[i] @ shapes[j]) for i in range(40) for j in range(40) if i != j]
    by_hand = np.mean(pairs) - np.mean(2 * s * e - e**2)
    assert misfit(shapes, scores, expected, np.arange(40)) == pytest.approx(by_hand, rel=1e-9)
    x = rng.normal(size=(20_000, 2))
    found = misfit(_curved(x), 0.5 * x[:, 0] ** 2 + rng.normal(size=20_000), np.zeros(20_000), np.arange(20_000))
    assert found == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("effect", "least"),
    [
        (lambda x: x[:, 0] - 0.5 * x[:, 1], 0.92),
        (lambda x: 1.2 * np.tanh(2 * x[:, 0]) + 0.6 * np.abs(x[:, 1]), 0.85),
        (lambda x: x[:, 0] * 0, 0.92),
    ],
    ids=["linear", "bent", "none"],
)
def test_intervals_cover_true_effects(effect: Callable[[np.ndarray], np.ndarray], least: float) -> None:
    """Of 30 simulated trials and new patients; for no effect at all each trial is one draw."""
    covered = []
    for repeat in range(30):
        rng = np.random.default_rng([9, repeat])
        x, new = rng.normal(size=(500, 6)), rng.normal(size=(300, 6))
        sample = scored(effect(x), x, rng)
        errors = fit_effect_errors(sample, x, out_of_fold(sample, x), (0.5, 0.5))
        floor = LINEAR_EFFECTS.fit(x, sample, LINEAR_EFFECTS.strength(x, sample))
        told = columns_of(errors, new @ floor.linear[0] + floor.bias[0], new)
        off = told[:, 1] - told[:, 0] - effect(new)
        covered.append(np.mean(np.abs(off) <= 1.96 * told[:, 2]))
    assert np.mean(covered) >= least


def test_a_known_effect_is_found_and_the_graph_says_the_same(
    make_study: Made, numbers: Made, make_cohort: Made
) -> None:
    def effect(x: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 + x[:, 0])

    study, sample = numbers_of(make_study, numbers, make_cohort, trial(600, effect))
    made = fit_sample(study, sample, residual(2))
    new = np.random.default_rng(4).normal(size=(200, 4))
    told = made.predict(new)
    off = told[:, 1] - told[:, 0] - effect(new)
    assert np.sqrt(np.mean(off**2)) < 0.3
    assert np.abs(off).max() < 5 * told[:, 2].max()
    assert told[:, 3:].tolist() == [[0.5, 0.5]] * 200
    assert made.arms is not None
    assert made.arms.single == 1
    assert made.arms.scale == pytest.approx(sample.amount.std(), rel=1e-6)  # type: ignore[union-attr]
    assert np.abs(run(made, new) - made.predict(new)).max() < 1e-5 * made.arms.scale
    assert made.development["arms"] == {"usual": int((sample.arm == 0).sum()), "new": int((sample.arm == 1).sum())}


def test_no_effect_leaves_no_recommendation(make_study: Made, numbers: Made, make_cohort: Made) -> None:
    study, sample = numbers_of(make_study, numbers, make_cohort, trial(400, lambda x: 0 * x[:, 0], seed=5))
    made = fit_sample(study, sample, None)
    told = made.predict(np.random.default_rng(6).normal(size=(200, 4)))
    assert np.mean(np.abs(told[:, 1] - told[:, 0]) > 1.96 * told[:, 2]) < 0.1


def test_three_arms_and_censored_times(make_study: Made, numbers: Made, make_cohort: Made) -> None:
    """Exponential times: the mean up to 2 is (1 - exp(-2 h)) / h; a third are lost before."""
    rng = np.random.default_rng(7)
    n = 900
    x, arm = rng.normal(size=(n, 4)), rng.integers(0, 3, n)
    hazard = np.array([1.0, 0.5, 0.8])
    dies, lost = rng.exponential(1 / hazard[arm]), rng.uniform(0.5, 5, n)
    study = arms_study(make_study, numbers, "time", propensity=(1 / 3, 1 / 3, 1 / 3), arms=3)
    sample = sample_of(study, cohort(make_cohort, x, arm, (dies <= lost).astype(int), followed=np.minimum(dies, lost)))
    assert sample.scores is not None
    truth = (1 - np.exp(-2 * hazard)) / hazard
    for one in (1, 2):
        measured = average_effect(sample.scores, one, 0)
        assert measured.low is not None
        assert measured.high is not None
        spread = (measured.high - measured.low) / 3.92
        assert abs(measured.value - (truth[one] - truth[0])) < 3 * spread
    made = fit_sample(study, sample, None)
    told = made.predict(x * 5)
    assert told.shape == (n, 9)
    assert told[:, :3].min() >= 0.0
    assert told[:, :3].max() <= 2.0
    assert (told[:, 3:6] > 0).all()
    assert np.abs(run(made, x * 5) - told).max() < 1e-5


def test_confounding_is_taken_out_and_probabilities_stay_so(make_study: Made, numbers: Made, make_cohort: Made) -> None:
    """Who is worse off gets the new treatment more often: it looks harmful, and does good."""
    rng = np.random.default_rng(8)
    n = 1500
    x = rng.normal(size=(n, 4))
    share = 1 / (1 + np.exp(1.5 * x[:, 0]))
    arm = (rng.uniform(size=n) < share).astype(int)
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-(1.5 * x[:, 0] + 0.6 * arm)))).astype(int)
    true = np.mean(1 / (1 + np.exp(-(1.5 * x[:, 0] + 0.6))) - 1 / (1 + np.exp(-1.5 * x[:, 0])))
    study = arms_study(make_study, numbers, "class", propensity=None)
    sample = sample_of(study, cohort(make_cohort, x, arm, y))
    assert sample.scores is not None
    assert y[arm == 1].mean() - y[arm == 0].mean() < -0.1
    measured = average_effect(sample.scores, 1, 0)
    assert measured.low is not None
    assert measured.high is not None
    assert measured.low < true < measured.high
    fold, outcome = np.arange(n) % 5, (y.astype(float), np.ones(n))
    _, unseen = cross_fitted(study.schema, {}, x, arm, outcome, None, 2, fold, (1,))
    assert np.abs(unseen[:, 1] - share).mean() < 0.05
    made = fit_sample(study, sample, None)
    told = made.predict(3 * x)
    assert told[:, :2].min() >= 0.0
    assert told[:, :2].max() <= 1.0
    assert told[:, 3:].sum(axis=1) == pytest.approx(np.ones(n), abs=1e-9)
    assert told[:, 3:].min() >= LEAST
    assert np.abs(made.predict(x)[:, 4] - share).mean() < 0.05
    assert np.abs(run(made, x) - made.predict(x)).max() < 1e-5


def test_a_trial_has_nothing_to_estimate() -> None:
    found = fit_propensity(np.zeros((5, 1)), np.zeros(5, int), np.arange(5), (0.25, 0.75), 2)
    assert found.parameters == 0


def test_an_arm_of_a_few_is_refused(make_study: Made, numbers: Made, make_cohort: Made) -> None:
    x, arm, y = trial(100, lambda x: x[:, 0])
    arm[:] = 0
    arm[:10] = 1
    with pytest.raises(DataError, match="10 patients to develop on had 'new', and at least 20 of each arm"):
        numbers_of(make_study, numbers, make_cohort, (x, arm, y))
