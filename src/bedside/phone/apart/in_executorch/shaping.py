"""The operators that change shapes, or sum along axes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .operators import Given, Operator


def _reshaped(given: Given) -> Tensor:
    value, wanted = given[0], given.numbers(1) or []
    if not given.says("allowzero", 0):
        wanted = [value.shape[position] if size == 0 else size for position, size in enumerate(wanted)]
    return value.reshape(wanted)


def _flattened(given: Given) -> Tensor:
    value = given[0]
    axis = given.says("axis", 1) % max(value.dim(), 1)
    return value.reshape(prod(value.shape[:axis]), prod(value.shape[axis:]))


def _transposed(given: Given) -> Tensor:
    return given[0].permute(given.says("perm", list(range(given[0].dim()))[::-1]))


def _squeezed(given: Given) -> Tensor:
    value, axes = given[0], given.numbers(1, "axes")
    gone = {axis % value.dim() for axis in axes} if axes is not None else None
    kept = [n for axis, n in enumerate(value.shape) if not (n == 1 if gone is None else axis in gone)]
    return value.reshape(kept)


def _unsqueezed(given: Given) -> Tensor:
    value, axes = given[0], given.numbers(1, "axes") or []
    size = value.dim() + len(axes)
    new = {axis % size for axis in axes}
    left = iter(value.shape)
    return value.reshape([1 if axis in new else next(left) for axis in range(size)])


def _joined(given: Given) -> Tensor:
    return torch.cat([given[position] for position in range(len(given.tensors))], given.says("axis", 0))


def _split(given: Given, outputs: int) -> tuple[Tensor, ...]:
    value, axis = given[0], given.says("axis", 0)
    sizes = given.numbers(1, "split")
    if sizes is None:
        each = -(-value.shape[axis] // outputs)
        sizes = [min(each, value.shape[axis] - each * position) for position in range(outputs)]
    return tuple(torch.split(value, sizes, axis))


def _sliced(given: Given) -> Tensor:
    value, starts, ends = given[0], given.numbers(1) or [], given.numbers(2) or []
    axes = given.numbers(3) or list(range(len(starts)))
    steps = given.numbers(4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        taken = range(value.shape[axis])[start:end:step]
        if step == 1:
            value = torch.narrow(value, axis, taken.start, len(taken))
        else:
            value = torch.index_select(value, axis, torch.tensor(list(taken), dtype=torch.int64))
    return value


def _gathered(given: Given) -> Tensor:
    value, indices, axis = given[0], given[1].long(), given.says("axis", 0) % max(given[0].dim(), 1)
    size = value.shape[axis]
    if given.known[1] is None:
        indices = torch.where(indices < 0, indices + size, indices)
    else:
        indices = torch.from_numpy(np.asarray(given.known[1], dtype=np.int64) % size)
    found = torch.index_select(value, axis, indices.reshape(-1))
    return found.reshape([*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :]])


def _gathered_elements(given: Given) -> Tensor:
    axis = given.says("axis", 0)
    indices = given[1].long()
    return torch.gather(given[0], axis, torch.where(indices < 0, indices + given[0].shape[axis], indices))


def _expanded(given: Given) -> Tensor:
    shape = np.broadcast_shapes(tuple(given[0].shape), tuple(given.numbers(1) or []))
    return given[0].expand(shape)


def _tiled(given: Given) -> Tensor:
    return given[0].repeat(given.numbers(1) or [])


def _padded(given: Given) -> Tensor:
    if given.says("mode", "constant") != "constant" or given.optional(3) is not None:
        raise given.refused("another mode than constant, or with axes")
    pads = given.numbers(1) or []
    by_axis = list(zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True))
    value = 0.0 if given.optional(2) is None else float(np.asarray(given.known[2]).reshape(-1)[0])
    return functional.pad(given[0], [one for pair in reversed(by_axis) for one in pair], value=value)


def _one_hot(given: Given) -> Tensor:
    (depth,) = given.numbers(1) or [0]
    off, on = given[2][0], given[2][1]
    axis = given.says("axis", -1) % (given[0].dim() + 1)
    indices = given[0].long()
    indices = torch.where(indices < 0, indices + depth, indices).unsqueeze(axis)
    classes = torch.arange(depth).reshape([depth if one == axis else 1 for one in range(indices.dim())])
    return torch.where(indices == classes, on, off)


def _reduced(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    def reduce(given: Given) -> Tensor:
        value, axes = given[0], given.numbers(1, "axes")
        if not axes:
            if given.says("noop_with_empty_axes", 0):
                return value.clone()
            axes = list(range(value.dim()))
        return function(value, [axis % value.dim() for axis in axes], bool(given.says("keepdims", 1)))

    return reduce


def _place(function: Callable[..., Tensor]) -> Operator:
    def place(given: Given) -> Tensor:
        if given.says("select_last_index", 0):
            raise given.refused("select_last_index")
        return function(given[0], dim=given.says("axis", 0), keepdim=bool(given.says("keepdims", 1)))

    return place


def _product(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        value = torch.prod(value, axis, keepdim=keep)
    return value


SHAPING: dict[str, Operator] = {
    "ArgMax": _place(torch.argmax),
    "ArgMin": _place(torch.argmin),
    "Concat": _joined,
    "Expand": _expanded,
    "Flatten": _flattened,
    "Gather": _gathered,
    "GatherElements": _gathered_elements,
    "OneHot": _one_hot,
    "Pad": _padded,
    "ReduceL1": _reduced(lambda value, axes, keep: torch.sum(torch.abs(value), axes, keepdim=keep)),
    "ReduceL2": _reduced(lambda value, axes, keep: torch.sqrt(torch.sum(value * value, axes, keepdim=keep))),
    "ReduceLogSum": _reduced(lambda value, axes, keep: torch.log(torch.sum(value, axes, keepdim=keep))),
    "ReduceLogSumExp": _reduced(lambda value, axes, keep: torch.logsumexp(value, axes, keepdim=keep)),
    "ReduceMax": _reduced(lambda value, axes, keep: torch.amax(value, axes, keepdim=keep)),
    "ReduceMean": _reduced(lambda value, axes, keep: torch.mean(value, axes, keepdim=keep)),
    "ReduceMin": _reduced(lambda value, axes, keep: torch.amin(value, axes, keepdim=keep)),
    "ReduceProd": _reduced(_product),
    "ReduceSum": _reduced(lambda value, axes, keep: torch.sum(value, axes, keepdim=keep)),
    "ReduceSumSquare": _reduced(lambda value, axes, keep: torch.sum(value * value, axes, keepdim=keep)),
    "Reshape": _reshaped,
    "Slice": _sliced,
    "Squeeze": _squeezed,
    "Tile": _tiled,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
}
SPLIT = _split
