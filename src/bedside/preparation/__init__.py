"""Fitted steps between a patient's values and a model's features; all of it is part of the exported graph."""

from __future__ import annotations

from bedside.preparation.operations import NUMPY, Array, Operations
from bedside.preparation.preparation import Preparation, as_served, chosen_scale, features, in_single_precision

__all__ = [
    "NUMPY",
    "Array",
    "Operations",
    "Preparation",
    "as_served",
    "chosen_scale",
    "features",
    "in_single_precision",
]
