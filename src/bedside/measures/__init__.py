"""Statistics with intervals, on plain arrays.

Outcomes are class indices, predictions are probabilities; what comes back is a `Measure`. What is not defined on the
given data (one class only, no patients) is nan without an interval and never an exception; what is no outcome or no
probability is refused with `DataError`. ``docs/oracles.md`` names the independent reference of each function.
"""

from __future__ import annotations

from bedside.measures.calibration import Curve, calibration_curve, calibration_intercept, calibration_slope, ici
from bedside.measures.conformal import (
    conformal_coverage,
    conformal_coverage_by_class,
    conformal_quantiles,
    conformal_sets,
)
from bedside.measures.discrimination import (
    auroc,
    auroc_by_class,
    auroc_difference,
    auroc_multiclass,
    average_precision,
)
from bedside.measures.interval import wilson
from bedside.measures.measure import Measure
from bedside.measures.operating import npv, ppv, sensitivity, specificity
from bedside.measures.sample_size import SampleSize, riley
from bedside.measures.scores import accuracy, brier, log_loss, log_loss_difference
from bedside.measures.utility import (
    DecisionCurve,
    decision_curve,
    net_benefit,
    net_benefit_difference,
    net_benefit_treat_all,
)

__all__ = [
    "Curve",
    "DecisionCurve",
    "Measure",
    "SampleSize",
    "accuracy",
    "auroc",
    "auroc_by_class",
    "auroc_difference",
    "auroc_multiclass",
    "average_precision",
    "brier",
    "calibration_curve",
    "calibration_intercept",
    "calibration_slope",
    "conformal_coverage",
    "conformal_coverage_by_class",
    "conformal_quantiles",
    "conformal_sets",
    "decision_curve",
    "ici",
    "log_loss",
    "log_loss_difference",
    "net_benefit",
    "net_benefit_difference",
    "net_benefit_treat_all",
    "npv",
    "ppv",
    "riley",
    "sensitivity",
    "specificity",
    "wilson",
]
