"""The measures of a prognosis: which statistics the evidence holds, by name.

``NAME_at_HORIZON`` is about the risk by that horizon; the bare name is the one at the horizon of the decision. Events
that compete are counted as such everywhere: who had one never has the event that is asked about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside import measures as m
from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.cohort.measure_names import at_horizon
from bedside.errors import DataError
from bedside.measures import Measure
from bedside.release import Course, Manifest
from bedside.validation.band import band_coverage
from bedside.validation.evidence import Estimate, Measures
from bedside.validation.patients import patients_of, several

Statistic = Callable[[], Measure]
REPEATS = 200
"""Resamples behind each interval."""
NOT_DRAWN = ("ici", "d_calibration_p", "band_coverage")
"""Measures whose interval is not the spread over plain resamples, or that have none."""


@dataclass(frozen=True)
class Followed:
    """What the model foretold, and what happened until the end of follow-up.

    Attributes
    ----------
    outcome: 0 where no event was seen, 1 for the one asked about, more for those that compete with it.
    time, entry: of the event or of the end of follow-up; from when on, None: all from 0. In the course's unit.
    probability: cells, see `Course`. classes: of `outcome`, in words.
    threshold: risk at the decision at which one would act; None where none is declared.
    patient: a number per row, equal for rows of one patient; None where each row is a patient of its own.
    whole: whether the curve is known between the horizons too, or only what it is at them.
    abstained: patients without an estimate. seed: of every bootstrap.
    """

    measures: ClassVar[str] = "prognosis"
    positive: ClassVar[int] = 1
    outcome: Int[np.ndarray, " patient"]
    time: Float[np.ndarray, " patient"]
    entry: Float[np.ndarray, " patient"] | None
    probability: Float[np.ndarray, "patient cell"]
    classes: tuple[str, ...]
    course: Course
    threshold: float | None
    abstained: Bool[np.ndarray, " patient"]
    patient: Int[np.ndarray, " patient"] | None = None
    whole: bool = True
    seed: int = 0

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: Bool[np.ndarray, " patient"] | Int[np.ndarray, " chosen"]) -> Followed:
        """The patients of a mask, or of row numbers."""
        return replace(
            self,
            outcome=self.outcome[rows],
            time=self.time[rows],
            entry=None if self.entry is None else self.entry[rows],
            probability=self.probability[rows],
            abstained=self.abstained[rows],
            patient=None if self.patient is None else several(self.patient[rows]),
        )

    def instead(self, probability: Float[np.ndarray, "patient cell"]) -> Followed:
        """The same patients with another model's cells."""
        return replace(self, probability=probability)

    @property
    def answered(self) -> Followed:
        """The patients with an estimate."""
        return self.take(~self.abstained)

    @property
    def as_if_answered(self) -> Followed:
        """The same patients, with what the model would have said of those without an estimate."""
        return replace(self, abstained=np.zeros(len(self), dtype=bool))

    @property
    def estimates(self) -> Float[np.ndarray, "patient horizon"]:
        """Risk of the event that is asked about by each horizon."""
        return np.asarray(self.course.risk(self.probability))

    @cached_property
    def incidence(self) -> Float[np.ndarray, "patient edge"]:
        """Cumulative incidence of the event that is asked about at each edge of the grid."""
        return np.asarray(np.minimum(self.course.incidence(self.probability)[:, 0], 1.0))

    def risk(self, horizon: float) -> Float[np.ndarray, " patient"]:
        """Its risk by one edge of the grid."""
        return np.asarray(self.incidence[:, self.course.edges.index(horizon)])

    @property
    def decisive(self) -> Float[np.ndarray, " patient"]:
        """Its risk by the horizon of the decision."""
        return self.risk(self.course.decision)

    @property
    def known(self) -> tuple[Float[np.ndarray, " patient"], Int[np.ndarray, " patient"]]:
        """Time and event, as `measures` takes them."""
        return self.time, self.outcome

    def count(self, rows: Bool[np.ndarray, " patient"]) -> int:
        """How many patients some rows are of."""
        return int(rows.sum()) if self.patient is None else len(np.unique(self.patient[rows]))

    @property
    def late(self) -> int:
        """How many came under observation after time 0."""
        return 0 if self.entry is None else int(np.sum(self.entry > 0))


def of_release(manifest: Manifest, cohort: Cohort, judgement: Judgement, seed: int) -> Followed:
    """A cohort as a release's judge answered it.

    Raises
    ------
    DataError: the release has no course over time, or the cohort no times.
    """
    outputs, threshold = manifest.outputs, manifest.threshold
    if outputs.course is None or cohort.followed is None or isinstance(threshold, dict):
        raise DataError("a prognosis needs a course over time, times of follow-up, and one threshold", where="manifest")
    return Followed(
        outcome=cohort.outcome,
        time=cohort.followed,
        entry=cohort.entered,
        probability=judgement.columns,
        classes=outputs.classes,
        course=outputs.course,
        threshold=threshold,
        abstained=judgement.abstained,
        patient=patients_of(cohort),
        seed=seed,
    )


def sizes(given: Followed) -> dict[str, int]:
    """Patients, not their rows, with the event asked about, and all others."""
    event, name = given.outcome == given.positive, given.classes[given.positive]
    return {f"with “{name}” seen": given.count(event), f"without “{name}”": given.count(~event)}


def decisions(given: Followed) -> Bool[np.ndarray, "patient 1"]:
    """Whether one would act; without a threshold, whether the event is more likely than not."""
    return given.decisive[:, None] >= (0.5 if given.threshold is None else given.threshold)


def outcome_share(given: Followed) -> Estimate:
    """Share with the event by the horizon of the decision (Aalen-Johansen, with its pointwise band)."""
    return incidence_at(given, given.course.decision)


def incidence_at(given: Followed, horizon: float) -> Estimate:
    """Share with the event by a horizon, whatever the model says."""
    steps = m.aalen_johansen(*given.known, entry=given.entry)
    value = float(steps.at(horizon))
    if given.patient is not None:  # the band takes rows for independent
        return Estimate.of(Measure(value))
    low, high = map(float, steps.limits_at(horizon))
    return Estimate.of(Measure(value, low, high) if math.isfinite(value) else Measure(value))


def _not_defined() -> Measure:
    return Measure(math.nan)


def _d_calibration(given: Followed) -> Measure:
    """The p-value; not defined where a patient has several rows, which the test takes for independent."""
    if given.patient is not None:
        return _not_defined()
    return Measure(m.d_calibration(*given.known, given.incidence, np.array(given.course.edges), given.entry).p)


def _whole(given: Followed, repeats: int) -> dict[str, Statistic]:
    """Measures of the whole course. Without intervals where ``repeats`` is 0."""
    course, entry, seed = given.course, given.entry, given.seed
    drawn: dict[str, Any] = {"seed": seed, "repeats": repeats}
    end = course.horizons[-1]
    uno = partial(m.c_ipcw, *given.known, given.decisive, end, **drawn)
    found: dict[str, Statistic] = {
        # Its weights know nothing of patients who came late: no number is better than a wrong one.
        "c_ipcw": _not_defined if given.late else uno,
        "c_harrell": partial(m.c_harrell, *given.known, given.decisive, entry, **drawn),
    }
    if given.whole:
        grid = np.array(course.edges)
        curves = given.incidence
        found |= {
            "c_antolini": partial(m.c_antolini, *given.known, curves, grid, entry, **drawn),
            "ibs": partial(m.ibs, *given.known, curves, grid, (0.0, end), entry, **drawn),
            "d_calibration_p": partial(_d_calibration, given),
            "band_coverage": partial(band_coverage, given.time, given.outcome, entry, curves, course),
        }
    return found


def _at(given: Followed, horizon: float, repeats: int) -> dict[str, Statistic]:
    """Measures of the risk by one horizon, under the names that stand before ``_at_``."""
    risk, entry = given.risk(horizon), given.entry
    drawn: dict[str, Any] = {"seed": given.seed, "repeats": repeats}
    named = {
        "auc_t": m.auc_t,
        "brier": m.brier_at,
        "observed_over_expected": m.observed_over_expected_at,
        "calibration_slope": m.calibration_slope_at,
        "ici": m.ici_at,
    }
    found: dict[str, Statistic] = {
        name: partial(statistic, *given.known, risk, horizon, entry, **drawn) for name, statistic in named.items()
    }
    if given.threshold is not None:
        found["net_benefit"] = partial(m.net_benefit_at, *given.known, risk, given.threshold, horizon, entry, **drawn)
        for other in ("treat-all", "treat-none"):
            found[f"net_benefit_gain:{other}"] = partial(
                m.net_benefit_difference_at, *given.known, risk, given.threshold, horizon, other, entry, **drawn
            )
    return found


def at(name: str, horizon: float) -> str:
    """``auc_t`` by 365 is ``auc_t_at_365``, ``net_benefit_gain:treat-all`` is ``net_benefit_at_365_gain:treat-all``."""
    base, gain, other = name.partition("_gain:")
    return f"{at_horizon(base, horizon)}{gain}{other}"


def statistics(given: Followed, repeats: int) -> dict[str, Statistic]:
    """Every measure of the answered patients, by name; bare names are those of the decision."""
    found = _whole(given, repeats)
    for horizon in given.course.horizons:
        each = _at(given, horizon, repeats)
        found |= {at(name, horizon): statistic for name, statistic in each.items()}
        if horizon == given.course.decision:
            found |= each
    return found


def _measured(given: Followed, name: str) -> Measure:
    """One measure with its interval; where patients have several rows, from drawing patients whole."""
    if given.patient is None:
        return statistics(given, REPEATS)[name]()

    def drawn(rows: Int[np.ndarray, " drawn"]) -> float:
        return statistics(given.take(rows), 0)[name]().value

    repeats = 0 if split_name(name)[0] in NOT_DRAWN else REPEATS
    return m.bootstrap(drawn, len(given), groups=given.patient, seed=given.seed, repeats=repeats)


def compute(given: Followed, only: Iterable[str] | None = None) -> Measures:
    """Every measure (or `only` those named) over the patients with an estimate.

    Undefined ones (nobody followed so long, no events) are there with the value None.
    """
    given = given.answered
    names, decision = statistics(given, 0), given.course.decision
    wanted = names if only is None else set(only) & set(names)
    own = {name: at(name, decision) if at(name, decision) in names else name for name in wanted}
    found = {name: _measured(given, name) for name in set(own.values())}
    found = {name: found[full] for name, full in own.items()}
    return in_order(found)


LATER = ("c_ipcw", "c_harrell", "auc_t", "brier", "observed_over_expected", "calibration_slope")


def later(given: Followed) -> Measures:
    """What a silent report tells, of each horizon."""
    return compute(given, [name for name in statistics(given, 0) if split_name(name)[0] in LATER])


ORDER = (
    "c_ipcw", "c_harrell", "c_antolini", "auc_t", "ibs", "brier", "observed_over_expected", "calibration_slope", "ici",
    "d_calibration_p", "net_benefit", "net_benefit_gain", "band_coverage", "abstained",
)  # fmt: skip
"""How measures follow each other in the document and the report; bare names come before those at a horizon."""


def split_name(name: str) -> tuple[str, float | None]:
    """The name as it is for the horizon of the decision, and the horizon that it is about; None for a bare name."""
    base, _, rest = name.partition("_at_")
    horizon, gain, other = rest.partition("_gain:")
    return f"{base}{gain}{other}", float(horizon) if horizon else None


def in_order(found: Mapping[str, Measure]) -> Measures:
    """As the document has them."""

    def place(item: tuple[str, Measure]) -> tuple[float, int, str]:
        name, horizon = split_name(item[0])
        base, _, rest = name.partition(":")
        return (-1.0 if horizon is None else horizon, ORDER.index(base), rest)

    return {name: Estimate.of(measure) for name, measure in sorted(found.items(), key=place)}
