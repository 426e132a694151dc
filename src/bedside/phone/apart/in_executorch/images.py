"""The operators of convolutional networks, and normalisations."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from .operators import Given, Operator

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d}
LARGEST = {1: functional.max_pool1d, 2: functional.max_pool2d}
AVERAGES = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


def _padding(given: Given, kernel: list[int], strides: list[int], dilations: list[int]) -> list[tuple[int, int]]:
    """What is added before and behind, for each axis of the picture."""
    kind, axes = given.says("auto_pad", "NOTSET"), len(kernel)
    if kind == "VALID":
        return [(0, 0)] * axes
    if kind == "NOTSET":
        pads = given.says("pads", [0] * 2 * axes)
        return list(zip(pads[:axes], pads[axes:], strict=True))
    found = []
    for size, wide, stride, dilation in zip(given[0].shape[2:], kernel, strides, dilations, strict=True):
        total = max((ceil(size / stride) - 1) * stride + dilation * (wide - 1) + 1 - size, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if kind == "SAME_UPPER" else (more, less))
    return found


def _around(value: Tensor, pads: list[tuple[int, int]], filled: float) -> tuple[Tensor, list[int]]:
    """Unequal padding is added beforehand; equal padding is left to the operator."""
    if all(before == behind for before, behind in pads):
        return value, [before for before, _ in pads]
    return functional.pad(value, [one for pair in reversed(pads) for one in pair], value=filled), [0] * len(pads)


def _steps(given: Given, axes: int) -> tuple[list[int], list[int]]:
    if axes not in CONVOLUTIONS:
        raise given.refused(f"{axes} axes")
    return list(given.says("strides", [1] * axes)), list(given.says("dilations", [1] * axes))


def _convolved(given: Given) -> Tensor:
    weights = given[1]
    kernel = list(weights.shape[2:])
    strides, dilations = _steps(given, len(kernel))
    value, pads = _around(given[0], _padding(given, kernel, strides, dilations), 0.0)
    convolve = CONVOLUTIONS[len(kernel)]
    return convolve(value, weights, given.optional(2), strides, pads, dilations, given.says("group", 1))


def _largest(given: Given) -> Tensor:
    kernel = list(given.says("kernel_shape", []))
    strides, dilations = _steps(given, len(kernel))
    value, pads = _around(given[0], _padding(given, kernel, strides, dilations), float("-inf"))
    return LARGEST[len(kernel)](value, kernel, strides, pads, dilations, bool(given.says("ceil_mode", 0)))


def _average(given: Given) -> Tensor:
    kernel, counted = list(given.says("kernel_shape", [])), bool(given.says("count_include_pad", 0))
    strides, dilations = _steps(given, len(kernel))
    value, pads = _around(given[0], _padding(given, kernel, strides, dilations), 0.0)
    if set(dilations) != {1} or (value is not given[0] and not counted):
        raise given.refused("dilations, or unequal padding that does not count")
    return AVERAGES[len(kernel)](value, kernel, strides, pads, bool(given.says("ceil_mode", 0)), counted)


def _over_picture(given: Given) -> list[int]:
    return list(range(2, given[0].dim()))


def _batch_normalised(given: Given) -> Tensor:
    if given.says("training_mode", 0):
        raise given.refused("training_mode")
    return functional.batch_norm(
        given[0], given[3], given[4], given[1], given[2], False, eps=given.says("epsilon", 1e-5)
    )


def _layer_normalised(given: Given) -> Tensor:
    axis = given.says("axis", -1) % given[0].dim()
    shape = list(given[0].shape[axis:])
    scale, bias = given[1].expand(shape), given.optional(2)
    bias = None if bias is None else bias.expand(shape)
    return functional.layer_norm(given[0], shape, scale, bias, given.says("epsilon", 1e-5))


IMAGES: dict[str, Operator] = {
    "AveragePool": _average,
    "BatchNormalization": _batch_normalised,
    "Conv": _convolved,
    "GlobalAveragePool": lambda given: torch.mean(given[0], _over_picture(given), keepdim=True),
    "GlobalMaxPool": lambda given: torch.amax(given[0], _over_picture(given), keepdim=True),
    "LayerNormalization": _layer_normalised,
    "MaxPool": _largest,
}
