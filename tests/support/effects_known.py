"""Samples whose effects are known, and what a fitted model says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort

from bedside.cohort import Cohort, FollowUp, Outcome, Study, task
from bedside.cohort.study import Quantity, Treatment
from bedside.preparation import NUMPY
from bedside.sources import Schema
from bedside.training.arms import Treatments
from bedside.training.effect_errors import EffectErrors
from bedside.training.fit import Fit
from bedside.training.linear_effects import LINEAR_EFFECTS
from bedside.training.sample import Sample, sample_of

Made = Callable[..., Any]
SCHEMA = Schema(variables=())
NAMES = ("usual", "new", "other")


def arms_study(
    make_study: Made,
    numbers: Made,
    outcome: str,
    *,
    propensity: tuple[float, ...] | None = (0.5, 0.5),
    arms: int = 2,
    until: float = 2.0,
    **more: Any,
) -> Study:
    """A study of four predictors with a "number", a "class" or a "time" as its outcome."""
    study = make_study(numbers(4), ("no", "yes"), **{"members": 2, "seed": 3} | more)
    asked = Treatment(column="arm", arms=NAMES[:arms], codes={}, better="higher", propensity=propensity)
    made = Outcome(
        column="y",
        classes=() if outcome == "number" else ("no", "yes"),
        positive="yes" if outcome == "class" else None,
        codes={},
        quantity=Quantity(name="walk", unit="m") if outcome == "number" else None,
        follow_up=FollowUp(time="t", unit="a", horizons=(until,)) if outcome == "time" else None,
        treatment=asked,
    )
    found: Study = msgspec.structs.replace(study, task=task("treatment"), outcome=made)
    return found


def cohort(make_cohort: Made, x: np.ndarray, arm: np.ndarray, y: np.ndarray, **more: Any) -> Cohort:
    made: Cohort = replace(make_cohort(x, y, **more.pop("rows", {})), arm=arm, **more)
    return made


def trial(n: int, effect: Callable[[np.ndarray], np.ndarray], seed: int = 0, arms: int = 2, noise: float = 1.0) -> Any:
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=(n, 4)), rng.integers(0, arms, n)
    return x, arm, x[:, 3] + effect(x) * arm + noise * rng.normal(size=n)


def numbers_of(make_study: Made, numbers: Made, make_cohort: Made, made: Any, **more: Any) -> tuple[Study, Sample]:
    x, arm, y = made
    study = arms_study(make_study, numbers, "number", **more)
    return study, sample_of(study, cohort(make_cohort, x, arm, np.zeros(len(y)), amount=y))


def scored(tau: np.ndarray, x: np.ndarray, rng: np.random.Generator, noise: float = 2.0) -> Sample:
    """A sample whose scores are the true effects and noise: no nuisance can be wrong."""
    head = Treatments(NAMES[:2], "mean", 1.0, (0.5, 0.5), (-np.inf, np.inf), 0.0, 1.0, {}, LINEAR_EFFECTS)
    half = (tau + noise * rng.normal(size=len(x)))[:, None] / 2
    n = len(x)
    return Sample(SCHEMA, x, np.zeros(n, int), np.arange(n), head, arm=rng.integers(0, 2, n), scores=half * [-1.0, 1.0])


def out_of_fold(sample: Sample, x: np.ndarray) -> np.ndarray:
    """Expected outcomes by the floor, each fifth by the other four."""
    found = np.empty((len(x), 2))
    fold = np.arange(len(x)) % 5
    for k in range(5):
        rest = sample.take(fold != k)
        floor = LINEAR_EFFECTS.fit(x[fold != k], rest, LINEAR_EFFECTS.strength(x[fold != k], rest))
        found[fold == k] = x[fold == k] @ floor.linear[0] + floor.bias[0]
    return found


def run(made: Fit, values: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(made.graph(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["estimate"], {"values": values.astype(np.float32)})[0])


def columns_of(errors: EffectErrors, columns: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.asarray(errors.columns(NUMPY, columns, x))
