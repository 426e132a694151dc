"""Explanation methods by name: built in, or brought by any installed package through ``bedside.explainers``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from bedside.errors import UsageError
from bedside.explanation.explanation import Explanation
from bedside.explanation.shap import PredictOne, shap

GROUP = "bedside.explainers"


@runtime_checkable
class Explainer(Protocol):
    """A function that explains one case against a weighted background; parameters as for `shap`."""

    def __call__(
        self,
        predict: PredictOne,
        case: Float[np.ndarray, " variable"],
        background: Float[np.ndarray, "prototype variable"],
        weights: Float[np.ndarray, " prototype"],
        names: tuple[str, ...],
        *,
        output: str,
        compared_with: str,
    ) -> Explanation:
        """Explain ``predict(case)``."""


# Looking through every installed package takes milliseconds; what is installed does not change while we run.
@cache
def explainer(name: str) -> Explainer:
    """The explanation method of this name.

    Raises
    ------
    UsageError: there is none; the message lists those installed here.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name in found:
        loaded: Explainer = found[name].load()
        return loaded
    if name == "shap":  # a source tree that is not installed registers nothing
        return shap
    known = ", ".join(sorted({*found, "shap"}))
    raise UsageError(f"there is no explanation method {name!r}", where="method", remedy=f"Use one of: {known}")
