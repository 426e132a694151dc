from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from bedside.errors import DataError
from bedside.measures import riley, riley_survival

# n per criterion (shrinkage, optimism, overall risk), events per parameter: what pmsampsize 0.1.0 from PyPI returns.
# It is recorded, not run: it needs Python 3.12 and another statsmodels. The first row is also the worked example
# in the manual of the R package (662 patients, 116 events, 4.8 events per parameter).
RECORDED = [
    (0.174, 24, {"r2_cs": 0.288}, (623, 662, 221), 4.80),
    (0.3, 23, {"r2_cs": 0.1}, (1953, 608, 323), 25.47),
]


@pytest.mark.parametrize(("prevalence", "parameters", "expected", "criteria", "epp"), RECORDED)
def test_riley_against_pmsampsize(
    prevalence: float, parameters: int, expected: dict[str, float], criteria: tuple[int, ...], epp: float
) -> None:
    found = riley(prevalence, parameters, **expected)
    assert (found.shrinkage, found.optimism, found.overall_risk) == criteria
    three = max(criteria) * prevalence
    assert three / parameters == pytest.approx(epp, abs=0.006)
    assert found.patients == max(*criteria, found.mean_absolute_error or 0)
    assert found.events == math.ceil(found.patients * prevalence)
    assert found.events_per_parameter == pytest.approx(found.patients * prevalence / parameters)


def test_riley_worked_example_needs_116_events_before_the_fourth_criterion() -> None:
    found = riley(0.174, 24, r2_cs=0.288)
    assert math.ceil(max(found.shrinkage, found.optimism, found.overall_risk) * 0.174) == 116


def test_riley_from_nagelkerke_is_scaled_by_the_largest_r2() -> None:
    # pmsampsize reports a largest R2 of 0.19058844887955095 at this prevalence.
    assert riley(0.022, 30, r2_nagelkerke=0.15).r2_cs == pytest.approx(0.15 * 0.19058844887955095)


@pytest.mark.parametrize(
    ("auroc", "prevalence", "recorded"), [(0.78, 0.2, 0.1585), (0.9, 0.4, 0.4334), (0.65, 0.05, 0.0139)]
)
def test_riley_r2_from_auroc_against_pmsampsize(auroc: float, prevalence: float, recorded: float) -> None:
    # pmsampsize draws a million patients and fits; ours is the integral they approach.
    assert riley(prevalence, 10, auroc=auroc).r2_cs == pytest.approx(recorded, abs=0.0015)


def test_riley_r2_from_auroc_against_a_fitted_model() -> None:
    rng = np.random.default_rng(1)
    y = (rng.uniform(size=60_000) < 0.3).astype(int)
    x = rng.normal(size=60_000) + y * math.sqrt(2) * norm.ppf(0.75)
    fit = sm.Logit(y, sm.add_constant(x)).fit(disp=0)
    assert riley(0.3, 10, auroc=0.75).r2_cs == pytest.approx(
        1 - math.exp(-2 * (fit.llf - fit.llnull) / 60_000), abs=0.006
    )


def test_riley_mean_absolute_error_against_simulation() -> None:
    # What the criterion promises: with that many patients a logistic regression is off by 0.05 on average.
    rng = np.random.default_rng(2)
    parameters, errors = 8, []
    n = riley(0.3, parameters, r2_nagelkerke=0.3).mean_absolute_error
    assert n is not None
    beta = np.full(parameters, 1.1 / math.sqrt(parameters))
    for _ in range(40):
        X = rng.normal(size=(n + 1000, parameters))
        risk = 1 / (1 + np.exp(-(X @ beta - 1.05)))
        y = (rng.uniform(size=len(risk)) < risk).astype(int)
        fit = sm.Logit(y[:n], sm.add_constant(X[:n])).fit(disp=0)
        errors.append(np.mean(np.abs(fit.predict(sm.add_constant(X[n:])) - risk[n:])))
    assert np.mean(errors) == pytest.approx(0.05, abs=0.008)


def test_riley_mean_absolute_error_is_silent_beyond_its_range_and_symmetric() -> None:
    assert riley(0.2, 31, auroc=0.7).mean_absolute_error is None
    assert riley(0.2, 10, auroc=0.7).mean_absolute_error == riley(0.8, 10, auroc=0.7).mean_absolute_error


def test_riley_asks_for_more_where_less_is_known() -> None:
    assert riley(0.2, 20, auroc=0.7).patients > riley(0.2, 10, auroc=0.7).patients
    assert riley(0.2, 20, auroc=0.7).shrinkage > riley(0.2, 20, auroc=0.8).shrinkage
    assert riley(0.2, 20, auroc=0.7, shrinkage=0.95).shrinkage > riley(0.2, 20, auroc=0.7).shrinkage


@pytest.mark.parametrize(
    ("prevalence", "parameters", "options", "place"),
    [
        (0.0, 5, {"auroc": 0.8}, "prevalence"),
        (math.nan, 5, {"auroc": 0.8}, "prevalence"),
        (0.2, 0, {"auroc": 0.8}, "parameters"),
        (0.2, 5, {"auroc": 0.5}, "auroc"),
        (0.2, 5, {"auroc": 1.0}, "auroc"),
        (0.2, 5, {"r2_cs": 0.7}, "r2_cs"),
        (0.2, 5, {"r2_nagelkerke": 1.2}, "r2_nagelkerke"),
        (0.2, 5, {"auroc": 0.8, "shrinkage": 1.0}, "shrinkage"),
        (0.4, 5, {"r2_cs": 0.5, "shrinkage": 0.4}, "r2_cs"),
        (0.2, 5, {}, "Give one of"),
        (0.2, 5, {"auroc": 0.8, "r2_cs": 0.1}, "Give one of"),
    ],
)
def test_riley_refuses_impossible_numbers(
    prevalence: float, parameters: int, options: dict[str, Any], place: str
) -> None:
    with pytest.raises(DataError, match=place):
        riley(prevalence, parameters, **options)


def test_riley_survival_worked_example() -> None:
    # Recurrence of venous thromboembolism, in the manual of pmsampsize and in Riley et al., BMJ 2020: 5143 patients
    # with 692 events (23.07 per parameter); the second criterion alone asks for 1039, the largest R2 is 0.555.
    found = riley_survival(0.065, 2.07, 2.0, 30, r2_cs=0.051)
    assert (found.shrinkage, found.optimism, found.patients) == (5143, 1039, 5143)
    assert (found.events, round(found.events_per_parameter, 2)) == (692, 23.07)
    assert riley_survival(0.065, 2.07, 2.0, 30, r2_nagelkerke=0.2).r2_cs == pytest.approx(0.2 * 0.555, abs=2e-4)


def test_riley_survival_knows_no_unit_of_time() -> None:
    years = riley_survival(0.065, 2.07, 2.0, 30, r2_nagelkerke=0.15)
    days = riley_survival(0.065 / 365.25, 2.07 * 365.25, 2.0 * 365.25, 30, r2_nagelkerke=0.15)
    assert (years.shrinkage, years.optimism, years.overall_risk) == (days.shrinkage, days.optimism, days.overall_risk)


def test_riley_survival_overall_risk_by_simulation() -> None:
    # With so many patients, the upper end of the interval of the exponential model's risk lies 0.05 above it.
    rng, rate, leaves, horizon = np.random.default_rng(3), 0.2, 3.0, 2.0
    mean = (1 - math.exp(-rate * leaves)) / rate
    n = riley_survival(rate, mean, horizon, 1, r2_nagelkerke=0.5).overall_risk
    times = rng.exponential(1 / rate, size=(4000, n))
    rates = (times <= leaves).sum(axis=1) / np.minimum(times, leaves).sum(axis=1)
    upper = np.quantile(1 - np.exp(-rates * horizon), 0.975)
    assert upper - (1 - math.exp(-rate * horizon)) == pytest.approx(
        0.05, abs=0.005
    )  # the normal interval, at so few patients


def test_riley_survival_refuses_what_cannot_be() -> None:
    for wrong in ((0.0, 1.0, 1.0, 3), (0.1, -1.0, 1.0, 3), (0.1, 1.0, math.inf, 3), (0.1, 1.0, 1.0, 0)):
        with pytest.raises(DataError):
            riley_survival(*wrong, r2_cs=0.05)
    with pytest.raises(DataError, match="said once"):
        riley_survival(0.1, 1.0, 1.0, 3)
    with pytest.raises(DataError, match="is not between"):
        riley_survival(0.1, 1.0, 1.0, 3, r2_cs=0.9)
    assert riley_survival(2.0, 1.0, 5.0, 3, r2_cs=0.05).overall_risk == 1
