"""The body of an inference: read whole, bounded before and after it is unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from bedside.serving.oip.tensors import bad

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes that the body of an inference may have, packed and unpacked."""

_TYPES = frozenset({b"", b"application/json", b"application/octet-stream"})
_PACKINGS = frozenset({b"", b"identity", b"gzip", b"deflate"})
_WINDOW = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
_TOO_LONG = f"the body is longer than {BODY_LIMIT} bytes"


def check_headers(headers: Mapping[bytes, bytes]) -> None:
    """Raises ``HTTPException``: 413 for a body that is announced as too long, 415 for one of another kind."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > BODY_LIMIT:
        raise HTTPException(413, _TOO_LONG)
    content_type = headers.get(b"content-type", b"")
    if content_type not in _TYPES and content_type.partition(b";")[0].strip().lower() not in _TYPES:
        raise HTTPException(415, "Content-Type is neither application/json nor application/octet-stream")
    if encoding(headers) not in _PACKINGS:
        raise HTTPException(415, "Content-Encoding is neither gzip nor deflate")


def encoding(headers: Mapping[bytes, bytes]) -> bytes:
    """How the body is packed; empty: not at all."""
    found = headers.get(b"content-encoding", b"").strip().lower()
    return b"" if found == b"identity" else found


def header_length(headers: Mapping[bytes, bytes]) -> int | None:
    """How many bytes of the unpacked body are JSON; None: all. Raises ``HTTPException`` 400."""
    sent = headers.get(b"inference-header-content-length")
    if sent is None:
        return None
    if not sent.isdigit() or len(sent) > 12:
        raise bad("Inference-Header-Content-Length is not a number of bytes")
    return int(sent)


async def read(receive: Receive) -> bytes:
    """The whole body. Raises ``HTTPException`` 413 as soon as it is too long, ``ClientDisconnect``."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")  # nearly every request: one message
        if len(whole) > BODY_LIMIT:
            raise HTTPException(413, _TOO_LONG)
        return whole
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, _TOO_LONG)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()


def unpacked(body: bytes, packing: bytes) -> bytes:
    """The body without its packing, never more than ``BODY_LIMIT`` bytes. Raises ``HTTPException`` 400 and 413."""
    if packing not in _WINDOW:
        return body
    unpacking = zlib.decompressobj(_WINDOW[packing])
    try:
        plain = unpacking.decompress(body, BODY_LIMIT + 1)
    except zlib.error as error:
        raise bad(f"the body is not {packing.decode()}: {error}") from error
    if len(plain) > BODY_LIMIT:
        raise HTTPException(413, _TOO_LONG + " when unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise bad(f"the body is not one whole {packing.decode()} stream")
    return plain
