"""What only evidence on a treatment holds: arm by arm, what nobody has to ask for, what a reader must be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bedside import measures as m
from bedside.validation.curves import numbers
from bedside.validation.estimate import FEW, Measures
from bedside.validation.evidence import GateResult, Warned
from bedside.validation.follow_up import counted
from bedside.validation.gates import ALWAYS, UNDEFINED
from bedside.validation.quantity_facts import ArmRow, BalanceRow, Refuted, TreatmentFacts
from bedside.validation.refuting import placebo, random_cause
from bedside.validation.treatment import Treated, effective_sizes, imbalances

FAR = 0.999
"""Level at which the share that got an arm is held against what the release takes it to be."""


def beyond(given: Treated) -> dict[str, Any]:
    """The facts, as a field of `Evidence`; none where nobody was answered."""
    given = given.answered
    if not len(given):
        return {}
    arms, place = given.arms.arms, best_single(given)
    gain = m.policy_gain_over_best(given.scores, given.chosen, given.arms.better, groups=given.patient)
    return {
        "treatment": TreatmentFacts(
            single=arms[given.arms.single],
            best_single=arms[place],
            told_apart=all(_differ(given, place, other) for other in range(len(arms)) if other != place),
            better=gain.low is not None and gain.low > 0,
            rows=_rows(given),
            refuted=(placebo(given, place), random_cause(given)),
            balance=_balance(given),
        )
    }


def best_single(given: Treated) -> int:
    """The arm that would have done best for all of these patients alike."""
    return int(np.argmax(given.arms.sign * given.scores.mean(axis=0)))


def _differ(given: Treated, one: int, other: int) -> bool:
    effect = m.average_effect(given.scores, one, other, groups=given.patient)
    return effect.low is not None and effect.high is not None and not effect.low <= 0 <= effect.high


def _rows(given: Treated) -> tuple[ArmRow, ...]:
    arms = given.arms.arms
    had = counted({name: given.arm == place for place, name in enumerate(arms)})
    advised = counted(
        {name: given.recommended == place for place, name in enumerate(arms)} | {"": given.recommended < 0}
    )
    shares = given.propensity.mean(axis=0).tolist()
    return tuple(
        ArmRow(arm=name, n=had[name], recommended=advised[name], share=share, effective=effective)
        for name, share, effective in zip(arms, shares, effective_sizes(given).tolist(), strict=True)
    )


def _balance(given: Treated) -> tuple[BalanceRow, ...]:
    """The largest differences that the weights leave, first."""
    rows = [
        BalanceRow(variable=variable, arm=arm, unweighted=numbers([plain])[0], weighted=numbers([weighted])[0])
        for (variable, arm), (plain, weighted) in imbalances(given).items()
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.weighted or 0.0)))


def one_arm(facts: TreatmentFacts) -> str:
    """The sentence that stands in the place of a rule."""
    doubt = "" if facts.told_apart else " (it did best on these patients, but was not told apart from every other)"
    return f"one arm for all: {facts.best_single}{doubt}"


def always(measures: Measures, facts: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """What holds for every rule, whether the study asks for it or not.

    A rule that was not shown to be better than the best single arm is none, and one whose evaluation finds what is not
    there was not evaluated.
    """
    own: TreatmentFacts | None = facts.get("treatment")
    gain = measures["policy_gain"]
    shown = gain.low is not None and gain.low > 0
    found = [
        GateResult(
            name=f"{ALWAYS}policy_gain",
            limit="above 0",
            value=gain.low,
            bound="low",
            passed=shown,
            text="" if shown else "nobody was answered" if own is None else one_arm(own),
        )
    ]
    attempts = [
        GateResult(
            name=f"{ALWAYS}{one.name}",
            limit="no more than chance explains",
            value=one.found.value,
            passed=one.passed,
            text=_refuted(one),
        )
        for one in (() if own is None else own.refuted)
    ]
    return (*found, *attempts)


def _refuted(one: Refuted) -> str:
    if one.found.value is None:
        return UNDEFINED
    return "" if one.passed else "the evaluation finds what is not there"


def cautions(given: Treated) -> list[Warned]:
    """What the data can carry, and arms that did not come about as the release takes it."""
    found = []
    if not given.arms.randomised:
        found.append(
            Warned(
                code="observational",
                text="Observational records, no trial: every figure on treatments assumes that nothing unmeasured "
                "drives both the treatment and the outcome.",
            )
        )
    given = given.answered
    off = [name for place, name in enumerate(given.arms.arms) if _unlike(given, place)]
    if off:
        found.append(
            Warned(
                code="arms-unlike-design",
                text=f"Patients got these arms clearly more or less often than the release takes it: {', '.join(off)}. "
                "Then values, gains and effects rest on the model's own expectations.",
            )
        )
    if len(given) and int(np.sum(given.recommended >= 0)) < FEW:
        found.append(
            Warned(
                code="no-recommendations",
                text="Next to nobody gets a recommendation: what is judged is one arm for all.",
            )
        )
    return found


def _unlike(given: Treated, arm: int) -> bool:
    share = m.wilson(int(np.sum(given.arm == arm)), len(given), FAR)
    expected = float(given.propensity[:, arm].mean()) if len(given) else 0.0
    return share.low is not None and share.high is not None and not share.low <= expected <= share.high
