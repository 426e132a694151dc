"""What the study says about a model from elsewhere: ``[adoption]`` as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Transform = Literal["none", "log", "log10", "log1p"]
Unknown = Literal["abstain", "median", "model"]
OutputKind = Literal["probabilities", "logits"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One number that the model takes: a predictor, or whether a predictor is of one category.

    Attributes
    ----------
    predictor: name of the variable. category: its text, for an indicator that is 1 or 0; None for the value itself.
    """

    predictor: str
    category: str | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """How one predictor is put before it enters the model; the defaults change nothing.

    An unknown value becomes `fill`; the number is converted into `unit`, transformed, and becomes (x - subtract) /
    divide. A category becomes the number that `codes` gives it.

    Attributes
    ----------
    fill: what stands for an unknown value: a number in the predictor's unit, or the text of a category.
    unit: UCUM unit that the model was trained in; None: the predictor's own.
    """

    fill: float | str | None = None
    unit: str | None = None
    transform: Transform = "none"
    subtract: float = 0.0
    divide: float = 1.0
    codes: Mapping[str, float] | None = None


class AdoptionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``[adoption]`` of a study file.

    Attributes
    ----------
    columns: the model's inputs in their order. prepared: by predictor, where anything is declared.
    unknown: what happens where a predictor without a `fill` is not known: no estimate, the median of the development
        patients, or the model's own way with nan; None: not declared, so the format of the model decides.
    output: name of the model's output that is used; None: the only one that it has.
    outputs: what the model gives. classes: which class each of its columns is; None: the study's order.
    trained_on, trained_how: what the author of the study knows of the model's training; None: unknown.
    unseen: the author states that no patient of the study's table was used to train it.
    """

    columns: tuple[Column, ...]
    prepared: Mapping[str, Prepared] = {}
    unknown: Unknown | None = None
    output: str | None = None
    outputs: OutputKind = "probabilities"
    classes: tuple[str, ...] | None = None
    trained_on: str | None = None
    trained_how: str | None = None
    unseen: bool = False
