"""How many patients a new model needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bedside.errors import DataError

MARGIN = 0.05
"""What the published criteria allow: for the overall risk, for optimism in R2 and for the mean absolute error."""


@dataclass(frozen=True)
class SampleSize:
    """Patients needed to develop a model for a binary outcome or a time to an event, per criterion and in all.

    Attributes
    ----------
    shrinkage: for predictor effects to need no more than 10 % shrinkage.
    optimism: for apparent and adjusted Nagelkerke R2 to differ by no more than 0.05.
    overall_risk: for the 95 % margin of error of the overall risk to be no more than 0.05.
    mean_absolute_error: for predictions to be off by no more than 0.05 on average; None for more than 30
        parameters, beyond which its formula was not established, and for a time to an event.
    patients: the largest of these.
    events: patients with the outcome expected among them, rounded up.
    events_per_parameter: expected events divided by parameters.
    r2_cs: the adjusted Cox-Snell R2 that was assumed.
    """

    shrinkage: int
    optimism: int
    overall_risk: int
    mean_absolute_error: int | None
    patients: int
    events: int
    events_per_parameter: float
    r2_cs: float


def _log_likelihood_without_predictors(prevalence: float) -> float:
    """Per patient."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)


def _largest_r2(prevalence: float) -> float:
    """Cox-Snell R2 of a perfect model."""
    return 1 - math.exp(2 * _log_likelihood_without_predictors(prevalence))


def _r2_from_auroc(auroc: float, prevalence: float) -> float:
    """Cox-Snell R2 of the logistic model whose linear predictor is normal with unit variance in both classes.

    Riley, Van Calster and Collins (Stat Med 2021;40:859-864) draw a large sample from that model; here its
    log-likelihood is integrated (Gauss-Hermite, 120 points), so the result does not depend on a seed.
    """
    shift = math.sqrt(2) * NormalDist().inv_cdf(auroc)
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    weight = weight / weight.sum()
    odds = math.log(prevalence / (1 - prevalence))

    def log_odds(linear_predictor: np.ndarray) -> np.ndarray:
        return np.asarray(odds + shift * linear_predictor - shift**2 / 2)

    with_outcome = -float(weight @ np.logaddexp(0.0, -log_odds(z + shift)))
    without = -float(weight @ np.logaddexp(0.0, log_odds(z)))
    fitted = prevalence * with_outcome + (1 - prevalence) * without
    return 1 - math.exp(2 * (_log_likelihood_without_predictors(prevalence) - fitted))


def _cox_snell(prevalence: float, r2_cs: float | None, r2_nagelkerke: float | None, auroc: float | None) -> float:
    given = {"r2_cs": r2_cs, "r2_nagelkerke": r2_nagelkerke, "auroc": auroc}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise DataError("how good the model will be must be said once", remedy=f"Give one of {', '.join(given)}")
    (name, value), largest = named.popitem(), _largest_r2(prevalence)
    least, most = {"r2_cs": (0.0, largest), "r2_nagelkerke": (0.0, 1.0), "auroc": (0.5, 1.0)}[name]
    if not least < value < most:
        raise DataError(f"{value} is not between {least:g} and {most:.4g}", where=name)
    if name == "auroc":
        return _r2_from_auroc(value, prevalence)
    return value if name == "r2_cs" else value * largest


def _for_shrinkage(parameters: int, r2: float, shrinkage: float) -> int:
    if r2 >= shrinkage:
        raise DataError(f"an R2 of {r2:.3g} leaves a shrinkage of {shrinkage:g} nothing to bound", where="r2_cs")
    return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))


def riley(
    prevalence: float,
    parameters: int,
    *,
    r2_cs: float | None = None,
    r2_nagelkerke: float | None = None,
    auroc: float | None = None,
    shrinkage: float = 0.9,
) -> SampleSize:
    """Patients needed to develop a prediction model for a binary outcome.

    Criteria: Riley et al., Stat Med 2019;38:1276-1296 (shrinkage, optimism, overall risk), with the mean absolute
    error of van Smeden et al., Stat Methods Med Res 2019;28:2455-2474, as collected in Riley et al., BMJ
    2020;368:m441. The first criterion is known to ask for too few patients where the AUROC is above about 0.8
    (Pavlou et al., BMC Med Res Methodol 2024;24:146). Where nothing is known of the model to come, the BMJ paper
    suggests an ``r2_nagelkerke`` of 0.15.

    Parameters
    ----------
    prevalence: expected share of patients with the outcome, between 0 and 1.
    parameters: candidate predictor parameters, at least 1: a variable of k categories counts k - 1.
    r2_cs, r2_nagelkerke, auroc: exactly one, expected of the new model in new patients (adjusted for optimism).
    shrinkage: least shrinkage factor that is accepted in the first criterion.

    Raises
    ------
    DataError: a number is outside its range, or not exactly one of the three is given.
    """
    if not 0.0 < prevalence < 1.0:
        raise DataError(f"{prevalence} is not between 0 and 1", where="prevalence")
    if parameters < 1:
        raise DataError(f"{parameters} is less than 1", where="parameters")
    if not 0.0 < shrinkage < 1.0:
        raise DataError(f"{shrinkage} is not between 0 and 1", where="shrinkage")
    r2 = _cox_snell(prevalence, r2_cs, r2_nagelkerke, auroc)
    allowed = r2 / (r2 + MARGIN * _largest_r2(prevalence))
    precise = math.ceil((1.96 / MARGIN) ** 2 * prevalence * (1 - prevalence))
    criteria = (_for_shrinkage(parameters, r2, shrinkage), _for_shrinkage(parameters, r2, allowed), precise)
    absolute = _for_absolute_error(prevalence, parameters)
    patients = max(*criteria, absolute or 0)
    # Rounded first, so that 0.3 * 1000 is not counted as 301 events.
    events = math.ceil(round(patients * prevalence, 9))
    return SampleSize(*criteria, absolute, patients, events, patients * prevalence / parameters, r2)


def riley_survival(
    rate: float,
    mean_follow_up: float,
    horizon: float,
    parameters: int,
    *,
    r2_cs: float | None = None,
    r2_nagelkerke: float | None = None,
    shrinkage: float = 0.9,
) -> SampleSize:
    """Patients needed to develop a prediction model for a time to an event.

    Criteria: Riley et al., Stat Med 2019;38:1276-1296, as in BMJ 2020;368:m441: shrinkage, optimism (largest R2 from
    the log-likelihood of an exponential model without predictors, their equation 23), and the overall risk by
    ``horizon`` under a constant rate. All times are in the same unit, whichever.

    Parameters
    ----------
    rate: expected events per patient and unit of time, above 0. mean_follow_up: of a patient, above 0.
    horizon: time by which the overall risk must be known to within 0.05.
    parameters, shrinkage: as for `riley`.
    r2_cs, r2_nagelkerke: exactly one, expected of the new model in new patients (adjusted for optimism).

    Raises
    ------
    DataError: a number is outside its range, or not exactly one of the two is given.
    """
    for name, value in (("rate", rate), ("mean_follow_up", mean_follow_up), ("horizon", horizon)):
        if not 0.0 < value < math.inf:
            raise DataError(f"{value} is not a number above 0", where=name)
    if parameters < 1:
        raise DataError(f"{parameters} is less than 1", where="parameters")
    if not 0.0 < shrinkage < 1.0:
        raise DataError(f"{shrinkage} is not between 0 and 1", where="shrinkage")
    each = rate * mean_follow_up  # events per patient
    largest = 1 - math.exp(2 * (each * math.log(each) - each))
    r2 = _expected_r2(largest, r2_cs, r2_nagelkerke)
    allowed = r2 / (r2 + MARGIN * largest)
    criteria = (
        _for_shrinkage(parameters, r2, shrinkage),
        _for_shrinkage(parameters, r2, allowed),
        _for_risk_by(rate, mean_follow_up, horizon),
    )
    patients = max(criteria)
    events = math.ceil(round(patients * each, 9))
    return SampleSize(*criteria, None, patients, events, patients * each / parameters, r2)


def _expected_r2(largest: float, r2_cs: float | None, r2_nagelkerke: float | None) -> float:
    if (r2_cs is None) == (r2_nagelkerke is None):
        raise DataError("how good the model will be must be said once", remedy="Give one of r2_cs, r2_nagelkerke")
    r2 = r2_cs if r2_cs is not None else (r2_nagelkerke or 0.0) * largest
    if not 0.0 < r2 < largest:
        raise DataError(f"{r2} is not between 0 and {largest:.4g}", where="r2_cs")
    return r2


def _for_risk_by(rate: float, mean_follow_up: float, horizon: float) -> int:
    """So many that the upper end of the 95 % interval of the risk is within the margin: 1 - exp(-rate * horizon)."""
    free = math.exp(-rate * horizon)
    if free <= MARGIN:  # hardly anybody is left without the event, whatever the rate is exactly
        return 1
    margin = -math.log(1 - MARGIN / free) / horizon
    return math.ceil((1.96 / margin) ** 2 * rate / mean_follow_up)


def _for_absolute_error(prevalence: float, parameters: int) -> int | None:
    """From the regression of van Smeden et al. over their simulations, which had at most 30 parameters."""
    if parameters > 30:
        return None
    rarer = min(prevalence, 1 - prevalence)
    exponent = -0.508 + 0.259 * math.log(rarer) + 0.504 * math.log(parameters) - math.log(MARGIN)
    return math.ceil(math.exp(exponent / 0.544))
