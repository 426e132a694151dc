"""What the data check says about treatments: too few, other than the trial says, unlike each other, lost on the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.masks import subgroup_masks
from bedside.cohort.splitting import Split
from bedside.cohort.study import Study, Subgroup, Treatment
from bedside.measures import ranks_by_chance, shares_by_chance, table_by_chance
from bedside.sources import Variable

FEWEST_WITH_A_TREATMENT = 10
"""Development patients with each treatment: two in each of the five folds of training, to tell how they differ."""

CONTRADICTED = 0.001
"""Chance below which a table contradicts that lots were drawn as declared."""

UNUSUAL = 0.05
"""Chance, over all predictors (Bonferroni), below which a difference between a trial's arms is worth a word."""

IMPOSSIBLE = 1e-6
"""The same, below which no trial made the difference, but what was done afterwards."""

LOST = 0.01
"""Chance below which it is no accident that outcomes are missing more often after one treatment."""

LEAST_OF_A_GROUP = 20
"""Patients of a category or a site in whom it is no accident that nobody got a treatment."""

LEAST_EXPECTED = 5.0
"""Patients expected in each cell of a table that is tested; rarer categories are put together (Cochran 1954)."""


def treatment_findings(study: Study, cohort: Cohort, split: Split) -> list[Finding]:
    """What is worth a word about treatments; nothing where the question is not which."""
    treatment = study.outcome.treatment
    if treatment is None or cohort.arm is None:
        return []
    return [
        *_too_few(treatment, cohort, split),
        *_contradicted(treatment, cohort),
        *_unlike(study, treatment, cohort),
        *_lost(treatment, cohort),
        *_never_given(study, treatment, cohort),
        _no_formula(treatment, cohort, split),
    ]


def _too_few(treatment: Treatment, cohort: Cohort, split: Split) -> Iterator[Finding]:
    assert cohort.arm is not None
    for name, count in zip(treatment.arms, _counts(cohort.arm[split.development], treatment), strict=True):
        if count < FEWEST_WITH_A_TREATMENT:
            text = f"{count} patients to develop with got it, and at least {FEWEST_WITH_A_TREATMENT} are needed"
            remedy = "Gather more such patients, hold fewer out, or leave the treatment out of table and study"
            where = f"treatment '{name}'"
            yield Finding(code="few-with-a-treatment", severity="error", where=where, text=text, remedy=remedy)


def _counts(arm: Int[np.ndarray, " patient"], treatment: Treatment) -> Int[np.ndarray, " arm"]:
    return np.bincount(arm, minlength=len(treatment.arms))


def _contradicted(treatment: Treatment, cohort: Cohort) -> Iterator[Finding]:
    """The table against what the protocol says; patients whose outcome is missing count as well."""
    assert cohort.arm is not None
    if treatment.propensity is None:
        return
    counts = _counts(cohort.arm, treatment) + np.array(cohort.without_outcome or 0)
    chance = shares_by_chance(counts, np.array(treatment.propensity))
    if chance < CONTRADICTED:
        seen = ", ".join(
            f"{count / counts.sum():.1%} of the patients got '{name}' and {share:.1%} were to"
            for name, count, share in zip(treatment.arms, counts, treatment.propensity, strict=True)
        )
        text = f"{seen}; chance does that {_rarely(chance)}"
        remedy = "Look it up in the protocol; else patients are missing, or these are no randomised ones"
        yield Finding(
            code="propensity-contradicted", severity="warning", where="outcome.propensity", text=text, remedy=remedy
        )


def _unlike(study: Study, treatment: Treatment, cohort: Cohort) -> Iterator[Finding]:
    """What a trial's arms differ in by more than chance was hardly known when the lots were drawn."""
    if not treatment.randomised or cohort.arm is None:
        return
    tests = 2 * len(study.schema.variables)
    for position, variable in enumerate(study.schema.variables):
        values = cohort.reading.values[:, position]
        chance = min(1.0, tests * min(_by_value(variable, values, cohort.arm), _by_absence(values, cohort.arm)))
        if chance >= UNUSUAL:
            continue
        text = f"it differs between the treatments as chance makes them differ {_rarely(chance)}"
        if chance >= IMPOSSIBLE:
            remedy = "It is adjusted for; if it was measured after the treatment began, drop it"
            severity = "warning" if chance < CONTRADICTED else "note"
            yield Finding(code="differs-by-treatment", severity=severity, where=variable.name, text=text, remedy=remedy)
            continue
        known = variable.name in study.data.leakage_known
        remedy = (
            "The study names it in leakage_known; the report says so"
            if known
            else "Drop it: it was measured after the treatment began, or no lots were drawn (then leave propensity "
            f'out); if it is neither, write leakage_known = ["{variable.name}"] in [data]'
        )
        severity = "warning" if known else "error"
        yield Finding(code="after-treatment", severity=severity, where=variable.name, text=text, remedy=remedy)


def _by_value(variable: Variable, values: Float[np.ndarray, " patient"], arm: Int[np.ndarray, " patient"]) -> float:
    known = ~np.isnan(values)
    if variable.kind == "number":
        return ranks_by_chance(values[known], arm[known])
    return _table(values[known].astype(np.int64), arm[known])


def _by_absence(values: Float[np.ndarray, " patient"], arm: Int[np.ndarray, " patient"]) -> float:
    return _table(np.isnan(values).astype(np.int64), arm)


def _table(level: Int[np.ndarray, " patient"], arm: Int[np.ndarray, " patient"]) -> float:
    """Levels too rare for the test are put together; alone still too rare, they are left out."""
    if not len(level):
        return 1.0
    counts = np.zeros((int(level.max()) + 1, int(arm.max()) + 1), dtype=np.int64)
    np.add.at(counts, (level, arm), 1)
    rare = _rare(counts)
    pooled = np.vstack([counts[~rare], counts[rare].sum(axis=0, keepdims=True)])
    return table_by_chance(pooled[~_rare(pooled)])


def _rare(counts: Int[np.ndarray, "level arm"]) -> Bool[np.ndarray, " level"]:
    shares = counts.sum(axis=0) / max(int(counts.sum()), 1)
    return np.asarray(counts.sum(axis=1) * shares[shares > 0].min(initial=1.0) < LEAST_EXPECTED)


def _rarely(chance: float) -> str:
    if chance < IMPOSSIBLE:
        return "less than once in a million times"
    return f"once in {float(f'{1 / chance:.2g}'):,.0f} times"


def _lost(treatment: Treatment, cohort: Cohort) -> Iterator[Finding]:
    """Where outcomes are missing more often after one treatment, those that are left are not alike any more."""
    lost = cohort.without_outcome
    if not lost or cohort.arm is None:
        return
    kept = _counts(cohort.arm, treatment)
    chance = table_by_chance(np.array([lost, kept]))
    if chance < LOST:
        shares = ", ".join(
            f"{gone / (gone + left):.0%} of those with '{name}'"
            for name, gone, left in zip(treatment.arms, lost, kept.tolist(), strict=True)
            if gone + left
        )
        text = f"the outcome is missing for {shares}; chance does that {_rarely(chance)}"
        remedy = "Ask why: those who are left are no longer alike, and nothing here makes up for that"
        yield Finding(code="lost-by-treatment", severity="warning", where="outcome", text=text, remedy=remedy)


def _never_given(study: Study, treatment: Treatment, cohort: Cohort) -> Iterator[Finding]:
    """Groups in which nobody got a treatment: nothing can be said about it there."""
    assert cohort.arm is not None
    categories = [Subgroup(text=one.name, variable=one.name) for one in study.schema.variables if one.categories]
    for group, there in subgroup_masks(categories, study.schema, cohort.reading, cohort.site):
        counts = _counts(cohort.arm[there], treatment).tolist()
        if sum(counts) < LEAST_OF_A_GROUP:
            continue
        for name, count in zip(treatment.arms, counts, strict=True):
            if count == 0:
                text = f"none of {sum(counts)} patients got '{name}'"
                remedy = "Leave such patients, or the treatment, out of table and study: it cannot be judged for them"
                yield Finding(code="never-given", severity="warning", where=group, text=text, remedy=remedy)


def _no_formula(treatment: Treatment, cohort: Cohort, split: Split) -> Finding:
    """That no criterion is asked, and what is known all the same (Brookes et al., J Clin Epidemiol 2004;57:229-236)."""
    assert cohort.arm is not None
    counts = _counts(cohort.arm[split.development], treatment)
    listed = ", ".join(f"{count} with '{name}'" for name, count in zip(treatment.arms, counts.tolist(), strict=True))
    text = (
        f"to develop with: {listed}. No published formula says how many a rule of treatment needs; a trial just large "
        "enough for its effect needs four times the patients to see that the effect differs as much between patients"
    )
    return Finding(code="no-sample-size", severity="note", where="treatments", text=text)
