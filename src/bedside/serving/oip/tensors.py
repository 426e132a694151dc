"""Tensors of the Open Inference Protocol: JSON or little-endian bytes to arrays, and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from starlette.exceptions import HTTPException

from bedside.serving.oip.documents import Datatype, InputTensor

NUMPY: dict[Datatype, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Every datatype but BYTES, whose elements have no fixed size."""

_LENGTH = struct.Struct("<I")
_FLAT: dict[str, msgspec.json.Decoder[list[Any]]] = {
    "f": msgspec.json.Decoder(list[float | None]),
    "i": msgspec.json.Decoder(list[int]),
    "u": msgspec.json.Decoder(list[int]),
    "b": msgspec.json.Decoder(list[bool]),
    "S": msgspec.json.Decoder(list[str]),
}
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])

Elements = np.ndarray | list[str]


def bad(text: str) -> HTTPException:
    """400: the request does not follow the protocol."""
    return HTTPException(400, text)


def elements(tensor: InputTensor, binary: memoryview | None) -> Elements:
    """The tensor's elements in row-major order: a flat array, or texts where the datatype is BYTES.

    ``binary`` holds the tensor's own bytes; None where its elements stand in the JSON. Raises ``HTTPException`` 400
    where they are not exactly what shape and datatype say.
    """
    count = math.prod(tensor.shape)
    if binary is not None:
        if tensor.data is not msgspec.UNSET:
            raise bad(f"input '{tensor.name}' has both data and binary_data_size")
        return _texts(tensor, binary, count) if tensor.datatype == "BYTES" else _numbers(tensor, binary, count)
    if tensor.data is msgspec.UNSET:
        raise bad(f"input '{tensor.name}' has neither data nor binary_data_size")
    listed: list[Any] = _listed(tensor)
    if len(listed) != count:
        raise bad(f"input '{tensor.name}' has {len(listed)} elements; its shape {_shape(tensor)} holds {count}")
    return listed if tensor.datatype == "BYTES" else _array(tensor, listed)


def _shape(tensor: InputTensor) -> str:
    return str(list(tensor.shape))


def _listed(tensor: InputTensor) -> list[Any]:
    assert tensor.data is not msgspec.UNSET
    kind = "S" if tensor.datatype == "BYTES" else NUMPY[tensor.datatype].kind
    try:
        return _flat(tensor.data, _FLAT[kind], tensor.shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad(f"input '{tensor.name}' is not {tensor.datatype} of shape {_shape(tensor)}: {error}") from error


def _flat(data: msgspec.Raw, decoder: msgspec.json.Decoder[list[Any]], shape: Sequence[int]) -> list[Any]:
    """Flat, or nested exactly as the shape says."""
    if len(shape) < 2 or bytes(memoryview(data)[1:64]).lstrip()[:1] != b"[":
        return decoder.decode(data)
    rows = _ROWS.decode(data)
    if len(rows) != shape[0]:
        raise msgspec.ValidationError(f"{len(rows)} rows are nested in it")
    found: list[Any] = []
    for row in rows:
        inner = _flat(row, decoder, shape[1:])
        if len(inner) != math.prod(shape[1:]):
            raise msgspec.ValidationError(f"a row of {len(inner)} elements is nested in it")
        found += inner
    return found


def _array(tensor: InputTensor, listed: list[Any]) -> np.ndarray:
    kind = NUMPY[tensor.datatype]
    if tensor.datatype == "FP64":
        return np.array(listed, dtype=kind)
    try:
        with np.errstate(over="raise"):
            return np.array(listed, dtype=np.float64).astype(kind) if kind.kind == "f" else np.array(listed, dtype=kind)
    except (OverflowError, FloatingPointError) as error:
        raise bad(f"input '{tensor.name}' holds a number that is too large for {tensor.datatype}") from error


def _numbers(tensor: InputTensor, binary: memoryview, count: int) -> np.ndarray:
    kind = NUMPY[tensor.datatype]
    if len(binary) != count * kind.itemsize:
        raise bad(
            f"input '{tensor.name}' has {len(binary)} bytes; "
            f"{tensor.datatype} of shape {_shape(tensor)} takes {count * kind.itemsize}"
        )
    if kind.kind == "b" and not np.isin(np.frombuffer(binary, np.uint8), (0, 1)).all():
        raise bad(f"input '{tensor.name}' is BOOL and has a byte that is neither 0 nor 1")
    return np.frombuffer(binary, kind)


def _texts(tensor: InputTensor, binary: memoryview, count: int) -> list[str]:
    """Each element is its length in 4 bytes, then its bytes, which must be UTF-8."""
    found: list[str] = []
    at = 0
    while at < len(binary):
        if len(found) == count or at + _LENGTH.size > len(binary):
            break
        (length,) = _LENGTH.unpack_from(binary, at)
        start, at = at + _LENGTH.size, at + _LENGTH.size + length
        if at > len(binary):
            break
        try:
            found.append(str(binary[start:at], "utf-8"))
        except UnicodeDecodeError as error:
            raise bad(f"input '{tensor.name}', element {len(found) + 1} is not UTF-8") from error
    if at != len(binary) or len(found) != count:
        raise bad(f"input '{tensor.name}' is not {count} BYTES elements, each with its length in 4 bytes before it")
    return found


def packed(values: np.ndarray | Sequence[str], datatype: Datatype) -> bytes:
    """Elements as bytes: the form that the binary extension asks for."""
    if datatype != "BYTES":
        return np.ascontiguousarray(values, dtype=NUMPY[datatype]).tobytes()
    encoded = [text.encode() for text in values]
    return b"".join(part for text in encoded for part in (_LENGTH.pack(len(text)), text))
