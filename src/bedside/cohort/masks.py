"""Subgroups as masks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from bedside.cohort.study import Subgroup
from bedside.sources import Reading, Schema, Variable

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def subgroup_masks(
    subgroups: Sequence[Subgroup], schema: Schema, reading: Reading, site: np.ndarray | None
) -> list[tuple[str, Bool[np.ndarray, " patient"]]]:
    """``(name, mask)`` per group: each category of a variable, each condition, then each site.

    A patient whose value is not known is in no group of that variable, not even with ``!=``.
    """
    found: list[tuple[str, Bool[np.ndarray, " patient"]]] = []
    for subgroup in subgroups:
        variable = schema[subgroup.variable]
        values = reading.values[:, schema.names.index(subgroup.variable)]
        if subgroup.operator is None:
            texts = enumerate(variable.categories or ())
            found += [(f"{variable.name} = {variable.category_label(text)}", values == code) for code, text in texts]
        else:
            compared = _COMPARE[subgroup.operator](values, _code(variable, subgroup))
            found.append((subgroup.text, compared & ~np.isnan(values)))
    if site is not None:
        found += [(f"site = {name}", site == name) for name in sorted(set(site.tolist()))]
    return found


def _code(variable: Variable, subgroup: Subgroup) -> float:
    if isinstance(subgroup.value, str):
        return float((variable.categories or ()).index(subgroup.value))
    return float(subgroup.value or 0.0)
