"""The fitted weights of an ensemble, and the formula from features to logits.

All members are computed at once: every array has a leading member dimension. The same formula trains (on tensors),
predicts in double precision (on NumPy arrays) and is written into the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from bedside.preparation import Array, Operations


@dataclass(frozen=True)
class Members:
    """Weights of an ensemble; arrays of whichever implementation computes with them.

    Attributes
    ----------
    bias: [member, 1, class].
    linear: [member, feature, class]; None where there is no linear term.
    hidden: per hidden layer its weights [member, input, unit] and biases [member, 1, unit].
    last: [member, unit, class]; None where there is no hidden layer.
    shapes: [shape, class]: where the hidden layers give one number for each of a few shapes, that these are added up
        from; `last` is then [member, unit, shape]. It is not learned. None: a number for each class.
    """

    bias: Array
    linear: Array | None = None
    hidden: tuple[tuple[Array, Array], ...] = ()
    last: Array | None = None
    shapes: Array | None = None

    @property
    def count(self) -> int:
        """How many members there are."""
        return int(self.bias.shape[0])

    @property
    def parameters(self) -> int:
        """How many fitted numbers they hold together."""
        return sum(int(np.prod(array.shape)) for array in self.arrays())

    def arrays(self) -> list[Array]:
        """Every fitted array: bias, linear term, hidden layers, last layer; absent ones left out."""
        layers = [array for layer in self.hidden for array in layer]
        return [array for array in (self.bias, self.linear, *layers, self.last) if array is not None]

    def map(self, change: Callable[[Any], Any]) -> Members:
        """The same members with every array changed."""
        return Members(
            bias=change(self.bias),
            linear=None if self.linear is None else change(self.linear),
            hidden=tuple((change(weight), change(bias)) for weight, bias in self.hidden),
            last=None if self.last is None else change(self.last),
            shapes=None if self.shapes is None else change(self.shapes),
        )


def logits(ops: Operations, members: Members, x: Array, drop: Callable[[Array], Array] | None = None) -> Array:
    """Logits [member, patient, class] of features [patient, feature] or [member, patient, feature].

    bias + x · linear + relu(... relu(x · hidden + bias) ...) · last (· shapes). `drop` is applied to each hidden
    layer's output (dropout).
    """
    constant = ops.constant
    out = constant(members.bias)
    if members.linear is not None:
        out = x @ constant(members.linear) + out
    if members.last is not None:
        layer = x
        for weight, bias in members.hidden:
            layer = ops.maximum(layer @ constant(weight) + constant(bias), constant(np.zeros(1)))
            layer = layer if drop is None else drop(layer)
        last = layer @ constant(members.last)
        out = (last if members.shapes is None else last @ constant(members.shapes)) + out
    return out


def linear_members(weights: Float[np.ndarray, "feature class"], bias: Float[np.ndarray, " class"]) -> Members:
    """One member that is a linear model: the floor, or the start of a residual network."""
    return Members(bias=bias[None, None, :], linear=weights[None])


def beside(kept: Members, members: Members) -> Members:
    """``members`` and the hidden units of ``kept``, of one member and one layer: logits are the sum of both.

    The bias and the linear term are those of ``members``. Later layers hand the units on: they are never below 0.
    """

    def joined(one: Array, other: Array, axis: int) -> Array:
        return np.concatenate([np.repeat(one, members.count, axis=0), other], axis=axis)

    (weight, bias), (first, offset) = kept.hidden[0], members.hidden[0]
    layers, units = [(joined(weight, first, 2), joined(bias, offset, 2))], weight.shape[2]
    for more, offset in members.hidden[1:]:
        passed = np.pad(more, ((0, 0), (units, 0), (units, 0)))
        passed[:, :units, :units] = np.eye(units)
        layers.append((passed, np.pad(offset, ((0, 0), (0, 0), (units, 0)))))
    last = members.last if members.shapes is None else members.last @ members.shapes
    return Members(members.bias, members.linear, tuple(layers), joined(kept.last, last, 1))


def untrained(
    start: Members | None,
    varies: Bool[np.ndarray, " feature"],
    classes: int,
    hidden: tuple[int, ...],
    generators: list[np.random.Generator],
    shapes: Float[np.ndarray, "shape class"] | None = None,
) -> Members:
    """One member per generator, its hidden layers drawn uniformly after Glorot and Bengio (AISTATS 2010).

    With a `start` (a linear model) its weights become the linear term and the last layer is zero, so that every
    member begins as that model. Without one the last layer is drawn too and the biases are zero. A feature that does
    not vary among the fitting patients gets no weight: nothing would ever be learned about it.
    """
    inputs = [len(varies), *hidden]

    def drawn(fan_in: int, fan_out: int) -> np.ndarray:
        limit = np.sqrt(6 / (fan_in + fan_out))
        return np.stack([rng.uniform(-limit, limit, size=(fan_in, fan_out)) for rng in generators])

    layers = [(drawn(a, b), np.zeros((len(generators), 1, b))) for a, b in pairwise(inputs)]
    layers[0] = (layers[0][0] * varies[None, :, None], layers[0][1])
    last = drawn(inputs[-1], classes if shapes is None else len(shapes))
    if start is None:
        return Members(np.zeros((len(generators), 1, classes)), None, tuple(layers), last, shapes)
    repeated = start.map(lambda array: np.repeat(array, len(generators), axis=0) if len(array) == 1 else array)
    return Members(repeated.bias, repeated.linear, tuple(layers), np.zeros_like(last), shapes)
