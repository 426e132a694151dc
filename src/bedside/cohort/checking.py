"""The data check: everything that can be said about a cohort before anything is fitted."""

from __future__ import annotations

import msgspec
import numpy as np

from bedside.cohort.cohort import AttritionStep, Cohort, Finding
from bedside.cohort.dose_check import dose_findings
from bedside.cohort.follow_up_check import FollowUpFacts, follow_up_facts, follow_up_findings
from bedside.cohort.leakage import duplicate_findings, identifier_findings, leakage_findings, split_findings
from bedside.cohort.sample_size_check import SampleSizeFacts, outcome_findings, sample_sizes, size_findings
from bedside.cohort.sites import site_findings
from bedside.cohort.splitting import Split
from bedside.cohort.study import Study
from bedside.cohort.treatment_check import treatment_findings
from bedside.sources import Problem

MOSTLY_MISSING = 0.5
"""A variable that is unknown for a larger share tells more about who was measured than about the patient."""

CLASS_GAP = 0.2
"""A difference in missingness between classes from which on it is worth a word (and beyond chance, see below)."""

SKEWED = 2.0
"""Skewness above which a positive variable is better taken on a log scale."""

SHOWN = 20
"""How many variables a finding names."""


class VariableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One predictor over the cohort.

    Attributes
    ----------
    unknown: rows in which it is not known, for whatever reason.
    by_class: class → share of its rows in which it is not known.
    sentinel, implausible: rows with a sentinel code, rows outside the plausible range (both among `unknown`).
    not_callable, other_genotype: rows with a genotype that holds an unknown allele, or that is none of the categories
        (both among `unknown`).
    skewness: third standardised moment of the known values; None for a category or fewer than three known values.
    """

    variable: str
    unknown: int
    share: float
    by_class: dict[str, float]
    sentinel: int
    implausible: int
    skewness: float | None
    not_callable: int = 0
    other_genotype: int = 0


class SiteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One site: rows, patients, rows per class."""

    site: str
    rows: int
    patients: int
    classes: dict[str, int]


class AmountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome that is a number, in `unit`: its quartiles over the rows used."""

    unit: str
    lower_quartile: float
    median: float
    upper_quartile: float


class DataCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the check found; aggregates only.

    Attributes
    ----------
    findings: gravest first.
    attrition: from rows read to rows used.
    rows, patients: used. classes: class → rows.
    split: who is held out, in words.
    missingness: per predictor.
    sites: per site; empty where the study names none.
    sample_size: one per class that counts as an event (one for a binary outcome, and for a prognosis).
    follow_up: how long the patients were followed; None where the question has no time.
    treatments: treatment → rows; empty where the question is not which.
    amounts: an outcome that is a number; None where it is none.
    """

    findings: tuple[Finding, ...]
    attrition: tuple[AttritionStep, ...]
    rows: int
    patients: int
    classes: dict[str, int]
    split: str
    missingness: tuple[VariableFacts, ...]
    sites: tuple[SiteFacts, ...]
    sample_size: tuple[SampleSizeFacts, ...]
    follow_up: FollowUpFacts | None = None
    treatments: dict[str, int] = {}
    amounts: AmountFacts | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def check(study: Study, cohort: Cohort, split: Split) -> DataCheck:
    """Look for leaks, identifiers, copies, differences between sites, missing values and too few patients.

    Leaks, identifiers among the predictors, and patients or copies on both sides are errors, as is a predictor that is
    never known; predictors that the study names in ``leakage_known`` only give a warning, and so does the rest.
    What comes back names no patient, and so may travel in a release.
    """
    facts = tuple(_variable_facts(study, cohort, position) for position in range(len(study.schema.variables)))
    sizes = sample_sizes(study, cohort, split)
    once = cohort.at_first_landmark()
    follow_up = follow_up_facts(study, once)
    findings = [
        *leakage_findings(study, cohort),
        *identifier_findings(study, cohort),
        *split_findings(cohort, split),
        *duplicate_findings(study, cohort, split),
        *site_findings(study, cohort),
        *_missing_findings(study, cohort, facts),
        *_patient_findings(study, cohort),
        *_landmark_findings(study, cohort),
        *outcome_findings(study, cohort, split),
        *size_findings(sizes),
        *follow_up_findings(study, once, follow_up),
        *treatment_findings(study, cohort, split),
        *dose_findings(study, cohort, split),
    ]
    gravity = {"error": 0, "warning": 1, "note": 2}
    return DataCheck(
        findings=tuple(sorted(findings, key=lambda finding: gravity[finding.severity])),
        attrition=cohort.attrition,
        rows=len(cohort),
        patients=_distinct(cohort.patient),
        classes=_classes(study, cohort),
        split=split.description,
        missingness=facts,
        sites=_sites(study, cohort),
        sample_size=sizes,
        follow_up=follow_up,
        treatments=_treatments(study, cohort),
        amounts=_amounts(study, cohort),
    )


def _distinct(texts: np.ndarray) -> int:
    return len(set(texts.tolist()))


def _classes(study: Study, cohort: Cohort) -> dict[str, int]:
    return {name: int((cohort.outcome == code).sum()) for code, name in enumerate(study.outcome.classes)}


def _treatments(study: Study, cohort: Cohort) -> dict[str, int]:
    if study.outcome.treatment is None or cohort.arm is None:
        return {}
    arm = cohort.arm
    return {name: int((arm == code).sum()) for code, name in enumerate(study.outcome.treatment.arms)}


def _amounts(study: Study, cohort: Cohort) -> AmountFacts | None:
    if study.outcome.quantity is None or cohort.amount is None:
        return None
    low, middle, high = np.quantile(cohort.amount, [0.25, 0.5, 0.75]).tolist()
    return AmountFacts(unit=study.outcome.quantity.unit, lower_quartile=low, median=middle, upper_quartile=high)


def _sites(study: Study, cohort: Cohort) -> tuple[SiteFacts, ...]:
    if cohort.site is None:
        return ()
    found = []
    for site in sorted(set(cohort.site.tolist())):
        there = cohort.take(np.asarray(cohort.site == site))
        found.append(
            SiteFacts(site=site, rows=len(there), patients=_distinct(there.patient), classes=_classes(study, there))
        )
    return tuple(found)


def _variable_facts(study: Study, cohort: Cohort, position: int) -> VariableFacts:
    variable = study.schema.variables[position]
    values, problems = cohort.reading.values[:, position], cohort.reading.problems[:, position]
    unknown = np.isnan(values)
    by_class = {}
    for code, name in enumerate(study.outcome.classes):
        rows = cohort.outcome == code
        by_class[name] = float(unknown[rows].mean()) if rows.any() else 0.0
    return VariableFacts(
        variable=variable.name,
        unknown=int(unknown.sum()),
        share=float(unknown.mean()),
        by_class=by_class,
        sentinel=int((problems == Problem.SENTINEL).sum()),
        implausible=int((problems == Problem.IMPLAUSIBLE).sum()),
        skewness=_skewness(values[~unknown]) if variable.kind == "number" else None,
        not_callable=int((problems == Problem.NOT_CALLABLE).sum()),
        other_genotype=int((problems == Problem.OTHER_GENOTYPE).sum()),
    )


def _skewness(values: np.ndarray) -> float | None:
    if len(values) < 3 or np.ptp(values) == 0:
        return None
    centred = values - values.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def _finding(code: str, severity: str, where: str, text: str, remedy: str = "") -> Finding:
    return Finding(code=code, severity=severity, where=where, text=text, remedy=remedy)


def _missing_findings(study: Study, cohort: Cohort, facts: tuple[VariableFacts, ...]) -> list[Finding]:
    found = []
    rows = len(cohort)
    for one in facts:
        if one.unknown == rows:
            text = "it is not known for a single patient"
            found.append(_finding("never-known", "error", one.variable, text, "Drop the predictor"))
            continue
        if one.share > MOSTLY_MISSING:
            text = f"it is not known for {one.share:.0%} of the rows"
            found.append(_finding("mostly-missing", "warning", one.variable, text, "Consider dropping the predictor"))
        if _differs(study, cohort, one):
            text = "how often it is missing differs by outcome: " + ", ".join(
                f"{share:.0%} of '{name}'" for name, share in one.by_class.items()
            )
            remedy = "Ask why: whether it is measured may follow from the diagnosis"
            found.append(_finding("missing-by-outcome", "warning", one.variable, text, remedy))
        if one.implausible:
            text = f"{one.implausible} values lie outside its range and count as missing"
            severity = "warning" if one.implausible > 0.05 * rows else "note"
            found.append(_finding("implausible", severity, one.variable, text, "Check the range and the unit"))
        found += _genotype_findings(one)
    skewed = [one.variable for one in facts if one.skewness is not None and abs(one.skewness) > SKEWED]
    if skewed:
        text = f"skewness beyond {SKEWED:g}; where all values are positive, training takes the logarithm"
        remedy = "scale in [predictors.<variable>] decides otherwise"
        names = ", ".join(skewed[:SHOWN]) + (f" and {len(skewed) - SHOWN} more" if len(skewed) > SHOWN else "")
        found.append(_finding("skewed", "note", names, text, remedy))
    return found


def _genotype_findings(one: VariableFacts) -> list[Finding]:
    found = []
    if one.not_callable:
        text = f"{one.not_callable} genotypes are not callable (an allele is not known) and count as missing"
        found.append(_finding("not-callable", "warning", one.variable, text, "Check how the laboratory writes them"))
    if one.other_genotype:
        text = f"{one.other_genotype} genotypes are none of the categories and count as missing"
        found.append(_finding("other-genotype", "note", one.variable, text, "List those that are frequent enough"))
    return found


def _differs(study: Study, cohort: Cohort, one: VariableFacts) -> bool:
    """A gap between two classes of at least `CLASS_GAP`, and of three standard errors."""
    sizes = _classes(study, cohort)
    if not sizes:
        return False
    shares = sorted(one.by_class.items(), key=lambda item: item[1])
    (low, p), (high, q) = shares[0], shares[-1]
    pooled = one.share * (1 - one.share)
    error = (pooled * (1 / max(sizes[low], 1) + 1 / max(sizes[high], 1))) ** 0.5
    return q - p >= CLASS_GAP and q - p > 3 * error


def _patient_findings(study: Study, cohort: Cohort) -> list[Finding]:
    patients = _distinct(cohort.patient)
    if patients == len(cohort):
        if study.schema.patient is not None:
            return []
        text = "no column names the patient: each row is taken for a patient of its own"
        return [_finding("no-patient-column", "note", "data.patient", text, "Name the column where there is one")]
    text = f"{len(cohort)} rows are of {patients} patients; the rows of a patient stay on one side of the split"
    return [_finding("several-rows-per-patient", "note", study.schema.patient or "rows", text)]


def _landmark_findings(study: Study, cohort: Cohort) -> list[Finding]:
    """How many are at risk at each landmark, and to how many of them something happens by the last horizon."""
    follow_up = study.outcome.follow_up
    if cohort.landmark is None or cohort.followed is None or follow_up is None:
        return []
    found, last = [], follow_up.horizons[-1]
    for landmark in follow_up.landmarks:
        there = cohort.landmark == landmark
        within = there & (cohort.followed <= last)
        counts = [f"{int((cohort.outcome[within] == code).sum())} '{name}'" for code, name in _events(study)]
        text = f"{int(there.sum())} patients are at risk then; within {last:g} {follow_up.unit}: {', '.join(counts)}"
        found.append(_finding("landmark", "note", f"landmark {landmark:g} {follow_up.unit}", text))
    return found


def _events(study: Study) -> list[tuple[int, str]]:
    return list(enumerate(study.outcome.classes))[1:]
