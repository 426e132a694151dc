"""Leaks: predictors that know the outcome, identifiers among the predictors, patients on both sides of a split."""

from __future__ import annotations

import math
import re

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.copies import CHANCE_PAIRS, chance_pairs, row_keys
from bedside.cohort.dose_check import orders_the_amount
from bedside.cohort.leakage_over_time import knows_the_time
from bedside.cohort.splitting import Split
from bedside.cohort.study import Study
from bedside.measures import auroc
from bedside.sources import Variable, number_in

SEPARATES = 0.995
"""A single predictor with this AUROC: far above what one measurement reaches (breast masses: .976)."""

LEAST = 10
"""Patients with a known value needed in a class before a separation is believed: fewer separate by chance."""

FEW_VALUES = 10
"""A number with at most this many different values is also looked at as a category, whose order need not count."""

ONE_SIDED = 1e-6
"""Chance below which a variable that is known on one side of the outcome only was not recorded by chance there."""

MOST_ARE = 0.75
"""A side with a larger share of the patients is no news: what is asked of infants only is known of no diabetic."""

UNIQUE = 0.95
"""Share of different values above which a column that is named like an identifier is one."""

LEAST_ROWS = 50
"""Rows needed before unique values say that a column without such a name is an identifier."""

_NAMED = re.compile(
    r"(^|[^a-z])(id|ids|uid|uuid|guid|pid|mrn|ssn|nhs|identifier|record|rownames|index|case|accession)([^a-z]|$)"
    r"|(^|[^a-z])(patient|subject|sample|row|case|study|record)[ ._-]?(id|no|nr|num|number|name)?$",
    re.IGNORECASE,
)


def leakage_findings(study: Study, cohort: Cohort) -> list[Finding]:
    """Predictors that alone separate the outcome or repeat it, or whose absence does; an error unless known."""
    found = []
    for position, variable in enumerate(study.schema.variables):
        values = cohort.reading.values[:, position]
        how = (
            knows_the_time(variable, values, cohort, study)
            or orders_the_amount(variable, values, cohort)
            or _separates(variable, values, cohort, study)
            or _tells_the_treatment(variable, values, cohort, study)
        )
        if how is not None:
            known = variable.name in study.data.leakage_known
            found.append(_leak(variable, how, known=known))
    return found


def _leak(variable: Variable, how: str, *, known: bool) -> Finding:
    remedy = (
        "The study names it in leakage_known; the report says so"
        if known
        else "Drop the predictor if it is known only after the outcome, or follows from it; if it is neither, "
        f'write leakage_known = ["{variable.name}"] in [data]'
    )
    return Finding(
        code="leakage", severity="warning" if known else "error", where=variable.name, text=how, remedy=remedy
    )


def _separates(variable: Variable, values: Float[np.ndarray, " patient"], cohort: Cohort, study: Study) -> str | None:
    known = ~np.isnan(values)
    for code, name in enumerate(study.outcome.classes):
        case = (cohort.outcome == code).astype(np.int64)
        if len(study.outcome.classes) == 2 and code == 0:
            continue
        for how in (
            # Who is followed longer has more events: over time the order is judged by `knows_the_time`.
            _by_order(case[known], values[known], variable, name) if cohort.followed is None else None,
            _by_value(case[known], values[known], variable, name),
            _by_absence(case, known, name),
        ):
            if how is not None:
                return how
    return _by_text(variable, values, cohort, study)


def _tells_the_treatment(
    variable: Variable, values: Float[np.ndarray, " patient"], cohort: Cohort, study: Study
) -> str | None:
    """The treatment again, its dose, say; or what is known after one of them only."""
    treatment = study.outcome.treatment
    if treatment is None or cohort.arm is None:
        return None
    known = ~np.isnan(values)
    for code, name in enumerate(treatment.arms):
        case = (cohort.arm == code).astype(np.int64)
        how = (
            _by_order(case[known], values[known], variable, name)
            or _by_value(case[known], values[known], variable, name)
            or _by_absence(case, known, name)
        )
        if how is not None:
            return f"it is the treatment again, or follows from it: {how}"
    return None


def _enough(case: Int[np.ndarray, " patient"]) -> bool:
    return min(int(case.sum()), int((1 - case).sum())) >= LEAST


def _by_order(
    case: Int[np.ndarray, " patient"], values: Float[np.ndarray, " patient"], variable: Variable, name: str
) -> str | None:
    if variable.kind == "category" or not _enough(case):
        return None
    area = _area(case, values)
    if area < SEPARATES:
        return None
    return f"alone it separates '{name}' from the rest: AUROC {area:.4f}"


def _area(case: Int[np.ndarray, " patient"], values: Float[np.ndarray, " patient"]) -> float:
    """AUROC of the values in whichever direction is better."""
    _, ranks = np.unique(values, return_inverse=True)
    value = auroc(case, ranks / max(int(ranks.max(initial=0)), 1)).value
    return max(value, 1 - value)


def _by_value(
    case: Int[np.ndarray, " patient"], values: Float[np.ndarray, " patient"], variable: Variable, name: str
) -> str | None:
    """Every value goes with one side only, or almost: a recoding of the outcome."""
    if not _enough(case):
        return None
    levels, inverse = np.unique(values, return_inverse=True)
    counts = np.bincount(inverse)
    # Rare values are pure by chance; they count only as far as the common ones leave room for.
    if len(levels) < 2 or (variable.kind == "number" and len(levels) > FEW_VALUES) or counts.mean() < LEAST:
        return None
    rate = np.bincount(inverse, weights=case) / counts
    area = _area(case, rate[inverse])
    return f"its values tell '{name}' from the rest: AUROC {area:.4f}" if area >= SEPARATES else None


def _by_absence(case: Int[np.ndarray, " patient"], known: Bool[np.ndarray, " patient"], name: str) -> str | None:
    """Whether the value is there tells the class: always, or because only patients of one side ever have it."""
    if not _enough(case) or known.all() or not known.any():
        return None
    area = _area(case, known.astype(np.float64))
    if area >= SEPARATES:
        return f"whether it is known tells '{name}' from the rest: AUROC {area:.4f}"
    for side, whose in ((1, f"'{name}'"), (0, f"those without '{name}'")):
        among, share = int(known.sum()), float((case == side).mean())
        if share > MOST_ARE or among < LEAST or not (case[known] == side).all():
            continue
        if among * math.log(share) < math.log(ONE_SIDED):
            return f"it is known only for {whose}: {among} patients"
    return None


def _by_text(variable: Variable, values: Float[np.ndarray, " patient"], cohort: Cohort, study: Study) -> str | None:
    """A number that follows the numbers of the outcome column, where that has more of them than there are classes."""
    if variable.kind == "category":
        return None
    texts = cohort.reading.extra[study.outcome.column].tolist()
    numbers = np.array([math.nan if (n := number_in(text or "")) is None else n for text in texts])
    both = ~np.isnan(values) & ~np.isnan(numbers)
    if both.sum() < 2 * LEAST or len(np.unique(numbers[both])) < 3 or np.ptp(values[both]) == 0:
        return None
    correlation = float(np.corrcoef(values[both], numbers[both])[0, 1])
    if abs(correlation) < SEPARATES:
        return None
    return f"it follows the outcome column: correlation {correlation:.4f}"


def identifier_findings(study: Study, cohort: Cohort) -> list[Finding]:
    """Predictors that number or name the rows."""
    found = []
    for position, variable in enumerate(study.schema.variables):
        values = cohort.reading.values[:, position]
        why = _identifies(variable, values[~np.isnan(values)])
        if why is not None:
            known = variable.name in study.data.leakage_known
            found.append(
                Finding(
                    code="identifier",
                    severity="warning" if known else "error",
                    where=variable.name,
                    text=f"it looks like an identifier: {why}",
                    remedy="Drop the predictor; if it names patients, write patient in [data]; if it is a "
                    f'measurement, write leakage_known = ["{variable.name}"]',
                )
            )
    return found


def identifier_name(name: str) -> bool:
    """Whether a column of this name usually names or numbers its rows."""
    return _NAMED.search(name) is not None


def _identifies(variable: Variable, values: Float[np.ndarray, " known"]) -> str | None:
    if len(values) < 20:
        return None
    different = len(np.unique(values)) / len(values)
    named = any(identifier_name(text) for text in (variable.name, variable.column or ""))
    whole = bool((values == np.round(values)).all())
    if named and whole and different >= UNIQUE:
        return f"it is named like one, and {different:.0%} of its values are different"
    if variable.kind == "category":
        return f"nearly every patient has a category of their own ({different:.0%})" if different >= UNIQUE else None
    if not whole or different < 1 or len(values) < LEAST_ROWS:
        return None
    low, high = float(values.min()), float(values.max())
    if high - low + 1 <= 2 * len(values):
        return f"every value is a different whole number, and they run from {low:.0f} to {high:.0f}"
    if low >= 100_000 and len(str(int(low))) == len(str(int(high))):
        return f"every value is a different number of {len(str(int(low)))} digits"
    return None


def split_findings(cohort: Cohort, split: Split) -> list[Finding]:
    """Patients on both sides."""
    left, right = (set(cohort.patient[index].tolist()) for index in (split.development, split.held_out))
    both = np.array([patient in left and patient in right for patient in cohort.patient.tolist()], dtype=bool)
    if not both.any():
        return []
    return [
        Finding(
            code="patient-on-both-sides",
            severity="error",
            where=f"{len(left & right)} patients",
            text=f"they have rows to develop with and rows that are held out: {_rows(cohort, both)}",
            remedy="Split by patient",
        )
    ]


def duplicate_findings(study: Study, cohort: Cohort, split: Split) -> list[Finding]:
    """Rows that are equal in every value although their patients are named differently."""
    _, inverse, counts = np.unique(row_keys(cohort.reading, {}), return_inverse=True, return_counts=True)
    patients = cohort.patient.astype(str)
    several = [g for g in np.flatnonzero(counts > 1).tolist() if len(set(patients[inverse == g].tolist())) > 1]
    if not several:
        return []
    where = f"{len(several)} groups of rows"
    if chance_pairs(cohort.reading, {}) >= CHANCE_PAIRS:
        text = "rows of different patients are equal in every predictor, which so few different values let expect"
        return [Finding(code="equal-rows", severity="note", where=where, text=text)]
    twins = np.isin(inverse, several)
    remedy = "Find out whether they are the same patient, and drop the copies"
    found = [
        Finding(
            code="duplicate-patients",
            severity="warning",
            where=where,
            text=f"equal in every predictor, hardly by chance: {_rows(cohort, twins)}",
            remedy=remedy if study.schema.patient else f"{remedy}; name the patient's column in [data]",
        )
    ]
    across = np.intersect1d(inverse[split.development], inverse[split.held_out])
    across = across[np.isin(across, several)]
    if len(across):
        text = f"copies stand on both sides of the split: {_rows(cohort, np.isin(inverse, across))}"
        where = f"{len(across)} groups of rows"
        found.append(
            Finding(code="duplicates-on-both-sides", severity="error", where=where, text=text, remedy="Drop the copies")
        )
    return found


def _rows(cohort: Cohort, chosen: Bool[np.ndarray, " patient"]) -> str:
    """Row numbers, never names: findings travel in the release."""
    rows = cohort.reading.rows[chosen].tolist()
    return "rows " + ", ".join(str(row) for row in rows[:6]) + (f" and {len(rows) - 6} more" if len(rows) > 6 else "")
