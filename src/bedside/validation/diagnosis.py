"""The measures of a diagnosis, two classes or more: which statistics the evidence holds, by name.

With two classes a measure is that of the positive class. With more, `auroc`, `brier`, `log_loss`, `accuracy` and
`conformal_coverage` have a definition for all classes at once; every other one is the unweighted mean over the classes,
without an interval, and stands beside its parts as ``NAME:CLASS`` (that class against all others). A mean of slopes 0.5
and 1.5 looks perfect, which is why gates on calibration judge the parts (see `gates`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside import measures as m
from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.measures import Measure
from bedside.release import Manifest
from bedside.validation.evidence import Estimate, Measures

Statistic = Callable[[], Measure]


@dataclass(frozen=True)
class Predictions:
    """Probabilities and what happened, of the patients to be judged.

    Attributes
    ----------
    outcome: position of the true class.
    probability: rows sum to 1, columns in the order of `classes`.
    classes: names. positive: position of the class whose risk is reported; None with more than two classes.
    thresholds: class position → risk at which one would act.
    sets: classes in each patient's conformal set; None where there are no sets.
    abstained: patients without an estimate; their probabilities are not used but by `as_if_answered`.
    seed: of every bootstrap.
    """

    measures: ClassVar[str] = "diagnosis"
    outcome: Int[np.ndarray, " patient"]
    probability: Float[np.ndarray, "patient class"]
    classes: tuple[str, ...]
    positive: int | None
    thresholds: Mapping[int, float]
    sets: Bool[np.ndarray, "patient class"] | None
    abstained: Bool[np.ndarray, " patient"]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, mask: Bool[np.ndarray, " patient"]) -> Predictions:
        """The patients of a mask."""
        return replace(
            self,
            outcome=self.outcome[mask],
            probability=self.probability[mask],
            sets=None if self.sets is None else self.sets[mask],
            abstained=self.abstained[mask],
        )

    def instead(self, probability: Float[np.ndarray, "patient class"]) -> Predictions:
        """The same patients with another model's probabilities, which has no conformal sets of its own."""
        return replace(self, probability=probability, sets=None)

    @property
    def estimates(self) -> Float[np.ndarray, "patient class"]:
        """What an answer estimates: the probability of each class."""
        return self.probability

    @property
    def answered(self) -> Predictions:
        """The patients with an estimate."""
        return self.take(~self.abstained)

    @property
    def as_if_answered(self) -> Predictions:
        """The same patients, with what the model would have said of those without an estimate."""
        return replace(self, abstained=np.zeros(len(self), dtype=bool))

    @property
    def reported(self) -> tuple[int, ...]:
        """The class positions that have curves and thresholds of their own."""
        return tuple(range(len(self.classes))) if self.positive is None else (self.positive,)

    def against_others(self, position: int) -> tuple[Int[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
        """1 for patients of one class and 0 for all others, and the probability of that class."""
        return (self.outcome == position).astype(np.int64), self.probability[:, position]


def threshold_positions(
    classes: tuple[str, ...], positive: str | None, threshold: float | Mapping[str, float] | None
) -> dict[int, float]:
    """The declared threshold(s) by class position."""
    if threshold is None:
        return {}
    if isinstance(threshold, Mapping):
        return {classes.index(name): float(value) for name, value in threshold.items()}
    return {} if positive is None else {classes.index(positive): float(threshold)}


def of_release(manifest: Manifest, cohort: Cohort, judgement: Judgement, seed: int) -> Predictions:
    """A cohort as a release's judge answered it."""
    outputs = manifest.outputs
    return Predictions(
        outcome=cohort.outcome,
        probability=judgement.columns,
        classes=outputs.classes,
        positive=None if outputs.positive is None else outputs.classes.index(outputs.positive),
        thresholds=threshold_positions(outputs.classes, outputs.positive, manifest.threshold),
        sets=judgement.sets,
        abstained=judgement.abstained,
        seed=seed,
    )


def sizes(given: Predictions) -> dict[str, int]:
    """Patients of each class."""
    return {f"of class {name}": int(np.sum(given.outcome == position)) for position, name in enumerate(given.classes)}


def outcome_share(given: Predictions) -> Estimate | None:
    """Share of the positive class; None with more than two."""
    if given.positive is None:
        return None
    return Estimate.of(m.wilson(int(np.sum(given.outcome == given.positive)), len(given)))


def decisions(given: Predictions) -> Bool[np.ndarray, "patient alert"] | Int[np.ndarray, "patient 1"]:
    """The alert of each class with a threshold, else the most probable class."""
    P = given.probability
    if not given.thresholds:
        return np.asarray(np.argmax(P, axis=1)[:, None])
    alerts = [P[:, position] >= threshold for position, threshold in sorted(given.thresholds.items())]
    return np.stack(alerts, axis=1)


def one_class(
    y: Int[np.ndarray, " patient"], p: Float[np.ndarray, " patient"], threshold: float | None, seed: int
) -> dict[str, Statistic]:
    """The statistics of one class against all others, by name."""
    found: dict[str, Statistic] = {
        "auroc": partial(m.auroc, y, p),
        "average_precision": partial(m.average_precision, y, p, seed=seed),
        "calibration_intercept": partial(m.calibration_intercept, y, p),
        "calibration_slope": partial(m.calibration_slope, y, p),
        "ici": partial(m.ici, y, p, seed=seed),
    }
    if threshold is not None:
        found |= {
            "net_benefit": partial(m.net_benefit, y, p, threshold),
            "net_benefit_gain:treat-all": partial(m.net_benefit_difference, y, p, threshold, "treat-all"),
            "net_benefit_gain:treat-none": partial(m.net_benefit_difference, y, p, threshold, "treat-none"),
            "sensitivity": partial(m.sensitivity, y, p, threshold),
            "specificity": partial(m.specificity, y, p, threshold),
            "ppv": partial(m.ppv, y, p, threshold),
            "npv": partial(m.npv, y, p, threshold),
        }
    return found


def _whole(given: Predictions) -> dict[str, Statistic]:
    """The statistics that have one definition for any number of classes."""
    y, P = given.outcome, given.probability
    binary = given.positive is not None
    scored = given.against_others(given.positive) if given.positive is not None else (y, P)
    found: dict[str, Statistic] = {
        "brier": partial(m.brier, *scored),
        "log_loss": partial(m.log_loss, *scored),
        "accuracy": partial(m.accuracy, y, np.argmax(P, axis=1)),
    }
    if not binary:
        found["auroc"] = partial(m.auroc_multiclass, y, P)
    if given.sets is not None:
        found["conformal_coverage"] = partial(m.conformal_coverage, y, given.sets)
    return found


def _mean(parts: Iterable[Measure]) -> Measure:
    values = [part.value for part in parts]
    return Measure(float(np.mean(values)) if values else math.nan)


def _by_class(given: Predictions, wanted: Callable[[str], bool]) -> dict[str, Measure]:
    parts: dict[str, dict[str, Measure]] = {}
    for position in given.reported:
        y, p = given.against_others(position)
        for name, statistic in one_class(y, p, given.thresholds.get(position), given.seed).items():
            if wanted(name):
                parts.setdefault(name, {})[given.classes[position]] = statistic()
    found = {name: _mean(part.values()) for name, part in parts.items()}
    for name, part in parts.items():
        found |= {f"{name}:{label}": measure for label, measure in part.items()}
    return found


def compute(given: Predictions, only: Iterable[str] | None = None) -> Measures:
    """Every measure (or `only` those named) over the patients with an estimate.

    Undefined ones (no patients, one class only) are there with the value None. Accuracy takes the most probable class.
    """
    given = given.answered
    chosen = None if only is None else {name.split(":", 1)[0] for name in only}

    def wanted(name: str) -> bool:
        return chosen is None or name.split(":", 1)[0] in chosen

    if given.positive is None:
        found = _by_class(given, wanted)
    else:
        y, p = given.against_others(given.positive)
        statistics = one_class(y, p, given.thresholds.get(given.positive), given.seed)
        found = {name: statistic() for name, statistic in statistics.items() if wanted(name)}
    found |= {name: statistic() for name, statistic in _whole(given).items() if wanted(name)}
    return {name: Estimate.of(measure) for name, measure in _ordered(found)}


LATER = ("auroc", "brier", "calibration_intercept", "calibration_slope")


def later(given: Predictions) -> Measures:
    """What a silent report tells."""
    return compute(given, LATER)


ORDER = (
    "auroc", "average_precision", "brier", "log_loss", "accuracy", "calibration_intercept", "calibration_slope", "ici",
    "net_benefit", "net_benefit_gain", "sensitivity", "specificity", "ppv", "npv", "conformal_coverage", "abstained",
)  # fmt: skip
"""How measures follow each other in the document and the report."""


def _ordered(found: Mapping[str, Measure]) -> list[tuple[str, Measure]]:
    def place(item: tuple[str, Measure]) -> tuple[int, str]:
        base, _, rest = item[0].partition(":")
        return ORDER.index(base), rest.split(":", 1)[0] if base == "net_benefit_gain" else ""

    return sorted(found.items(), key=place)  # stable: the classes keep their order after the whole


def difference(given: Predictions, other: Float[np.ndarray, "patient class"]) -> Measures:
    """AUROC, and with more classes also that of each, minus that of ``other`` on the same answered patients."""
    kept = ~given.abstained
    chosen, other = given.take(kept), other[kept]
    parts = {}
    for position in given.reported:
        y, p = chosen.against_others(position)
        parts[given.classes[position]] = m.auroc_difference(y, p, other[:, position])
    found = {"auroc": _mean(parts.values())} if given.positive is None else {"auroc": next(iter(parts.values()))}
    if given.positive is None:
        found |= {f"auroc:{label}": measure for label, measure in parts.items()}
    return {name: Estimate.of(measure) for name, measure in found.items()}
