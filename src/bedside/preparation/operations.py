"""The few array operations that a model is made of, so that each formula is written once and runs in several places.

A model in bedside is a function of an `Operations` and a matrix of values. With `NUMPY` it computes in double
precision (the reference), with ``bedside.network.torch_operations`` it trains, and with ``bedside.training.graph`` it
writes itself down as an ONNX graph. Arrays of every implementation also understand ``+ - * @`` and ``==`` with
NumPy's broadcasting.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

Array = Any
"""An array of some implementation; its shape is stated where it matters."""


@runtime_checkable
class Operations(Protocol):
    """What an implementation of arrays must offer; names and meanings are NumPy's."""

    def constant(self, array: np.ndarray) -> Array:
        """A fitted number or array, in the precision of this implementation."""

    def columns(self, x: Array, index: np.ndarray) -> Array:
        """``x[:, index]``."""

    def isnan(self, x: Array) -> Array:
        """Where a value is not known."""

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """``x`` where the condition holds, else ``y``."""

    def number(self, condition: Array) -> Array:
        """1 where the condition holds, else 0."""

    def log(self, x: Array) -> Array:
        """Natural logarithm."""

    def exp(self, x: Array) -> Array:
        """The exponential of each."""

    def maximum(self, x: Array, y: Array) -> Array:
        """The larger of each pair."""

    def minimum(self, x: Array, y: Array) -> Array:
        """The smaller of each pair."""

    def mean(self, x: Array, axis: int) -> Array:
        """Mean over one axis, which disappears."""

    def norm(self, x: Array, axis: int) -> Array:
        """Root of the summed squares over one axis, which disappears."""

    def softmax(self, x: Array) -> Array:
        """exp(x) / sum exp(x) over the last axis."""


class _NumPy:
    """`Operations` on NumPy arrays in double precision."""

    def constant(self, array: np.ndarray) -> Array:
        return np.asarray(array) if np.asarray(array).dtype == bool else np.asarray(array, dtype=np.float64)

    def columns(self, x: Array, index: np.ndarray) -> Array:
        return x[:, index]

    def isnan(self, x: Array) -> Array:
        return np.isnan(x)

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    def number(self, condition: Array) -> Array:
        return condition.astype(np.float64)

    def log(self, x: Array) -> Array:
        return np.log(x)

    def exp(self, x: Array) -> Array:
        return np.exp(x)

    def maximum(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)

    def minimum(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)

    def mean(self, x: Array, axis: int) -> Array:
        return x.mean(axis=axis)

    def norm(self, x: Array, axis: int) -> Array:
        return np.linalg.norm(x, axis=axis)

    def softmax(self, x: Array) -> Array:
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)


NUMPY: Operations = _NumPy()
