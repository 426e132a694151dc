"""The measures of a choice between treatments: what the rule that serves is worth, by name.

The rule names the arm that a patient's answer recommends; where it recommends none, the arm that did best for all
development patients alike. It is judged by doubly robust scores whose outcome models and propensities are the
release's own columns, learned on development patients only: nothing is fitted on the patients who judge.

``NAME:ARM`` is about one arm for all, ``NAME:current-practice`` about the arms that the patients had, and
``NAME:best-estimate`` about always taking the arm with the best expected outcome. Gains are turned so that above 0 is
better; values and effects are in the unit of the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside import measures as m
from bedside.answering import Judgement
from bedside.cohort import Cohort
from bedside.errors import DataError
from bedside.measures import Measure
from bedside.release import Arms, Manifest
from bedside.validation.evidence import Estimate, Measures
from bedside.validation.patients import patients_of, several

Statistic = Callable[[], Measure]
PRACTICE, BEST = "current-practice", "best-estimate"
"""What is compared beside one arm for all; no arm may be called so."""


@dataclass(frozen=True)
class Treated:
    """What the model expects under each arm, the arm that each patient had, and the outcome.

    Attributes
    ----------
    outcome: position among `classes`; 0 throughout where the outcome is a number. positive: the class asked about.
    y: outcome in its unit: 0 and 1, a number, or the time free of the event up to the horizon.
    weight: against censoring, 0 where the outcome is not known; None: all are known.
    arm: position of the arm that the patient had.
    probability: the graph's columns that the rule reads, see `Arms`. basis: those that the scores are made of.
    values: predictors, each category a column of 0 and 1; nan where unknown. variables: their labels.
    abstained: patients without an estimate. patient: a number per row, equal for rows of one patient; None where each
        row is a patient of its own. seed: of everything drawn.
    """

    measures: ClassVar[str] = "treatment"
    outcome: Int[np.ndarray, " patient"]
    classes: tuple[str, ...]
    positive: int | None
    y: Float[np.ndarray, " patient"]
    weight: Float[np.ndarray, " patient"] | None
    arm: Int[np.ndarray, " patient"]
    probability: Float[np.ndarray, "patient column"]
    basis: Float[np.ndarray, "patient column"]
    values: Float[np.ndarray, "patient variable"]
    variables: tuple[str, ...]
    arms: Arms
    abstained: Bool[np.ndarray, " patient"]
    patient: Int[np.ndarray, " patient"] | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.arm)

    def take(self, rows: Bool[np.ndarray, " patient"] | Int[np.ndarray, " chosen"]) -> Treated:
        """The patients of a mask, or of row numbers."""
        return replace(
            self,
            outcome=self.outcome[rows],
            y=self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            arm=self.arm[rows],
            probability=self.probability[rows],
            basis=self.basis[rows],
            values=self.values[rows],
            abstained=self.abstained[rows],
            patient=None if self.patient is None else several(self.patient[rows]),
        )

    def instead(self, probability: Float[np.ndarray, "patient column"]) -> Treated:
        """The same patients under another model's rule, judged by the same scores."""
        return replace(self, probability=probability)

    @property
    def answered(self) -> Treated:
        """The patients with an estimate."""
        return self.take(~self.abstained)

    @property
    def as_if_answered(self) -> Treated:
        """The same patients, with what the model would have said of those without an estimate.

        But for those who could not have had every arm: nothing can be said of them.
        """
        possible = self.take(np.asarray((self.propensity > 0).all(axis=1)))
        return replace(possible, abstained=np.zeros(len(possible), dtype=bool))

    @property
    def estimates(self) -> Float[np.ndarray, "patient estimate"]:
        """What each arm changes against the control."""
        return self.arms.effects(self.probability)

    @property
    def propensity(self) -> Float[np.ndarray, "patient arm"]:
        """Share of such patients who got each arm, as the scores take it."""
        return self.arms.propensity(self.basis)

    @cached_property
    def scores(self) -> Float[np.ndarray, "patient arm"]:
        """Doubly robust score of each patient under each arm."""
        return m.dr_scores(self.y, self.arm, self.arms.expected(self.basis), self.propensity, self.weight)

    @property
    def recommended(self) -> Int[np.ndarray, " patient"]:
        """The arm recommended; -1 where none is."""
        return self.arms.recommended(self.probability)

    @property
    def chosen(self) -> Int[np.ndarray, " patient"]:
        """The arm of the rule that serves."""
        return np.where(self.recommended < 0, self.arms.single, self.recommended)

    @property
    def best(self) -> Int[np.ndarray, " patient"]:
        """The arm with the best expected outcome."""
        return self.arms.best(self.probability)

    @property
    def practised(self) -> Float[np.ndarray, " patient"]:
        """The outcome under the arm that each patient had; of one that is not known, what is expected.

        Corrected by the weight of those like it whose outcome is known, as a score is (Robins and Rotnitzky, 1992).
        """
        expected = self.arms.expected(self.basis)[np.arange(len(self)), self.arm]
        if self.weight is None:
            return self.y
        known = self.weight > 0
        return np.asarray(expected + np.where(known, self.weight * (self.y - expected), 0.0))


def of_release(manifest: Manifest, cohort: Cohort, judgement: Judgement, seed: int) -> Treated:
    """A cohort as a release's judge answered it.

    Raises
    ------
    DataError: the release does not compare arms, the cohort has none, nobody got one of the arms, or nobody of an arm
        was followed long enough.
    """
    outputs = manifest.outputs
    arms = outputs.arms
    if arms is None or cohort.arm is None:
        raise DataError("a treatment needs columns of arms, and the arm that each patient had", where="manifest")
    taken = [name for name in arms.arms if name in (PRACTICE, BEST)]
    if taken:
        raise DataError(f"an arm is called {taken[0]!r}, which means something else here", where="manifest")
    _refuse_without(arms, cohort.arm)
    y, weight = _known(arms, outputs.classes, outputs.positive, cohort)
    return Treated(
        outcome=cohort.outcome,
        classes=outputs.classes,
        positive=None if outputs.positive is None else outputs.classes.index(outputs.positive),
        y=y,
        weight=weight,
        arm=cohort.arm,
        probability=judgement.columns,
        basis=judgement.columns,
        **_predictors(manifest, cohort),
        arms=arms,
        abstained=judgement.abstained,
        patient=patients_of(cohort),
        seed=seed,
    )


def _refuse_without(arms: Arms, arm: Int[np.ndarray, " patient"]) -> None:
    """What an arm that nobody got is worth would be the model's own word, with an interval."""
    without = [name for place, name in enumerate(arms.arms) if not (arm == place).any()]
    if without:
        raise DataError(
            f"nobody among these {len(arm)} patients got {' or '.join(repr(name) for name in without)}",
            where=f"the column '{arms.column}'",
            remedy="A rule is judged on patients with each of its treatments",
        )


def _known(
    arms: Arms, classes: tuple[str, ...], positive: str | None, cohort: Cohort
) -> tuple[Float[np.ndarray, " patient"], Float[np.ndarray, " patient"] | None]:
    """Outcome in its unit, and the weight against censoring (Kaplan-Meier in each arm of these patients)."""
    if arms.kind == "probability" and positive is not None:
        return (cohort.outcome == classes.index(positive)).astype(np.float64), None
    if arms.kind == "mean" and cohort.amount is not None:
        return cohort.amount.astype(np.float64), None
    if arms.until is None or cohort.followed is None or cohort.arm is None:
        raise DataError(f"the outcome of these patients is no {arms.kind}", where="manifest")
    return m.restricted_mean_outcome(cohort.followed, cohort.outcome, arms.until, cohort.arm)


def _predictors(manifest: Manifest, cohort: Cohort) -> dict[str, Any]:
    """Numbers as they are, and each category as 0 and 1."""
    columns: list[np.ndarray] = []
    names: list[str] = []
    for place, variable in enumerate(manifest.schema.variables):
        own = cohort.reading.values[:, place]
        if variable.kind == "number":
            columns, names = [*columns, own], [*names, variable.label]
            continue
        for code, name in enumerate(variable.categories or ()):
            columns.append(np.where(np.isnan(own), np.nan, own == code))
            names.append(f"{variable.label} = {name}")
    return {"values": np.column_stack(columns), "variables": tuple(names)}


def sizes(given: Treated) -> dict[str, int]:
    """Patients, not their rows, of each arm."""
    of = given.patient if given.patient is not None else np.arange(len(given))
    return {f"with {name}": len(np.unique(of[given.arm == place])) for place, name in enumerate(given.arms.arms)}


def outcome_share(given: Treated) -> Estimate | None:
    """Share of the positive class; None where the outcome is a number or a time."""
    if given.arms.kind != "probability":
        return None
    return Estimate.of(m.current_practice(given.y, groups=given.patient))


def leading_effect(given: Treated) -> tuple[Float[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
    """Of each patient, the gain over the control by the other arm that is expected to be best: its score, and the gain.

    With two arms that is the one effect there is (Sverdrup, Wu, Athey and Wager, 2023, for more).
    """
    gains = given.arms.sign * given.estimates
    rows, best = np.arange(len(given)), np.argmax(gains, axis=1)
    scores = given.arms.sign * (given.scores[rows, best + 1] - given.scores[:, 0])
    return scores, gains[rows, best]


def decisions(given: Treated) -> Int[np.ndarray, "patient 1"]:
    """The recommendation; -1 where there is none."""
    return given.recommended[:, None]


def _beside(given: Treated, column: Float[np.ndarray, " patient"]) -> tuple[Float[np.ndarray, "patient arm"], int]:
    """The scores with one more column, and its number: a rule is held against it as against an arm."""
    return np.column_stack([given.scores, column]), len(given.arms.arms)


def _values(given: Treated, named: Mapping[str, Any]) -> dict[str, Statistic]:
    """What each way to choose arms is worth."""
    n, scores = len(given), given.scores
    found: dict[str, Statistic] = {
        "policy_value": partial(m.policy_value, scores, given.chosen, **named),
        f"policy_value:{BEST}": partial(m.policy_value, scores, given.best, **named),
    }
    for place, name in enumerate(given.arms.arms):
        found[f"policy_value:{name}"] = partial(m.policy_value, scores, np.full(n, place), **named)
    wider, place = _beside(given, given.practised)
    found[f"policy_value:{PRACTICE}"] = partial(m.policy_value, wider, np.full(n, place), **named)
    return found


def _gains(given: Treated, named: Mapping[str, Any]) -> dict[str, Statistic]:
    """How much better the rule is than the best single arm, than each, than current practice and the best estimate."""
    scores, chosen, better = given.scores, given.chosen, given.arms.better
    found: dict[str, Statistic] = {"policy_gain": partial(m.policy_gain_over_best, scores, chosen, better, **named)}
    for place, name in enumerate(given.arms.arms):
        found[f"policy_gain:{name}"] = partial(m.policy_gain, scores, chosen, place, better, **named)
    others = {PRACTICE: given.practised, BEST: scores[np.arange(len(given)), given.best]}
    for name, column in others.items():
        wider, place = _beside(given, column)
        found[f"policy_gain:{name}"] = partial(m.policy_gain, wider, chosen, place, better, **named)
    return found


def _recommended(given: Treated) -> Measure:
    """Share with a recommendation; rows of one patient are no news of each other, so there is no interval then."""
    share = m.wilson(int(np.sum(given.recommended >= 0)), len(given))
    return share if given.patient is None else Measure(share.value)


PARTS = 5
FEWEST_IN_PART = 10


def parts(given: Treated) -> int:
    """Groups of similar expected effect that these patients are enough for."""
    return max(1, min(PARTS, len(given) // FEWEST_IN_PART))


def _effects(given: Treated, named: Mapping[str, Any]) -> dict[str, Statistic]:
    """Whether the effects tell patients apart, and come true."""
    leading = leading_effect(given)
    error = partial(m.effect_calibration_error, *leading, parts(given), seed=given.seed, **named)
    return {
        "autoc": partial(m.autoc, *leading, **named),
        "qini": partial(m.qini, *leading, **named),
        "effect_slope": partial(m.effect_calibration_slope, *leading, **named),
        "effect_calibration": error,
    }


def _e_value(given: Treated, place: int) -> Measure:
    """What it takes to explain an average effect away; its lower limit is that of the interval's near end."""
    if given.arms.kind == "probability":
        ratio = m.risk_ratio(given.scores, place, 0, groups=given.patient)
    else:
        effect = m.average_effect(given.scores, place, 0, groups=given.patient)
        ratio = m.ratio_from_difference(effect, given.arms.scale)
    found = m.e_value(ratio)
    return Measure(found.point, found.limit) if np.isfinite(found.limit) else Measure(found.point)


def _least_e_value(given: Treated) -> Measure:
    """That of the arm whose effect is explained away most easily."""
    found = [_e_value(given, place) for place in range(1, len(given.arms.arms))]
    return min(found, key=lambda one: one.value if one.defined else -np.inf)


def effective_sizes(given: Treated) -> Float[np.ndarray, " arm"]:
    """Effective sample size of each arm."""
    return m.effective_sample_sizes(given.arm, given.propensity, given.weight)


def imbalances(given: Treated) -> dict[tuple[str, str], tuple[float, float]]:
    """Standardised difference of each predictor between each arm and the control: as they are, and weighted."""
    found = {}
    for place, arm in enumerate(given.arms.arms[1:], start=1):
        plain, weighted = (
            m.standardised_differences(given.values, given.arm, place, 0, propensity)
            for propensity in (None, given.propensity)
        )
        for variable, pair in zip(given.variables, zip(plain.tolist(), weighted.tolist(), strict=True), strict=True):
            found[variable, arm] = pair
    return found


def _largest_imbalance(given: Treated) -> Measure:
    left = [abs(weighted) for _, weighted in imbalances(given).values() if np.isfinite(weighted)]
    return Measure(max(left, default=float("nan")))


def overlapping(given: Treated) -> Measure:
    """Share of all patients, answered or not, for whom every arm is judged."""
    poor = m.poor_overlap(np.clip(given.propensity, 1e-12, 1.0), given.arms.overlap)
    if poor.low is None or poor.high is None or given.patient is not None:
        return Measure(1.0 - poor.value)
    return Measure(1.0 - poor.value, 1.0 - poor.high, 1.0 - poor.low)


def statistics(given: Treated) -> dict[str, Statistic]:
    """Every measure of the answered patients, by name."""
    named: dict[str, Any] = {"groups": given.patient}
    found = {**_gains(given, named), **_values(given, named)}
    for place, name in enumerate(given.arms.arms[1:], start=1):
        found[f"average_effect:{name}"] = partial(m.average_effect, given.scores, place, 0, **named)
    found |= _effects(given, named)
    found["effective_sample_size"] = lambda: Measure(float(effective_sizes(given).min()))
    found["balance"] = partial(_largest_imbalance, given)
    found["e_value"] = partial(_least_e_value, given)
    found["recommended"] = partial(_recommended, given)
    return found


def compute(given: Treated, only: Iterable[str] | None = None) -> Measures:
    """Every measure (or `only` those named, with their parts) over the patients with an estimate."""
    everybody, given = given, given.answered
    asked = None if only is None else {name.split(":", 1)[0] for name in only}
    known: dict[str, Statistic] = {**statistics(given), "overlap": partial(overlapping, everybody)}
    found = {name: statistic() for name, statistic in known.items() if asked is None or name.split(":", 1)[0] in asked}
    return in_order(found)


ORDER = (
    "policy_gain", "policy_value", "average_effect", "autoc", "qini", "effect_slope", "effect_calibration", "e_value",
    "recommended", "overlap", "effective_sample_size", "balance", "abstained",
)  # fmt: skip
"""How measures follow each other in the document and the report."""


def in_order(found: Mapping[str, Measure]) -> Measures:
    """As the document has them: parts follow their whole."""
    ordered = sorted(found.items(), key=lambda item: ORDER.index(item[0].split(":", 1)[0]))
    return {name: Estimate.of(measure) for name, measure in ordered}


def difference(given: Treated, other: Float[np.ndarray, "patient column"]) -> Measures:
    """How much better the rule is than another model's, on the same answered patients and by the same scores."""
    kept = ~given.abstained
    first, second = given.take(kept), given.instead(other).take(kept)
    wider, place = _beside(first, first.scores[np.arange(len(first)), second.chosen])
    gain = m.policy_gain(wider, first.chosen, place, first.arms.better, groups=first.patient)
    return {"policy_gain": Estimate.of(gain)}


def lost(given: Treated, other: Float[np.ndarray, "patient column"]) -> float | None:
    """What another model's rule loses against this one, in standard deviations of the outcome."""
    gain = difference(given, other)["policy_gain"].value
    return None if gain is None else gain / given.arms.scale
