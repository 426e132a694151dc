"""Names of the measures that a gate can name, for each set of measures that a task can have."""

from __future__ import annotations

from dataclasses import dataclass

STRATEGIES = ("treat-all", "treat-none")
PRACTICE = "current-practice"
"""What patients got, in place of the name of a treatment."""


@dataclass(frozen=True)
class MeasureNames:
    """The measures of one set.

    Attributes
    ----------
    whole: about all of the follow-up, or about a question without time.
    at_horizon: there is one for each horizon, as ``brier_at_1825``; alone, the name means the one at the decision's.
    at_threshold: those of them that exist only where a threshold is declared.
    from_zero: those of them that exist only where all patients are under observation from 0.
    one_event: those of them that exist only where no event competes.
    by_arm: there is one for each treatment, as ``policy_gain:didanosine``; practice: and one for what is done now.
    """

    whole: tuple[str, ...]
    at_horizon: tuple[str, ...] = ()
    at_threshold: tuple[str, ...] = ()
    from_zero: tuple[str, ...] = ()
    one_event: tuple[str, ...] = ()
    by_arm: tuple[str, ...] = ()
    practice: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names, without horizons and treatments."""
        return (*self.whole, *self.at_horizon, *(name for name in self.by_arm if name not in self.whole))


MEASURES: dict[str, MeasureNames] = {
    "diagnosis": MeasureNames(
        whole=(
            "auroc",
            "average_precision",
            "brier",
            "log_loss",
            "accuracy",
            "calibration_intercept",
            "calibration_slope",
            "ici",
            "net_benefit",
            "sensitivity",
            "specificity",
            "ppv",
            "npv",
            "conformal_coverage",
            "abstained",
        ),
        at_threshold=("net_benefit", "sensitivity", "specificity", "ppv", "npv"),
    ),
    "prognosis": MeasureNames(
        whole=("c_ipcw", "c_harrell", "c_antolini", "ibs", "d_calibration_p", "band_coverage", "abstained"),
        at_horizon=("auc_t", "brier", "calibration_slope", "observed_over_expected", "ici", "net_benefit"),
        at_threshold=("net_benefit",),
        from_zero=("c_ipcw",),
        one_event=("d_calibration_p",),
    ),
    "treatment": MeasureNames(
        whole=(
            "policy_value",
            "policy_gain",
            "autoc",
            "qini",
            "effect_slope",
            "effect_calibration",
            "overlap",
            "effective_sample_size",
            "balance",
            "e_value",
            "recommended",
            "abstained",
        ),
        by_arm=("policy_gain", "average_effect"),
        practice=("policy_gain",),
    ),
    "dose": MeasureNames(
        whole=("mae", "within_tolerance", "bias", "r2", "interval_coverage", "abstained"),
    ),
}
"""By `bedside.cohort.study.Task.measures`."""


def at_horizon(measure: str, horizon: float) -> str:
    """The name of a measure at a horizon.

    >>> at_horizon("brier", 1825.0)
    'brier_at_1825'
    """
    return f"{measure}_at_{horizon:g}"
