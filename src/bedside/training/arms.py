"""The head ``arms``: what is to be expected under each of several treatments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Int

from bedside.cohort import Compared, Scale
from bedside.errors import DataError
from bedside.measures import Measure, dr_scores, policy_gain_over_best
from bedside.measures.interval import mean
from bedside.network import Members
from bedside.preparation import Array, Operations
from bedside.training.bent_effects import fit_bent
from bedside.training.effect_errors import EffectErrors, fit_effect_errors
from bedside.training.folds import mean_over_folds, stratified_folds
from bedside.training.head import ArmFacts, Decided, Floor
from bedside.training.nuisances import FOLDS, cross_fitted, outcome_of

if TYPE_CHECKING:
    from bedside.training.sample import Sample

SLOWER = 0.25
"""Size of the shapes of what arms change, where that of what they have in common is 1. At 1 the network made effects
that are linear a fifth less exact than its floor (simulations of 1,500 patients); at 0.25 as exact, and others hardly
less."""

FEWEST = 20
"""Patients below which an arm is not fitted: four folds of them are 16."""


@dataclass(frozen=True)
class Unchanged:
    """No recalibration: the scores that the model is fitted to are right on average already."""

    parameters: int = 0


@dataclass(frozen=True)
class Treatments:
    """A `Head` with one output, and one column, per arm: the expected outcome under it.

    Attributes
    ----------
    names: of the arms, the control first. kind, until: of the outcome, as in ``bedside.release.Arms``.
    sign: 1 where more is better, else -1.
    declared: a trial's propensities; None: they are estimated.
    limits: between which outcomes lie; infinite where nothing is known.
    centre, scale: mean and standard deviation of the outcome, which logits are counted from and in.
    scales: of the predictors, as the study asks for them.
    """

    names: tuple[str, ...]
    kind: Compared
    sign: float
    declared: tuple[float, ...] | None
    limits: tuple[float, float]
    centre: float
    scale: float
    scales: Mapping[str, Scale]
    floor: Floor
    until: float | None = None
    loss: str = "squared"
    spread: bool = field(default=False, init=False)
    scored: str = field(default="effect_loss", init=False)

    @property
    def arms(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def classes(self) -> int:
        """Of the outcome, where it has any."""
        return 1 if self.kind == "mean" else 2

    @property
    def needed(self) -> tuple[int, ...]:
        """Of a probability both outcomes are needed, of a time the event; of a number none."""
        return {"probability": (0, 1), "mean": (), "restricted-mean": (1,)}[self.kind]

    @property
    def outputs(self) -> int:
        """One logit per arm."""
        return self.arms

    @property
    def shapes(self) -> Float[np.ndarray, "shape output"]:
        """What all arms have in common, and what arms change: that differs less, and is learned more slowly."""
        unit = np.linalg.qr(np.column_stack([np.ones(self.arms), np.eye(self.arms)[:, 1:]]))[0].T
        return np.asarray(np.concatenate([np.ones((1, self.arms)), SLOWER * np.sqrt(self.arms) * unit[1:]]))

    @property
    def width(self) -> int:
        """One expected outcome per arm."""
        return self.arms

    @property
    def tensor(self) -> str:
        """Quantities."""
        return "estimate"

    def strata(self, sample: Sample) -> Int[np.ndarray, " row"]:
        """Arm and outcome together are spread evenly over folds."""
        assert sample.arm is not None
        return np.asarray(sample.arm * self.classes + sample.y)

    def described(self, sample: Sample, names: tuple[str, ...]) -> dict[str, object]:
        """How many had each arm, and what happened to them."""
        assert sample.arm is not None
        counts = np.bincount(sample.y, minlength=self.classes)
        found: dict[str, object] = {
            "arms": {name: int((sample.arm == position).sum()) for position, name in enumerate(self.names)}
        }
        if names:
            found["classes"] = {name: int(count) for name, count in zip(names, counts, strict=True)}
        return found

    def prepared(self, sample: Sample, seed: tuple[int, ...]) -> Sample:
        """With `dr_scores`, whose nuisances were fitted on the patients of other folds.

        Raises
        ------
        DataError: an arm has fewer than `FEWEST` patients, or nobody in it was followed long enough.
        """
        assert sample.arm is not None
        for position, name in enumerate(self.names):
            count = len(np.unique(sample.patient[sample.arm == position]))
            if count < FEWEST:
                raise DataError(
                    f"{count} patients to develop on had {name!r}, and at least {FEWEST} of each arm are needed",
                    where=f"outcome.arms, {name!r}",
                    remedy="Gather more such patients, leave the arm out, or hold fewer patients out",
                )
        outcome = outcome_of(sample.y, sample.amount, sample.followed, sample.arm, self.until)
        fold = stratified_folds(self.strata(sample), sample.patient, FOLDS, np.random.default_rng([*seed, 0]))
        expected, propensity = cross_fitted(
            sample.schema, self.scales, sample.values, sample.arm, outcome, self.declared, self.arms, fold, (*seed, 1)
        )
        expected = np.clip(expected, *self.limits)
        return replace(sample, scores=dr_scores(outcome[0], sample.arm, expected, propensity, outcome[1]))

    def start(self, x: Float[np.ndarray, "row feature"], sample: Sample, floor: Members) -> Members:
        """The floor, or effects that bend, where these err less."""
        bent = fit_bent(x, sample)
        return floor if bent is None else bent.members(x, sample)

    def target(self, sample: Sample) -> Float[np.ndarray, "row arm"]:
        """The scores, in standard deviations of the outcome."""
        assert sample.scores is not None
        return np.asarray((sample.scores - self.centre) / self.scale)

    def taught(self, columns: Float[np.ndarray, "row arm"]) -> Float[np.ndarray, "row arm"]:
        """The same of a teacher's expected outcomes."""
        return np.asarray((columns - self.centre) / self.scale)

    def columns(self, ops: Operations, logits: Array) -> Array:
        """Logits in the unit of the outcome."""
        return logits * ops.constant(np.full(1, self.scale)) + ops.constant(np.full(1, self.centre))

    def calibrated(self, ops: Operations, _: Unchanged, columns: Array) -> Array:
        """Within the limits of the outcome."""
        low, high = self.limits
        if np.isfinite(low):
            columns = ops.maximum(columns, ops.constant(np.full(1, low)))
        return ops.minimum(columns, ops.constant(np.full(1, high))) if np.isfinite(high) else columns

    def sums(self) -> Mapping[str, Float[np.ndarray, "arm sum"]]:
        """None."""
        return {}

    def fit_calibration(self, *_: object) -> Unchanged:
        """None: see `Unchanged`."""
        return Unchanged()

    def calibration_facts(self, _: Unchanged) -> dict[str, object]:
        """None."""
        return {}

    def losses(self, sample: Sample, columns: Float[np.ndarray, "row arm"]) -> Float[np.ndarray, " row"]:
        """Squared distance of what arms change from what the scores say, in variances of the outcome.

        What all arms have in common has no part in it: a model that foretells outcomes better may tell arms apart
        worse. Its mean is, but for a constant, the squared error of effects (Nie and Wager, Biometrika
        2021;108:299-319, choose models of effects by such a loss).
        """
        off = self.target(sample) - self.taught(columns)
        return np.asarray(((off - off.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))

    def difference(
        self,
        sample: Sample,
        one: Float[np.ndarray, "row arm"],
        other: Float[np.ndarray, "row arm"],
        fold: Int[np.ndarray, " row"],
    ) -> Measure:
        """Paired by row; see `mean_over_folds`."""
        return mean_over_folds(self.losses(sample, one) - self.losses(sample, other), fold)

    def measures(self, sample: Sample, columns: Float[np.ndarray, "row arm"]) -> dict[str, Measure]:
        """Mean loss, and what is gained over one arm for all."""
        return {self.scored: mean(self.losses(sample, columns)), "policy_gain": self._gain(sample, columns)}

    def order(self, sample: Sample, columns: Float[np.ndarray, "row arm"]) -> tuple[str, float]:
        """What everybody gains who gets the arm with the best estimate, over the best arm for all."""
        return "policy_gain", self._gain(sample, columns).value

    def _gain(self, sample: Sample, columns: Float[np.ndarray, "row arm"]) -> Measure:
        assert sample.scores is not None
        best = (self.sign * columns).argmax(axis=1)
        better: Literal["higher", "lower"] = "higher" if self.sign > 0 else "lower"
        return policy_gain_over_best(sample.scores, best, better)

    def finish(
        self,
        sample: Sample,
        x: Float[np.ndarray, "row feature"],
        columns: Float[np.ndarray, "row arm"],
        _: float,
        members: Members | None = None,
    ) -> EffectErrors:
        """Standard errors of the differences, and propensities."""
        began = members is not None and members.last is not None and members.linear is not None
        return fit_effect_errors(sample, x, columns, self.declared, fit_bent(x, sample) if began else None)

    def decided(self, sample: Sample, *_: object) -> Decided:
        """The outcome's spread, and the arm that is best for all."""
        assert sample.scores is not None
        means = sample.scores.mean(axis=0)
        single = int((self.sign * means).argmax())
        facts = {
            "expected": dict(zip(self.names, means.tolist(), strict=True)),
            "single": self.names[single],
            "scale": self.scale,
        }
        return Decided((), None, {"effects": facts}, arms=ArmFacts(self.scale, single))
