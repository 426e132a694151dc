"""What each ONNX operator is in torch, by the definitions of onnx.ai/onnx/operators from operator set 13 on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .refusal import CannotConvert


@dataclass(frozen=True)
class Given:
    """What a node is computed from: tensors (None where an optional input is left out), and those that are constant."""

    operator: str
    tensors: list[Tensor | None]
    known: list[np.ndarray | None]
    attributes: dict[str, Any]

    def __getitem__(self, position: int) -> Tensor:
        found = self.optional(position)
        assert found is not None
        return found

    def optional(self, position: int) -> Tensor | None:
        """An input that may be left out."""
        return self.tensors[position] if position < len(self.tensors) else None

    def says(self, name: str, default: Any) -> Any:
        """An attribute, or what the standard says where there is none."""
        return self.attributes.get(name, default)

    def numbers(self, position: int, attribute: str = "") -> list[int] | None:
        """Whole numbers that an input or (in older operator sets) an attribute holds; they must be constant."""
        if attribute and attribute in self.attributes:
            return list(self.attributes[attribute])
        if self.optional(position) is None:
            return None
        known = self.known[position]
        if known is None:
            raise self.refused("a shape or an axis that depends on the patient")
        return [int(number) for number in np.atleast_1d(known).tolist()]

    def refused(self, what: str) -> CannotConvert:
        """The error to raise for a form of an operator that has no counterpart here."""
        return CannotConvert(f"{self.operator} cannot be converted with {what}")


Operator = Callable[[Given], Any]

TYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    11: torch.float64,
}  # fmt: skip
"""By the numbers of ``onnx.TensorProto.DataType``."""


def _all_of(pair: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda given: reduce(pair, [given[position] for position in range(len(given.tensors))])


def _one(function: Callable[[Tensor], Tensor]) -> Operator:
    return lambda given: function(given[0])


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda given: function(given[0], given[1])


def _divided(given: Given) -> Tensor:
    whole = not given[0].is_floating_point()
    return torch.div(given[0], given[1], rounding_mode="trunc" if whole else None)


def _cast(given: Given) -> Tensor:
    if given.says("to", 0) not in TYPES:
        raise given.refused("this type of number")
    return given[0].to(TYPES[given.says("to", 0)])


def _clipped(given: Given) -> Tensor:
    value = given[0]
    for position, bounded in ((1, torch.maximum), (2, torch.minimum)):
        bound = given.optional(position)
        if bound is not None:
            value = bounded(value, bound)
    return value


def _gelu(given: Given) -> Tensor:
    value = given[0]
    if given.says("approximate", "none") == "none":
        return functional.gelu(value)
    # Written out: XNNPACK takes torch's own approximation for the exact function, which differs by 5e-4.
    return 0.5 * value * (1 + torch.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value * value * value)))


def _hard_sigmoid(given: Given) -> Tensor:
    return torch.clamp(given.says("alpha", 0.2) * given[0] + given.says("beta", 0.5), 0.0, 1.0)


def _selu(given: Given) -> Tensor:
    alpha, gamma = given.says("alpha", 1.67326319217681884765625), given.says("gamma", 1.05070102214813232421875)
    return torch.mul(functional.elu(given[0], alpha), gamma)


def _leaky(given: Given) -> Tensor:
    return functional.leaky_relu(given[0], given.says("alpha", 0.01))


def _elu(given: Given) -> Tensor:
    return functional.elu(given[0], given.says("alpha", 1.0))


def _prelu(given: Given) -> Tensor:
    return torch.where(given[0] < 0, given[0] * given[1], given[0])


def _softmax(given: Given) -> Tensor:
    return torch.softmax(given[0], given.says("axis", -1))


def _log_softmax(given: Given) -> Tensor:
    return torch.log_softmax(given[0], given.says("axis", -1))


def _gemm(given: Given) -> Tensor:
    left = given[0].t() if given.says("transA", 0) else given[0]
    right = given[1] if given.says("transB", 0) else given[1].t()
    bias, alpha, beta = given.optional(2), given.says("alpha", 1.0), given.says("beta", 1.0)
    if alpha == beta == 1.0 and bias is not None and bias.dim() == 1 and len(bias) == len(right):
        return functional.linear(left, right, bias)
    product = functional.linear(left, right)
    product = product if alpha == 1.0 else alpha * product
    return product if bias is None else product + (bias if beta == 1.0 else beta * bias)


def _einsum(given: Given) -> Tensor:
    found: Tensor = torch.einsum(
        given.says("equation", ""), *[given[position] for position in range(len(given.tensors))]
    )
    return found


def _cumulative(given: Given) -> Tensor:
    if given.says("exclusive", 0) or given.says("reverse", 0):
        raise given.refused("exclusive or reverse")
    (axis,) = given.numbers(1) or [0]
    return torch.cumsum(given[0], axis)


ELEMENTWISE: dict[str, Operator] = {
    "Abs": _one(torch.abs),
    "Add": _two(torch.add),
    "And": _two(torch.logical_and),
    "Cast": _cast,
    "Ceil": _one(torch.ceil),
    "Clip": _clipped,
    "CumSum": _cumulative,
    "Div": _divided,
    "Dropout": _one(lambda value: value.clone()),
    "Einsum": _einsum,
    "Elu": _elu,
    "Equal": _two(torch.eq),
    "Erf": _one(torch.erf),
    "Exp": _one(torch.exp),
    "Floor": _one(torch.floor),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _two(torch.gt),
    "GreaterOrEqual": _two(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _one(lambda value: value * torch.clamp(value / 6 + 0.5, 0.0, 1.0)),
    "Identity": _one(lambda value: value.clone()),
    "IsInf": _one(torch.isinf),
    "IsNaN": _one(torch.isnan),
    "LeakyRelu": _leaky,
    "Less": _two(torch.lt),
    "LessOrEqual": _two(torch.le),
    "Log": _one(torch.log),
    "LogSoftmax": _log_softmax,
    "MatMul": _two(torch.matmul),
    "Max": _all_of(torch.maximum),
    "Mean": lambda given: _all_of(torch.add)(given) / len(given.tensors),
    "Min": _all_of(torch.minimum),
    "Mul": _two(torch.mul),
    "Neg": _one(torch.neg),
    "Not": _one(torch.logical_not),
    "Or": _two(torch.logical_or),
    "PRelu": _prelu,
    "Pow": _two(torch.pow),
    "Reciprocal": _one(torch.reciprocal),
    "Relu": _one(torch.relu),
    "Round": _one(torch.round),
    "Selu": _selu,
    "Sigmoid": _one(torch.sigmoid),
    "Sign": _one(torch.sign),
    "Softmax": _softmax,
    "Softplus": _one(lambda value: torch.clamp(value, min=0.0) + torch.log1p(torch.exp(-torch.abs(value)))),
    "Softsign": _one(lambda value: value / (1 + torch.abs(value))),
    "Sqrt": _one(torch.sqrt),
    "Sub": _two(torch.sub),
    "Sum": _all_of(torch.add),
    "Tanh": _one(torch.tanh),
    "Where": lambda given: torch.where(given[0], given[1], given[2]),
    "Xor": _two(torch.logical_xor),
}
