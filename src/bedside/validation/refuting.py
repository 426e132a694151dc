"""Attempts to make the evaluation of a rule find something where there is nothing to be found.

Both take the evaluation as it is and put something known to be empty into it. Where it finds something all the same,
its scores say what the model says, and not what happened: most often because the arms did not come about as the
release takes it (`Arms.propensity`). Then no other figure can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from bedside import measures as m
from bedside.measures import Measure
from bedside.validation.estimate import Estimate
from bedside.validation.quantity_facts import Refuted
from bedside.validation.treatment import Treated, leading_effect

DRAWS = 200
ROUNDS = 50
"""Of swaps before the arms count as drawn anew."""
LEVEL = 0.99
"""What is found must lie within the interval at this level that the same figure has on the true data."""


def permuted_arms(
    arm: Int[np.ndarray, " patient"], propensity: Float[np.ndarray, "patient arm"], rng: np.random.Generator
) -> Int[np.ndarray, " patient"]:
    """The same arms dealt out anew: as often each, and to each patient as likely as the propensities say.

    Pairs of patients change arms again and again, with the odds that the propensities give: the conditional
    permutation test's sampler (Berrett, Wang, Barber and Samworth, J R Stat Soc B 2020;82:175-197, algorithm 1). Where
    everybody has the same propensities, that is a plain permutation.
    """
    arm, half = arm.copy(), len(arm) // 2
    for _ in range(ROUNDS):
        order = rng.permutation(len(arm))
        one, other = order[:half], order[half : 2 * half]
        kept = propensity[one, arm[one]] * propensity[other, arm[other]]
        changed = propensity[one, arm[other]] * propensity[other, arm[one]]
        swap = rng.random(half) * (kept + changed) < changed
        first, second = one[swap], other[swap]
        arm[first], arm[second] = arm[second], arm[first]
    return arm


def placebo(given: Treated, arm: int) -> Refuted:
    """The rule's gain over one arm for all, with the patients' arms dealt out anew: then no arm does anything."""

    def gain(one: Treated) -> Measure:
        return m.policy_gain(one.scores, given.chosen, arm, given.arms.better, groups=given.patient, level=LEVEL)

    def dealt(rng: np.random.Generator) -> Treated:
        return replace(given, arm=permuted_arms(given.arm, given.propensity, rng))

    return _refuted(
        "placebo-treatment",
        given,
        gain,
        dealt,
        f"The patients' treatments were dealt out anew among them, so that none has an effect; the rule's gain over "
        f"{given.arms.arms[arm]} for all must vanish.",
    )


def random_cause(given: Treated) -> Refuted:
    """How well the effects rank the patients, with each patient's taken from another: then nothing tells them apart.

    What the model expects goes into the scores too, so that these would show an echo of the model.
    """
    several = len(given.arms.arms)

    def area(one: Treated) -> Measure:
        return m.autoc(*leading_effect(one), groups=given.patient, level=LEVEL)

    def strangers(rng: np.random.Generator) -> Treated:
        other = rng.permutation(len(given))
        basis = np.concatenate([given.basis[other, :several], given.basis[:, several:]], axis=1)
        return replace(given, probability=given.probability[other], basis=basis)

    return _refuted(
        "random-cause",
        given,
        area,
        strangers,
        "Each patient's predictors were replaced by another patient's, so that the expected effects say nothing about "
        "this one; the area under the TOC curve must vanish.",
    )


def _refuted(
    name: str,
    given: Treated,
    figure: Callable[[Treated], Measure],
    drawn: Callable[[np.random.Generator], Treated],
    text: str,
) -> Refuted:
    """The mean over the draws, give or take what chance does to the figure itself on this many patients.

    How far the mean lies from 0 with right propensities, because the arms came out a little unlike them, is part of
    that chance; so a right evaluation is refuted less often than the level says.
    """
    rng, actual = np.random.default_rng((given.seed, len(name))), figure(given)
    found = float(np.mean([figure(drawn(rng)).value for _ in range(DRAWS)]))
    if actual.low is None or actual.high is None or not np.isfinite(found):
        nothing = Estimate(value=None)
        return Refuted(name=name, drawn=DRAWS, found=nothing, actual=None, passed=False, text=f"{text} Not defined.")
    half = (actual.high - actual.low) / 2
    return Refuted(
        name=name,
        drawn=DRAWS,
        found=Estimate(value=found, low=found - half, high=found + half),
        actual=actual.value,
        passed=abs(found) <= half,
        text=text,
    )
