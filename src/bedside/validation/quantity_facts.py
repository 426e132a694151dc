"""What only evidence about treatments and doses holds, as the document has it."""

from __future__ import annotations

import msgspec

from bedside.validation.estimate import Estimate, Measures


class ArmRow(msgspec.Struct, frozen=True, kw_only=True):
    """One arm on the answered patients.

    Attributes
    ----------
    n: patients who had it. recommended: patients to whom the model recommends it. Counts of 1 to 9 are None, and so is
        another that would give one away.
    share: mean share of such patients who get it, as the release takes it. effective: effective sample size.
    """

    arm: str
    n: int | None
    recommended: int | None
    share: float
    effective: float


class Refuted(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to make the evaluation find something where there is nothing to be found.

    Attributes
    ----------
    name: ``"placebo-treatment"`` or ``"random-cause"``. drawn: how often something was drawn anew.
    found: mean over the draws of what should be 0, give or take half the 99 % interval of `actual`, the same on the
        true data. passed: 0 lies between. text: what was done, in a sentence.
    """

    name: str
    drawn: int
    found: Estimate
    actual: float | None
    passed: bool
    text: str


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """Difference of one variable between an arm and the control, in standard deviations: as it is, and weighted."""

    variable: str
    arm: str
    unweighted: float | None
    weighted: float | None


class TreatmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What only evidence on treatments holds.

    Attributes
    ----------
    single: the arm that did best for all development patients. best_single: the one that did best here; told_apart:
        whether it was shown to differ from every other.
    better: whether the rule was shown to be better than the best single arm; else it is one arm for all.
    rows: by arm. refuted: both attempts. balance: the largest differences first.
    """

    single: str
    best_single: str
    told_apart: bool
    better: bool
    rows: tuple[ArmRow, ...]
    refuted: tuple[Refuted, ...]
    balance: tuple[BalanceRow, ...] = ()


class PriorityLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is gained where a growing share of patients gets an arm, those first who are said to gain most."""

    share: tuple[float, ...]
    value: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


class EffectGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Patients of similar predicted effect: n, what was predicted for them, and what was found."""

    n: int
    predicted: float
    found: Estimate


class EffectCurves(msgspec.Struct, frozen=True, kw_only=True):
    """Of the effect of one arm against the control: whether the patients are told apart, and whether it comes true."""

    toc: PriorityLine | None
    qini: PriorityLine | None
    groups: tuple[EffectGroup, ...] = ()


class DoseGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Patients of one band of the therapeutic dose.

    Attributes
    ----------
    band: in words. n: patients. measures: as over all. fixed: of the same dose for everybody.
    comparators: by name, the measures of another rule on the patients for whom it has a dose. All empty for 1 to 9
        patients.
    """

    band: str
    n: int | None
    measures: Measures
    fixed: Measures = {}
    comparators: dict[str, Measures] = {}


class DoseComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Another rule for the dose on the answered patients for whom it has one.

    Attributes
    ----------
    name: in words. n: patients. measures: its own. model: the model's on the same patients. difference: model minus it,
        paired.
    """

    name: str
    n: int
    measures: Measures
    model: Measures
    difference: Measures


class DosingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What only evidence on a dose holds: the rules that it is compared with, and the bands of the therapeutic dose."""

    compared: tuple[DoseComparison, ...]
    bands: tuple[DoseGroup, ...]


class DosePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Patients in one cell of predicted against therapeutic dose, by the cell's lower edges; None for 1 to 9."""

    predicted: float
    observed: float
    n: int | None


class DoseCells(msgspec.Struct, frozen=True, kw_only=True):
    """How many patients have which dose, predicted and therapeutic, in steps of ``step``; empty cells are left out."""

    step: float
    cells: tuple[DosePoint, ...]
