"""JSON as it stands in a release: the same object is always the same bytes."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from bedside.errors import DataError


def document_bytes(content: Any) -> bytes:
    """UTF-8, keys sorted, one key a line, no nan or infinity (``ValueError``), one line feed at the end."""
    plain = msgspec.to_builtins(content)
    return (json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_document(content: bytes, type_: Any, *, where: str) -> Any:
    """Decode strictly: no type is coerced.

    Raises
    ------
    DataError: it is not JSON, or not of that shape; the message names the key.
    """
    try:
        return msgspec.json.decode(content, type=type_, strict=True)
    except msgspec.ValidationError as error:
        raise DataError(str(error), where=where, remedy="The file was changed or comes from another version") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"is not JSON: {error}", where=where) from error
