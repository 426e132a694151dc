"""The measures of a dose: how near it is to the therapeutic one, in all, per band of it, and beside other rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside import measures as m
from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.errors import DataError
from bedside.measures import Measure
from bedside.privacy import suppressed
from bedside.release import Dose, Manifest
from bedside.validation.estimate import FEW, Estimate, Measures
from bedside.validation.evidence import Curves
from bedside.validation.patients import patients_of, several
from bedside.validation.quantity_facts import DoseCells, DoseComparison, DoseGroup, DosePoint, DosingFacts

ORDER = ("mae", "within_tolerance", "bias", "r2", "interval_coverage", "abstained")
"""How measures follow each other in the document and the report."""
OF_A_RULE = ("mae", "within_tolerance", "bias", "r2")
"""Those of a rule that gives a dose without an interval."""
BANDS = 3
STEPS = 12
"""Of the plot of predicted against therapeutic dose, along each side."""


@dataclass(frozen=True)
class Dosed:
    """Predicted and therapeutic doses.

    Attributes
    ----------
    outcome, classes, positive: none; the outcome is `amount`, the therapeutic dose.
    probability: the graph's columns, see `Dose`. comparators: doses of other rules by name, nan where one gives none.
    abstained: patients without an estimate. patient: a number per row, equal for rows of one patient; None where each
        row is a patient of its own. seed: as everywhere; nothing here is drawn.
    """

    measures: ClassVar[str] = "dose"
    classes: ClassVar[tuple[str, ...]] = ()
    positive: ClassVar[int | None] = None
    outcome: Int[np.ndarray, " patient"]
    amount: Float[np.ndarray, " patient"]
    probability: Float[np.ndarray, "patient column"]
    dose: Dose
    abstained: Bool[np.ndarray, " patient"]
    comparators: Mapping[str, Float[np.ndarray, " patient"]] = field(default_factory=dict)
    patient: Int[np.ndarray, " patient"] | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.amount)

    def take(self, rows: Bool[np.ndarray, " patient"] | Int[np.ndarray, " chosen"]) -> Dosed:
        """The patients of a mask, or of row numbers."""
        return replace(
            self,
            outcome=self.outcome[rows],
            amount=self.amount[rows],
            probability=self.probability[rows],
            abstained=self.abstained[rows],
            comparators={name: doses[rows] for name, doses in self.comparators.items()},
            patient=None if self.patient is None else several(self.patient[rows]),
        )

    def instead(self, probability: Float[np.ndarray, "patient column"]) -> Dosed:
        """The same patients with another model's doses."""
        return replace(self, probability=probability)

    @property
    def answered(self) -> Dosed:
        """The patients with an estimate."""
        return self.take(~self.abstained)

    @property
    def as_if_answered(self) -> Dosed:
        """The same patients, with what the model would have said of those without an estimate."""
        return replace(self, abstained=np.zeros(len(self), dtype=bool))

    @property
    def estimates(self) -> Float[np.ndarray, "patient estimate"]:
        """The dose."""
        return self.predicted[:, None]

    @property
    def predicted(self) -> Float[np.ndarray, " patient"]:
        """The dose."""
        return self.dose.dose(self.probability)


def of_release(manifest: Manifest, cohort: Cohort, judgement: Judgement, seed: int) -> Dosed:
    """A cohort as a release's judge answered it.

    Raises
    ------
    DataError: the release gives no dose, or the cohort has none.
    """
    dose = manifest.outputs.dose
    if dose is None or cohort.amount is None:
        raise DataError("a dose needs its columns, and each patient's therapeutic dose", where="manifest")
    return Dosed(
        outcome=cohort.outcome,
        amount=cohort.amount,
        probability=judgement.columns,
        dose=dose,
        abstained=judgement.abstained,
        comparators=dict(cohort.comparators),
        patient=patients_of(cohort),
        seed=seed,
    )


def sizes(given: Dosed) -> dict[str, int]:
    """Patients, not their rows."""
    return {"patients": len(given) if given.patient is None else len(np.unique(given.patient))}


def decisions(given: Dosed) -> Bool[np.ndarray, "patient 1"]:
    """Whether the dose is within tolerance of the therapeutic one."""
    off = np.abs(given.predicted - given.amount)
    return np.asarray(off <= given.dose.tolerance * given.amount)[:, None]


def _share(given: Dosed, share: Measure) -> Measure:
    """Without an interval where patients have several rows: Wilson's takes rows for independent."""
    return share if given.patient is None else Measure(share.value)


def _rule(given: Dosed, doses: Float[np.ndarray, " patient"]) -> dict[str, Callable[[], Measure]]:
    """Measures of a rule's doses."""
    named: dict[str, Any] = {"groups": given.patient}
    pair = (given.amount, doses)
    return {
        "mae": partial(m.mae, *pair, **named),
        "within_tolerance": lambda: _share(given, m.within_tolerance(*pair, given.dose.tolerance)),
        "bias": partial(m.mean_error, *pair, **named),
        "r2": partial(m.r_squared, *pair, **named),
    }


def compute(given: Dosed, only: Iterable[str] | None = None) -> Measures:
    """Every measure (or `only` those named) over the patients with an estimate."""
    given = given.answered
    limits = given.dose.interval(given.probability)
    found = _rule(given, given.predicted)
    found["interval_coverage"] = lambda: _share(given, m.interval_coverage(given.amount, *limits))
    wanted = found if only is None else set(only) & set(found)
    return {name: Estimate.of(found[name]()) for name in ORDER if name in wanted}


def _of_rule(given: Dosed, doses: Float[np.ndarray, " patient"]) -> Measures:
    return {name: Estimate.of(statistic()) for name, statistic in _rule(given, doses).items()}


def _difference(given: Dosed, doses: Float[np.ndarray, " patient"]) -> Measures:
    apart = m.mae_difference(given.amount, given.predicted, doses, groups=given.patient)
    return {"mae": Estimate.of(apart)}


def difference(given: Dosed, other: Float[np.ndarray, "patient column"]) -> Measures:
    """Mean absolute error minus that of another model's doses on the same answered patients; below 0 is better."""
    kept = ~given.abstained
    return _difference(given.take(kept), given.dose.dose(other)[kept])


def lost(given: Dosed, other: Float[np.ndarray, "patient column"]) -> float | None:
    """What another model's doses lose of the share within tolerance."""
    first, second = (compute(one, ("within_tolerance",))["within_tolerance"] for one in (given, given.instead(other)))
    return None if first.value is None or second.value is None else first.value - second.value


def beyond(given: Dosed) -> dict[str, Any]:
    """The rules that it is compared with and the bands of the dose, as a field of `Evidence`."""
    given = given.answered
    if not len(given):
        return {}
    fixed = np.full(len(given), np.median(given.amount))
    rules = {f"the same dose for everybody ({fixed[0]:.4g} {given.dose.unit}, their median)": fixed}
    rules |= dict(given.comparators)
    compared = [one for name, doses in rules.items() if (one := _compared(given, name, doses)) is not None]
    return {"dosing": DosingFacts(compared=tuple(compared), bands=_bands(given, fixed))}


def _compared(given: Dosed, name: str, doses: Float[np.ndarray, " patient"]) -> DoseComparison | None:
    """One rule on the patients for whom it has a dose; None where they are few."""
    has = np.isfinite(doses)
    if suppressed(int(has.sum()), FEW):
        return None
    own, doses = given.take(has), doses[has]
    return DoseComparison(
        name=name,
        n=len(own),
        measures=_of_rule(own, doses),
        model=_of_rule(own, own.predicted),
        difference=_difference(own, doses),
    )


def _bands(given: Dosed, fixed: Float[np.ndarray, " patient"]) -> tuple[DoseGroup, ...]:
    """Thirds of the therapeutic dose, in these patients: low doses, usual ones, high ones."""
    cuts = np.unique(np.quantile(given.amount, np.arange(1, BANDS) / BANDS))
    place = np.searchsorted(cuts, given.amount, side="right")
    unit = given.dose.unit
    names = [f"below {cuts[0]:.4g} {unit}"]
    names += [f"{low:.4g} to {high:.4g} {unit}" for low, high in pairwise(cuts)]
    names += [f"{cuts[-1]:.4g} {unit} and more"]
    return tuple(_band(given, fixed, name, place == number) for number, name in enumerate(names))


def _band(
    given: Dosed, fixed: Float[np.ndarray, " patient"], name: str, rows: Bool[np.ndarray, " patient"]
) -> DoseGroup:
    if suppressed(int(rows.sum()), FEW):
        return DoseGroup(band=name, n=None, measures={})
    own = given.take(rows)
    others = {}
    for rule, doses in own.comparators.items():
        has = np.isfinite(doses)
        if not suppressed(int(has.sum()), FEW):
            others[rule] = _of_rule(own.take(has), doses[has])
    return DoseGroup(band=name, n=len(own), measures=compute(own), fixed=_of_rule(own, fixed[rows]), comparators=others)


def curves(given: Dosed, floor: Float[np.ndarray, "patient column"] | None = None) -> Curves:  # noqa: ARG001
    """Predicted against therapeutic doses of the answered patients, counted in cells: no point is one patient."""
    given = given.answered
    if not len(given):
        return Curves()
    highest = float(max(given.amount.max(), given.predicted.max()))
    step = float(f"{highest / STEPS:.1g}")
    cells = np.floor(np.column_stack([given.predicted, given.amount]) / step).astype(np.int64)
    places, counts = np.unique(cells, axis=0, return_counts=True)
    return Curves(
        doses=DoseCells(
            step=step,
            cells=tuple(
                DosePoint(predicted=step * x, observed=step * y, n=None if suppressed(n, FEW) else n)
                for (x, y), n in zip(places.tolist(), counts.tolist(), strict=True)
            ),
        )
    )
