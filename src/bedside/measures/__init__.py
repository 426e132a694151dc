"""Statistics with intervals, on plain arrays.

Outcomes are class indices, predictions are probabilities; what comes back is a `Measure`. Of outcomes over time there
are the ``time`` of the event or of the end of follow-up and the ``event``: 0 where censored, 1 for the one asked
about, more for those that compete with it. Of treatments there are the ``arm`` that a patient had and ``scores``, a
column for each arm, that `dr_scores` makes of it; of doses, those that turned out right. What is not defined on the
given data (one class only, no patients) is nan without an interval and never an exception; what is no outcome or no
probability is refused with `DataError`.
``docs/oracles.md`` names the independent reference of each function.
"""

from __future__ import annotations

from bedside.measures.by_chance import chi_square_tail, ranks_by_chance, shares_by_chance, table_by_chance
from bedside.measures.calibration import Curve, calibration_curve, calibration_intercept, calibration_slope, ici
from bedside.measures.calibration_at import calibration_slope_at, observed_over_expected_at
from bedside.measures.calibration_curve_at import calibration_curve_at, ici_at
from bedside.measures.concordance import c_antolini, c_harrell, c_ipcw
from bedside.measures.conformal import (
    conformal_coverage,
    conformal_coverage_by_class,
    conformal_quantiles,
    conformal_sets,
)
from bedside.measures.d_calibration import DCalibration, d_calibration
from bedside.measures.discrimination import (
    auroc,
    auroc_by_class,
    auroc_difference,
    auroc_multiclass,
    average_precision,
)
from bedside.measures.dose import (
    interval_coverage,
    mae,
    mae_difference,
    mean_error,
    r_squared,
    within_tolerance,
)
from bedside.measures.doubly_robust import average_effect, dr_scores, restricted_mean_outcome
from bedside.measures.e_value import EValue, e_value, ratio_from_difference, risk_ratio
from bedside.measures.effect_calibration import (
    EffectGroups,
    effect_calibration_curve,
    effect_calibration_error,
    effect_calibration_intercept,
    effect_calibration_slope,
)
from bedside.measures.horizon import auc_t, brier_at, ibs
from bedside.measures.interval import wilson
from bedside.measures.measure import Measure
from bedside.measures.operating import npv, ppv, sensitivity, specificity
from bedside.measures.overlap import effective_sample_sizes, poor_overlap, standardised_differences
from bedside.measures.policy import current_practice, policy_gain, policy_gain_over_best, policy_value
from bedside.measures.predicted_curves import median_of, restricted_mean, risk_by
from bedside.measures.priority import PriorityCurve, autoc, qini, qini_curve, toc_curve
from bedside.measures.resampling import bootstrap
from bedside.measures.sample_size import SampleSize, riley, riley_survival
from bedside.measures.scores import accuracy, brier, log_loss, log_loss_difference
from bedside.measures.survival_curves import Steps, aalen_johansen, kaplan_meier, median_follow_up, number_at_risk
from bedside.measures.utility import (
    DecisionCurve,
    decision_curve,
    net_benefit,
    net_benefit_difference,
    net_benefit_treat_all,
)
from bedside.measures.utility_at import (
    decision_curve_at,
    net_benefit_at,
    net_benefit_difference_at,
    net_benefit_treat_all_at,
)

__all__ = [
    "Curve",
    "DCalibration",
    "DecisionCurve",
    "EValue",
    "EffectGroups",
    "Measure",
    "PriorityCurve",
    "SampleSize",
    "Steps",
    "aalen_johansen",
    "accuracy",
    "auc_t",
    "auroc",
    "auroc_by_class",
    "auroc_difference",
    "auroc_multiclass",
    "autoc",
    "average_effect",
    "average_precision",
    "bootstrap",
    "brier",
    "brier_at",
    "c_antolini",
    "c_harrell",
    "c_ipcw",
    "calibration_curve",
    "calibration_curve_at",
    "calibration_intercept",
    "calibration_slope",
    "calibration_slope_at",
    "chi_square_tail",
    "conformal_coverage",
    "conformal_coverage_by_class",
    "conformal_quantiles",
    "conformal_sets",
    "current_practice",
    "d_calibration",
    "decision_curve",
    "decision_curve_at",
    "dr_scores",
    "e_value",
    "effect_calibration_curve",
    "effect_calibration_error",
    "effect_calibration_intercept",
    "effect_calibration_slope",
    "effective_sample_sizes",
    "ibs",
    "ici",
    "ici_at",
    "interval_coverage",
    "kaplan_meier",
    "log_loss",
    "log_loss_difference",
    "mae",
    "mae_difference",
    "mean_error",
    "median_follow_up",
    "median_of",
    "net_benefit",
    "net_benefit_at",
    "net_benefit_difference",
    "net_benefit_difference_at",
    "net_benefit_treat_all",
    "net_benefit_treat_all_at",
    "npv",
    "number_at_risk",
    "observed_over_expected_at",
    "policy_gain",
    "policy_gain_over_best",
    "policy_value",
    "poor_overlap",
    "ppv",
    "qini",
    "qini_curve",
    "r_squared",
    "ranks_by_chance",
    "ratio_from_difference",
    "restricted_mean",
    "restricted_mean_outcome",
    "riley",
    "riley_survival",
    "risk_by",
    "risk_ratio",
    "sensitivity",
    "shares_by_chance",
    "specificity",
    "standardised_differences",
    "table_by_chance",
    "toc_curve",
    "wilson",
    "within_tolerance",
]
