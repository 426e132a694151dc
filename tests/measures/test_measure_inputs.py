from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bedside import measures
from bedside.errors import DataError, MissingExtra
from bedside.measures import Measure
from bedside.measures.predictions import checked_binary, checked_labels, checked_multiclass

Y = np.array([0, 1, 0, 1])
P = np.array([0.1, 0.8, 0.6, 0.7])

OF_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "auroc": measures.auroc,
    "auroc_difference": lambda y, p: measures.auroc_difference(y, P, p),
    "average_precision": measures.average_precision,
    "brier": measures.brier,
    "log_loss": measures.log_loss,
    "calibration_intercept": measures.calibration_intercept,
    "calibration_slope": measures.calibration_slope,
    "calibration_curve": measures.calibration_curve,
    "ici": measures.ici,
    "net_benefit": lambda y, p: measures.net_benefit(y, p, 0.2),
    "net_benefit_difference": lambda y, p: measures.net_benefit_difference(y, p, 0.2, "treat-all"),
    "decision_curve": lambda y, p: measures.decision_curve(y, p, np.array([0.2])),
    "sensitivity": lambda y, p: measures.sensitivity(y, p, 0.2),
    "specificity": lambda y, p: measures.specificity(y, p, 0.2),
    "ppv": lambda y, p: measures.ppv(y, p, 0.2),
    "npv": lambda y, p: measures.npv(y, p, 0.2),
}
OF_CLASSES: dict[str, Callable[[Any, Any], Any]] = {
    "auroc_multiclass": measures.auroc_multiclass,
    "auroc_by_class": measures.auroc_by_class,
    "brier": measures.brier,
    "log_loss": measures.log_loss,
    "log_loss_difference": lambda y, p: measures.log_loss_difference(y, p, p, y),
    "conformal_quantiles": lambda y, p: measures.conformal_quantiles(y, p, 0.1),
}


@pytest.mark.parametrize("name", OF_BINARY)
@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_probability_is_refused_by_row(name: str, wrong: float) -> None:
    with pytest.raises(DataError, match="row 2") as caught:
        OF_BINARY[name](Y, np.where(np.arange(4) == 2, wrong, P))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", OF_BINARY)
def test_what_is_no_binary_outcome_is_refused_by_row(name: str) -> None:
    with pytest.raises(DataError, match="y, row 1"):
        OF_BINARY[name](np.array([0, 2, 0, 1]), P)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_what_is_no_distribution_over_classes_is_refused(name: str) -> None:
    good = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]])
    y = np.array([1, 2, 0])
    OF_CLASSES[name](y, good)
    for row, wrong in ((1, [0.5, 0.2, math.nan]), (2, [0.3, 0.3, 0.3]), (0, [1.2, -0.1, -0.1])):
        bad = good.copy()
        bad[row] = wrong
        with pytest.raises(DataError, match=f"row {row}"):
            OF_CLASSES[name](y, bad)
    with pytest.raises(DataError, match="y, row 2"):
        OF_CLASSES[name](np.array([1, 2, 3]), good)


def test_lengths_and_dimensions_must_agree() -> None:
    with pytest.raises(DataError, match="4 outcomes but 3 predictions"):
        checked_binary(Y, P[:3])
    with pytest.raises(DataError, match="4 outcomes but 2 predictions"):
        checked_multiclass(Y, np.full((2, 2), 0.5))
    with pytest.raises(DataError, match="shape"):
        checked_multiclass(Y, np.ones((4, 1)))


def test_labels_of_other_types_are_taken_by_value() -> None:
    bare = inspect.unwrap(checked_labels)  # without the types that tests enforce and production does not
    np.testing.assert_array_equal(bare(np.array([True, False]), 2), [1, 0])
    np.testing.assert_array_equal(bare(np.array([1.0, 0.0]), 2), [1, 0])
    for wrong in (0.5, math.nan, -1.0):
        with pytest.raises(DataError, match="row 1"):
            bare(np.array([0.0, wrong]), 2)


def test_single_precision_is_as_good_as_double() -> None:
    assert measures.brier(Y, P.astype(np.float32)).value == pytest.approx(measures.brier(Y, P).value, abs=1e-7)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, math.nan])
def test_a_threshold_must_leave_room(threshold: float) -> None:
    for call in (
        lambda: measures.net_benefit(Y, P, threshold),
        lambda: measures.net_benefit_treat_all(Y, threshold),
        lambda: measures.net_benefit_difference(Y, P, threshold, "treat-none"),
    ):
        with pytest.raises(DataError, match="threshold"):
            call()


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    for measure in (measures.auroc, measures.brier, measures.calibration_slope, measures.ici):
        with pytest.raises(DataError, match="level"):
            measure(Y, P, level)


def test_missing_scipy_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingExtra, match=r"bedside\[validate\]"):
        measures.brier(Y, P)
    assert measures.auroc(Y, P).defined


def test_a_measure_as_a_dict_has_no_nan() -> None:
    assert Measure(math.nan).as_dict() == {"value": None, "low": None, "high": None}
    assert Measure(0.5, 0.4, 0.6).as_dict() == {"value": 0.5, "low": 0.4, "high": 0.6}
