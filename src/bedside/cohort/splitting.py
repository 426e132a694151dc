"""Who is held out: at random, by site or by date; a patient is on one side only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from bedside.cohort.cohort import Cohort
from bedside.cohort.copies import CHANCE_PAIRS, chance_pairs, row_keys
from bedside.cohort.study import Study
from bedside.errors import StudyError
from bedside.sources import nearest

SITE_SHARE = 0.25
"""Where the study does not name the site to hold out, it is the one whose share of the patients is nearest to this."""

LEAST_FOR_QUARTERS = 40
"""Patients of a class from which on the split is even within quarters of their times as well."""


@dataclass(frozen=True)
class Split:
    """Positions in the cohort of the rows to develop with and of the rows held out.

    A row may be in neither: with ``by`` and ``after``, rows of held-out patients that do not belong to the held-out
    part are used for nothing.
    """

    development: Int[np.ndarray, " development"]
    held_out: Int[np.ndarray, " held"]
    description: str


def split(study: Study, cohort: Cohort) -> Split:
    """Development and held-out rows; the same study and cohort give the same split.

    Rows of one patient stay together, and so do rows that are equal in every value although their patients are
    named differently. At random: patients are drawn within each stratum (a patient with rows of several counts as the
    last of them) by numpy's default generator with the study's seed. A stratum is a class, of each treatment where the
    question is which, and a quarter of its times or amounts where there are any: so both sides were treated alike, are
    followed equally long, and need the same doses. By site: the site named by ``held_out``, else the one with every
    class and treatment whose share of the patients is nearest to a quarter. By date: rows from ``after`` on; earlier
    rows of the same patients are left out.

    Raises
    ------
    StudyError: a class or a treatment would be empty on one side (where there is a time: an event), or there is no such
        site.
    """
    plan = study.validation
    groups = patient_groups(cohort)
    if plan.by is not None:
        chosen, what = _by_site(study, cohort)
    elif plan.after is not None:
        if cohort.time is None:
            raise StudyError("after needs the index date of each row", where=str(study.path))
        chosen = cohort.time >= np.datetime64(plan.after, "D")
        what = f"rows from {plan.after.isoformat()} on"
    else:
        share = plan.holdout or 0.25
        chosen = _at_random(groups, _strata(cohort), share, plan.seed)
        what = f"{share:.4g} of the patients, drawn at random within {_within(cohort)} with seed {plan.seed}"
    return _split(study, cohort, chosen, groups, what)


def patient_groups(cohort: Cohort) -> Int[np.ndarray, " patient"]:
    """A number per row: equal for rows of one patient, and for patients whose rows are equal in every value."""
    _, groups = np.unique(cohort.patient.astype(str), return_inverse=True)
    if chance_pairs(cohort.reading, {}) >= CHANCE_PAIRS:
        return groups.astype(np.int64)
    _, twins = np.unique(row_keys(cohort.reading, {}), return_inverse=True)
    return _joined(groups.astype(np.int64), twins.astype(np.int64))


def _joined(a: Int[np.ndarray, " row"], b: Int[np.ndarray, " row"]) -> Int[np.ndarray, " row"]:
    """The finest grouping in which rows that share a group of `a` or of `b` are together."""
    groups = a.copy()
    while True:
        lowest = np.full(int(b.max()) + 1, len(a) + 1)
        np.minimum.at(lowest, b, groups)
        merged = lowest[b]
        again = np.full(int(a.max()) + 1, len(a) + 1)
        np.minimum.at(again, a, merged)
        merged = again[a]
        if (merged == groups).all():
            return groups
        groups = merged


def _strata(cohort: Cohort) -> Int[np.ndarray, " patient"]:
    """A number per row, ascending with its treatment, its class, and in a class of enough patients its quarter."""
    parts = cohort.outcome
    if cohort.arm is not None:
        parts = parts + (int(parts.max(initial=0)) + 1) * cohort.arm
    numbers = cohort.followed if cohort.amount is None else cohort.amount
    if numbers is None:
        return parts
    strata = 4 * parts
    for code in np.unique(parts).tolist():
        those = numbers[parts == code]
        if len(those) >= LEAST_FOR_QUARTERS:
            strata[parts == code] += np.searchsorted(np.quantile(those, [0.25, 0.5, 0.75]), those)
    return strata


def _within(cohort: Cohort) -> str:
    """The strata, in words."""
    if cohort.amount is not None:
        return "each quarter of the doses" if cohort.arm is None else "each treatment and quarter of its outcomes"
    if cohort.arm is not None:
        times = "" if cohort.followed is None else ", and quarter of its times"
        return f"each outcome of each treatment{times}"
    return "each class" if cohort.followed is None else "each outcome and quarter of its times"


def _at_random(
    groups: Int[np.ndarray, " patient"], outcome: Int[np.ndarray, " patient"], share: float, seed: int
) -> Bool[np.ndarray, " patient"]:
    names, inverse = np.unique(groups, return_inverse=True)
    stratum = np.full(len(names), -1)
    np.maximum.at(stratum, inverse, outcome)
    rng = np.random.default_rng(seed)
    held = np.zeros(len(names), dtype=bool)
    for code in np.unique(stratum).tolist():
        members = rng.permutation(np.flatnonzero(stratum == code))
        # At least one on each side where there are two.
        count = min(max(1, round(share * len(members))), len(members) - 1)
        held[members[:count]] = True
    return np.asarray(held[inverse])


def _by_site(study: Study, cohort: Cohort) -> tuple[Bool[np.ndarray, " patient"], str]:
    plan = study.validation
    if cohort.site is None:
        raise StudyError("by needs a site column", where=str(study.path), remedy="Add site to [data]")
    sites = sorted(set(cohort.site.tolist()))
    if len(sites) < 2:
        raise StudyError(
            f"'{plan.by}' holds one site only",
            where=str(study.path),
            remedy="Hold out a share of the patients: holdout = 0.25",
        )
    name = plan.held_out or _nearest_site(study, cohort, sites)
    if name not in sites:
        where = f"{study.path}, validation.held_out"
        raise StudyError(f"there is no site '{name}'", where=where, remedy=nearest(name, sites))
    return cohort.site == name, f"the site '{name}'"


def _nearest_site(study: Study, cohort: Cohort, sites: Sequence[str]) -> str:
    everyone = len(set(cohort.patient.tolist()))
    distance = {}
    for site in sites:
        here = np.asarray(cohort.site == site)
        if not _lacking(study, cohort, here) and not _lacking(study, cohort, ~here):
            distance[site] = abs(len(set(cohort.patient[here].tolist())) / everyone - SITE_SHARE)
    if not distance:
        raise StudyError(
            f"no site could be held out: none, and all others together, have every {_kinds(study)}",
            where=f"{study.path}, validation.by",
            remedy="Hold out a share of the patients: holdout = 0.25",
        )
    return min(distance, key=lambda site: (distance[site], site))


def _kinds(study: Study) -> str:
    return "class" if study.outcome.treatment is None else "outcome and treatment"


def _lacking(
    study: Study, cohort: Cohort, chosen: Bool[np.ndarray, " patient"] | Int[np.ndarray, " chosen"]
) -> list[str]:
    """What none of the patients has, in words; that everybody had an event is no lack."""
    first = 0 if study.outcome.follow_up is None else 1
    had = set(np.unique(cohort.outcome[chosen]).tolist())
    found = [f"has the outcome '{study.outcome.classes[code]}'" for code in _absent(study.outcome.classes, had, first)]
    if study.outcome.treatment is not None and cohort.arm is not None:
        got = set(np.unique(cohort.arm[chosen]).tolist())
        found += [f"got '{study.outcome.treatment.arms[code]}'" for code in _absent(study.outcome.treatment.arms, got)]
    return found


def _absent(names: Sequence[str], there: set[int], first: int = 0) -> list[int]:
    return [code for code in range(first, len(names)) if code not in there]


def _split(
    study: Study,
    cohort: Cohort,
    chosen: Bool[np.ndarray, " patient"],
    groups: Int[np.ndarray, " patient"],
    what: str,
) -> Split:
    theirs = np.isin(groups, groups[chosen])
    development, held_out = np.flatnonzero(~theirs), np.flatnonzero(chosen)
    for name, index in (("development", development), ("held-out", held_out)):
        lacking = _lacking(study, cohort, index)
        if lacking:
            raise StudyError(
                f"no {name} patient {lacking[0]} with this held out: {what}",
                where=f"{study.path}, validation",
                remedy=f"Hold out others, or more patients of that {_kinds(study).split()[-1]} are needed",
            )
    left_out = int((theirs & ~chosen).sum())
    patients = len(set(cohort.patient[held_out].tolist()))
    remark = f"; {left_out} other rows of these patients are left out" if left_out else ""
    return Split(development, held_out, f"held out: {what} ({len(held_out)} rows of {patients} patients){remark}")
