"""What differs between sites: labels that are inverted, columns that mean something else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.study import Study
from bedside.measures import auroc
from bedside.sources import Schema, Variable

LEAST = 20
"""Patients with a known value needed at a site, and elsewhere, before the site is compared."""

LEAST_CLASS = 10
"""Patients of each side of the outcome needed at a site before its labels are judged."""

EXPECTED = 10
"""Patients whom a category would have at a site if it were as common as elsewhere, before its absence counts."""

UNIT_FACTORS: dict[str, float] = {
    "a decimal power": 10.0,
    "a decimal power (100)": 100.0,
    "a decimal power (1000)": 1000.0,
    "glucose, mmol/L and mg/dL": 18.016,
    "cholesterol, mmol/L and mg/dL": 38.67,
    "triglycerides, mmol/L and mg/dL": 88.57,
    "creatinine, mg/dL and umol/L": 88.42,
    "bilirubin, mg/dL and umol/L": 17.1,
    "calcium, mmol/L and mg/dL": 4.008,
    "urea nitrogen, mmol/L and mg/dL": 2.801,
    "uric acid, mg/dL and umol/L": 59.48,
    "kPa and mm[Hg]": 7.5006,
    "centimetre and inch": 2.54,
    "kilogram and pound": 2.2046,
}
"""Factors between units in which laboratories state the same quantity."""

FACTOR_TOLERANCE = 0.15
"""How far a ratio of medians may be from such a factor; populations differ by about that much themselves."""

RIDGE = 1.0
"""Penalty of the model of the other sites, on standardised columns: enough to keep it finite, too little to bend it."""


def site_findings(study: Study, cohort: Cohort) -> list[Finding]:
    """All findings between sites; none where the study names no site or there is only one."""
    if cohort.site is None:
        return []
    found: list[Finding] = []
    for site in sorted(set(cohort.site.tolist())):
        here = np.asarray(cohort.site == site)
        if here.all():
            continue
        inverted = _inverted(study, cohort, site, here)
        found += [inverted] if inverted is not None else []
        for position, variable in enumerate(study.schema.variables):
            found += _coding(variable, cohort.reading.values[:, position], here, site)
    return found


def _inverted(study: Study, cohort: Cohort, site: str, here: Bool[np.ndarray, " patient"]) -> Finding | None:
    """AUROC at the site of a model of all others, class by class; below .5 with its interval.

    The interval's level is raised with the number of sites (Bonferroni): among 40 sites without any signal, one
    would otherwise be called inverted by chance.
    """
    level = 1 - 0.05 / len(set(cohort.site.tolist() if cohort.site is not None else ()))
    X = encoded(study.schema, cohort.reading.values)
    for code, name in enumerate(study.outcome.classes):
        if len(study.outcome.classes) == 2 and code == 0:
            continue
        case = (cohort.outcome == code).astype(np.int64)
        if min(_smaller(case[here]), _smaller(case[~here])) < LEAST_CLASS:
            continue
        p = ridge_logistic(X[~here], case[~here], X[here])
        area = auroc(case[here], p, level)
        if area.high is not None and area.high < 0.5:
            return Finding(
                code="inverted-labels",
                severity="warning",
                where=f"site {site}",
                text=f"'{name}' looks inverted there: a model of all other sites has an AUROC of {area.value:.2f} "
                f"({level:.1%} interval {area.low:.2f} to {area.high:.2f})",
                remedy="Look up what the outcome's codes mean at each site; one of them may have 0 and 1 swapped",
            )
    return None


def _smaller(case: Int[np.ndarray, " patient"]) -> int:
    return min(int(case.sum()), int((1 - case).sum()))


def encoded(schema: Schema, values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient column"]:
    """Columns for a linear model: numbers, one column per category; what is not known takes the column's mean."""
    columns = []
    for position, variable in enumerate(schema.variables):
        column = values[:, position]
        if variable.kind == "number":
            columns.append(column)
        else:
            known = ~np.isnan(column)
            codes = range(1, len(variable.categories or ()))
            columns += [np.where(known, (column == code).astype(np.float64), np.nan) for code in codes]
    X = np.stack(columns, axis=1)
    known = ~np.isnan(X)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, X, 0.0).sum(axis=0) / counts
    return np.where(known, X, mean)


def ridge_logistic(
    X: Float[np.ndarray, "patient column"], y: Int[np.ndarray, " patient"], X_new: Float[np.ndarray, "new column"]
) -> Float[np.ndarray, " new"]:
    """Probabilities of an L2-penalised logistic regression, for other patients.

    Fitted by Newton's method on standardised columns, in the space of the rows where there are more columns than rows;
    the intercept is not penalised. Source: le Cessie and van Houwelingen, Applied Statistics 1992;41:191-201.
    """
    mean, scale = X.mean(axis=0), X.std(axis=0)
    varied = scale > 0
    Z, Z_new = ((A[:, varied] - mean[varied]) / scale[varied] for A in (X, X_new))
    if Z.shape[1] > Z.shape[0]:
        _, _, basis = np.linalg.svd(Z, full_matrices=False)
        Z, Z_new = Z @ basis.T, Z_new @ basis.T
    Z = np.column_stack([np.ones(len(Z)), Z])
    penalty = np.full(Z.shape[1], RIDGE)
    penalty[0] = 0.0
    beta = np.zeros(Z.shape[1])
    for _ in range(50):
        p = _logistic(Z @ beta)
        gradient = Z.T @ (y - p) - penalty * beta
        curvature = (Z * np.maximum(p * (1 - p), 1e-9)[:, None]).T @ Z + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        # Far from the optimum a full Newton step may overshoot.
        beta = beta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return _logistic(np.column_stack([np.ones(len(Z_new)), Z_new]) @ beta)


def _logistic(x: Float[np.ndarray, " patient"]) -> Float[np.ndarray, " patient"]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def _coding(
    variable: Variable, values: Float[np.ndarray, " patient"], here: Bool[np.ndarray, " patient"], site: str
) -> Iterator[Finding]:
    """How a variable's coding at one site differs from that of the others."""
    known = ~np.isnan(values)
    inside, outside = values[here & known], values[~here & known]
    if len(outside) < LEAST or here.sum() < LEAST:
        return
    texts = list(_emptiness(variable, inside, outside))
    if not texts and len(inside) >= LEAST:
        unused, unit = _unused(variable, inside, outside), _unit(variable, inside, outside)
        texts = [text for text in (unused, unit) if text is not None]
    for code, text in texts:
        yield Finding(
            code=code,
            severity="warning",
            where=f"{variable.name} at site {site}",
            text=text,
            remedy="Look up how the site records it; a model may learn the site in place of the patient",
        )


def _emptiness(
    variable: Variable, inside: Float[np.ndarray, " here"], outside: Float[np.ndarray, " elsewhere"]
) -> Iterator[tuple[str, str]]:
    if not len(inside):
        yield "site-all-missing", f"it is never known there, and known for {len(outside)} patients elsewhere"
    elif len(np.unique(outside)) > 1 and len(np.unique(inside)) == 1 and len(inside) >= LEAST:
        if inside[0] == 0 and variable.kind == "number":
            yield "site-all-zero", "it is 0 for every patient there: perhaps a code for not known"
        elif float((outside == inside[0]).mean()) < 1 - EXPECTED / len(inside):
            yield "site-constant", f"it has one value for all {len(inside)} patients there"


def _unused(
    variable: Variable, inside: Float[np.ndarray, " here"], outside: Float[np.ndarray, " elsewhere"]
) -> tuple[str, str] | None:
    if variable.kind != "category":
        return None
    unused = [
        text
        for code, text in enumerate(variable.categories or ())
        if not (inside == code).any() and float((outside == code).mean()) * len(inside) >= EXPECTED
    ]
    return ("site-category-unused", f"nobody there has {', '.join(map(repr, unused))}") if unused else None


def _unit(
    variable: Variable, inside: Float[np.ndarray, " here"], outside: Float[np.ndarray, " elsewhere"]
) -> tuple[str, str] | None:
    """Medians that differ by a unit's factor while hardly anybody here has a value of the middle half elsewhere."""
    medians = float(np.median(inside)), float(np.median(outside))
    if variable.kind != "number" or min(medians) <= 0:
        return None
    low, high = sorted((inside, outside), key=np.median)
    if np.quantile(low, 0.9) >= np.quantile(high, 0.1):
        return None
    ratio = max(medians) / min(medians)
    named = [name for name, factor in UNIT_FACTORS.items() if abs(ratio / factor - 1) <= FACTOR_TOLERANCE]
    if not named:
        return None
    return "site-unit", f"its median is {medians[0]:.4g} there and {medians[1]:.4g} elsewhere, as between {named[0]}"
