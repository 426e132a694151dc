"""The central noun of this package: how much each variable moved one estimate, and how sure that is."""

from __future__ import annotations

import msgspec


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An additive explanation of one output for one patient.

    Attributes
    ----------
    method: ``"shap"``.
    output: which output is explained: the class whose probability it is.
    base_value: mean output over the background.
    values: per variable, in the unit of the output; ``base_value + sum(values)`` is the explained output.
    error: largest standard error over `values` (Monte Carlo); 0.0 where all coalitions were enumerated.
    samples: how many rows the graph was evaluated on.
    seconds: how long it took.
    compared_with: what the background is, in words.
    """

    method: str
    output: str
    base_value: float
    values: dict[str, float]
    error: float
    samples: int
    seconds: float
    compared_with: str
