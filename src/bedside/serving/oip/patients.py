"""Input tensors become patients: one matrix for all variables, or one tensor for each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bedside.serving.oip.documents import Datatype, InputTensor
from bedside.serving.oip.tensors import Elements, bad
from bedside.sources import Matrix, Precision, Reading, Schema, Variable, nearest, read_matrix, read_numbers

VALUES = "values"
"""The one tensor that holds every variable."""

_PRECISION: dict[Datatype, Precision] = {"FP16": "float16", "FP32": "float32"}


def patients(schema: Schema, tensors: Sequence[tuple[InputTensor, Elements]]) -> Reading:
    """The patients of a request, read as declared.

    Raises ``HTTPException`` 400 where the tensors are not those of the schema, and ``ValueRefused`` for a value that
    cannot be used.
    """
    if not tensors:
        raise bad("there is no input")
    first, elements = tensors[0]
    width = len(schema.variables)
    if len(tensors) == 1 and first.name == VALUES and (first.shape[1:] == (width,) or VALUES not in schema.names):
        return _together(schema, first, elements)
    return read_matrix(_one_by_one(schema, tensors))


def _together(schema: Schema, tensor: InputTensor, elements: Elements) -> Reading:
    width = len(schema.variables)
    if len(tensor.shape) != 2 or tensor.shape[1] != width:
        raise bad(f"input '{VALUES}' has shape {list(tensor.shape)}; [n, {width}] is expected, one column a variable")
    if tensor.datatype not in ("FP32", "FP64") or isinstance(elements, list):
        raise bad(f"input '{VALUES}' is {tensor.datatype}; FP32 or FP64 is expected")
    if not len(elements):
        raise bad("there is no row")
    values = elements.astype(np.float64, copy=False).reshape(tensor.shape)
    return read_numbers(schema, values, _PRECISION.get(tensor.datatype, "float64"))


def _one_by_one(schema: Schema, tensors: Sequence[tuple[InputTensor, Elements]]) -> Matrix:
    rows = _rows(tensors)
    matrix = Matrix.unknown(schema, rows)
    positions = {name: position for position, name in enumerate(schema.names)}
    for tensor, elements in tensors:
        position = positions.pop(tensor.name, None)
        if position is None:
            raise bad(_unknown(tensor.name, schema))
        _column(matrix, position, schema.variables[position], tensor, elements)
    return matrix


def _rows(tensors: Sequence[tuple[InputTensor, Elements]]) -> int:
    """How many patients: as many as every tensor has elements."""
    for tensor, _ in tensors:
        if len(tensor.shape) not in (1, 2) or math.prod(tensor.shape[1:]) != 1:
            raise bad(f"input '{tensor.name}' has shape {list(tensor.shape)}; [n] or [n, 1] is expected")
    counts = {tensor.shape[0]: tensor.name for tensor, _ in tensors}
    if len(counts) > 1:
        told = ", ".join(f"'{name}' {count}" for count, name in list(counts.items())[:2])
        raise bad(f"the inputs do not have the same number of rows: {told}")
    (rows,) = counts
    if not rows:
        raise bad("there is no row")
    return rows


def _unknown(name: str, schema: Schema) -> str:
    if name in schema.names:
        return f"input '{name}' is there twice"
    near = nearest(name, [*schema.names, VALUES])
    return f"there is no input '{name[:100]}'. {near}"


def _column(matrix: Matrix, position: int, variable: Variable, tensor: InputTensor, elements: Elements) -> None:
    if isinstance(elements, list):
        matrix.words(position, elements)
        return
    if variable.kind == "category":
        raise bad(f"input '{tensor.name}' is {tensor.datatype}; it is a category, whose text is sent as BYTES")
    if tensor.datatype == "BOOL":
        raise bad(f"input '{tensor.name}' is BOOL; a number, or its text as BYTES, is expected")
    matrix.numbers(position, elements.astype(np.float64), _PRECISION.get(tensor.datatype, "float64"))
