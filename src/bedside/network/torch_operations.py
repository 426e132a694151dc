"""The operations of a model on torch tensors: what networks are trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from bedside.preparation import Array


class TorchOperations:
    """`Operations` on tensors of one device, in single precision. Tensors pass through `constant` as they are."""

    def __init__(self, device: str = "cpu") -> None:
        import torch

        self._torch: Any = torch
        self.device = device

    def constant(self, array: Array) -> Array:
        """The array as a tensor on the device; conditions stay conditions."""
        if isinstance(array, self._torch.Tensor):
            return array
        array = np.asarray(array)
        kind = self._torch.bool if array.dtype == bool else self._torch.float32
        return self._torch.as_tensor(array, dtype=kind, device=self.device)

    def columns(self, x: Array, index: np.ndarray) -> Array:
        """``x[:, index]``."""
        return x[:, self.index(index)]

    def index(self, positions: np.ndarray) -> Array:
        """Positions as a tensor on the device."""
        return self._torch.as_tensor(positions, dtype=self._torch.int64, device=self.device)

    def isnan(self, x: Array) -> Array:
        """Where a value is not known."""
        return self._torch.isnan(x)

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """``x`` where the condition holds, else ``y``."""
        return self._torch.where(condition, x, y)

    def number(self, condition: Array) -> Array:
        """1 where the condition holds, else 0."""
        return condition.to(self._torch.float32)

    def log(self, x: Array) -> Array:
        """Natural logarithm."""
        return self._torch.log(x)

    def exp(self, x: Array) -> Array:
        """The exponential of each."""
        return self._torch.exp(x)

    def maximum(self, x: Array, y: Array) -> Array:
        """The larger of each pair."""
        return self._torch.maximum(x, y)

    def minimum(self, x: Array, y: Array) -> Array:
        """The smaller of each pair."""
        return self._torch.minimum(x, y)

    def mean(self, x: Array, axis: int) -> Array:
        """Mean over one axis, which disappears."""
        return x.mean(dim=axis)

    def norm(self, x: Array, axis: int) -> Array:
        """Root of the summed squares over one axis, which disappears."""
        return x.square().sum(dim=axis).sqrt()

    def softmax(self, x: Array) -> Array:
        """exp(x) / sum exp(x) over the last axis."""
        return self._torch.softmax(x, dim=-1)
