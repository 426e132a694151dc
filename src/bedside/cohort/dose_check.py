"""What the data check says about doses: predictors that repeat them, and too few patients."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.splitting import Split
from bedside.cohort.study import Study
from bedside.sources import Variable

SEPARATES = 0.995
"""Share of pairs of patients that a single predictor puts in the order of their outcome: far above any measurement."""

LEAST = 10
"""Patients that a category is judged by."""

MOST_ROWS = 2000
"""Patients whose pairs are compared; of more, as many drawn at random."""

FOR_THE_SPREAD = 234
"""Patients beyond the parameters that tell the spread around a model to 10 %, with 95 % confidence (Riley et al., Stat
Med 2019;38:1262-1275, criterion iii). The other criteria of a number need to assume how well the model will do."""


def orders_the_amount(variable: Variable, values: Float[np.ndarray, " patient"], cohort: Cohort) -> str | None:
    """How a predictor repeats an outcome that is a number, in whatever scale or bands; None where it does not."""
    if cohort.amount is None:
        return None
    known = np.flatnonzero(~np.isnan(values))
    values, amount = values[known], cohort.amount[known]
    if variable.kind == "category":
        values, enough = _by_mean(values.astype(np.int64), amount)
        values, amount = values[enough], amount[enough]
    if len(values) < 2 * LEAST or len(np.unique(values)) < 2:
        return None
    if len(values) > MOST_ROWS:
        drawn = np.random.default_rng(0).choice(len(values), MOST_ROWS, replace=False)
        values, amount = values[drawn], amount[drawn]
    share = _in_order(values, amount)
    if max(share, 1 - share) < SEPARATES:
        return None
    return f"alone it puts {max(share, 1 - share):.1%} of all pairs of patients in the order of the outcome"


def _by_mean(
    level: Int[np.ndarray, " patient"], amount: Float[np.ndarray, " patient"]
) -> tuple[Float[np.ndarray, " patient"], np.ndarray]:
    """Each category as the mean of its amounts, and who is in one of `LEAST` patients."""
    counts = np.bincount(level)
    means = np.bincount(level, weights=amount) / np.maximum(counts, 1)
    return means[level], counts[level] >= LEAST


def _in_order(values: Float[np.ndarray, " patient"], amount: Float[np.ndarray, " patient"]) -> float:
    """Share of the pairs that differ in both and rise together."""
    signs = np.sign(values[:, None] - values[None]) * np.sign(amount[:, None] - amount[None])
    together, apart = int((signs > 0).sum()), int((signs < 0).sum())
    return together / max(together + apart, 1)


def dose_findings(study: Study, cohort: Cohort, split: Split) -> list[Finding]:
    """Where there are fewer patients than tell the spread around a dose, and so its interval; nothing elsewhere."""
    if cohort.amount is None or cohort.arm is not None:
        return []
    parameters = sum(
        1 if variable.kind == "number" else len(variable.categories or ()) - 1 for variable in study.schema.variables
    )
    patients, needed = len(set(cohort.patient[split.development].tolist())), FOR_THE_SPREAD + parameters
    if patients >= needed:
        return []
    text = (
        f"{patients} patients to develop with; to know the spread around the dose to 10 % takes {needed}, for "
        f"{parameters} parameters"
    )
    remedy = "Expect intervals that miss more often than they should: fewer predictors, or more patients"
    return [Finding(code="sample-size", severity="warning", where="the dose", text=text, remedy=remedy)]
