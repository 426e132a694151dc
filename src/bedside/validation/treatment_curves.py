"""The curves of a treatment: who gains most, and whether predicted effects come true; no step of one tells of few."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from bedside import measures as m
from bedside.validation.curves import numbers, on_grid
from bedside.validation.evidence import FEW, Curves, Estimate
from bedside.validation.quantity_facts import EffectCurves, EffectGroup, PriorityLine
from bedside.validation.treatment import Treated, leading_effect, parts

STEPS = (20, 10, 5)
"""Numbers of steps that a curve may have, the finest first: one that has `FEW` patients in each step is taken."""


def curves(given: Treated, floor: Float[np.ndarray, "patient column"] | None = None) -> Curves:  # noqa: ARG001
    """Of each arm against the control, and with several of the best of them; for the answered patients."""
    chosen = given.answered
    return Curves(effects={name: _effect(chosen, *effect) for name, effect in _effects(chosen).items()})


Effect = tuple[Float[np.ndarray, " patient"], Float[np.ndarray, " patient"]]


def _effects(given: Treated) -> dict[str, Effect]:
    """Score and prediction of each effect, turned so that a gain is above 0, by the name of its curves."""
    sign, gains = given.arms.sign, given.arms.sign * given.estimates
    found = {
        name: (sign * (given.scores[:, place + 1] - given.scores[:, 0]), gains[:, place])
        for place, name in enumerate(given.arms.estimates)
    }
    several = {f"the best other arm against {given.arms.arms[0]}": leading_effect(given)} if len(found) > 1 else {}
    return found | several


def _effect(given: Treated, scores: Float[np.ndarray, " patient"], gain: Float[np.ndarray, " patient"]) -> EffectCurves:
    return EffectCurves(
        toc=_line(m.toc_curve, given, scores, gain),
        qini=_line(m.qini_curve, given, scores, gain),
        groups=_groups(given, scores, gain),
    )


def _groups(
    given: Treated, scores: Float[np.ndarray, " patient"], gain: Float[np.ndarray, " patient"]
) -> tuple[EffectGroup, ...]:
    """Predicted and found gain of patients alike; nothing where a group is small."""
    found = m.effect_calibration_curve(scores, gain, parts(given), groups=given.patient)
    if not len(found.n) or found.n.min() < FEW:
        return ()
    return tuple(
        EffectGroup(n=int(n), predicted=float(predicted), found=Estimate(value=value, low=low, high=high))
        for n, predicted, value, low, high in zip(
            found.n, found.predicted, numbers(found.observed), numbers(found.low), numbers(found.high), strict=True
        )
    )


def _line(
    curve: Callable[..., m.PriorityCurve],
    given: Treated,
    scores: Float[np.ndarray, " patient"],
    gain: Float[np.ndarray, " patient"],
) -> PriorityLine | None:
    """On the finest grid of shares of which each step holds enough patients; None where there is none."""
    patients = len(given) if given.patient is None else len(np.unique(given.patient))
    steps = next((steps for steps in STEPS if patients >= FEW * steps), None)
    if steps is None:
        return None
    found = curve(scores, gain, np.arange(1, steps + 1) / steps, groups=given.patient)
    return PriorityLine(
        share=on_grid(found.share), value=numbers(found.value), low=numbers(found.low), high=numbers(found.high)
    )
