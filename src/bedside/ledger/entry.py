"""One entry of the ledger and the digest that chains it to the entry before."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import msgspec

GENESIS = "0" * 64
"""What the first entry names as its predecessor's digest."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, as it was written down.

    Attributes
    ----------
    seq: its place in the chain, from 1, without gaps.
    at: when it was written, UTC, ISO 8601 with microseconds and ``Z``.
    kind: what happened, such as ``answer``, ``review`` or ``log-in``.
    actor: who did it: a user's name, or the part of bedside that acted.
    subject: what it is about: an answer's id, a release's digest, a user's name; None where nothing is named.
    patient: random reference of the patient it is about; then ``body`` is encrypted under that patient's key.
    body: UTF-8 JSON, or nonce and AES-256-GCM ciphertext of it.
    previous: digest of the entry before, 64 hexadecimal digits; zeros for the first.
    digest: SHA-256 over all other fields, as ``digest_of`` defines it.
    """

    seq: int
    at: str
    kind: str
    actor: str
    subject: str | None
    patient: str | None
    body: bytes
    previous: str
    digest: str


def canonical(*fields: object) -> bytes:
    """The fields in one unambiguous run of bytes.

    Each field is a tag and its content: ``n`` for None; ``i`` and 8 bytes, big-endian and signed, for an integer; ``s``
    (text, as UTF-8) or ``b`` (bytes) with 8 bytes of length, big-endian, before the content. Tag and length say where a
    field ends, so no two different sequences of fields share an encoding. Raises ``TypeError`` for any other type.
    """
    return b"".join(map(_tagged, fields))


def _tagged(field: object) -> bytes:
    if field is None:
        return b"n"
    if isinstance(field, int) and not isinstance(field, bool):
        return b"i" + struct.pack(">q", field)
    if isinstance(field, str):
        # surrogateescape: bytes on a damaged disk that are no UTF-8 must still be digested, so as to be found wrong.
        encoded = field.encode("utf-8", "surrogateescape")
        return b"s" + struct.pack(">Q", len(encoded)) + encoded
    if isinstance(field, bytes):
        return b"b" + struct.pack(">Q", len(field)) + field
    raise TypeError(f"cannot encode a {type(field).__name__}")


def digest_of(entry: Entry) -> str:
    """SHA-256, in hexadecimal, of ``canonical(seq, at, kind, actor, subject, patient, body, previous)``."""
    content = canonical(
        entry.seq, entry.at, entry.kind, entry.actor, entry.subject, entry.patient, entry.body, entry.previous
    )
    return hashlib.sha256(content).hexdigest()


def chained(entry: Entry) -> Entry:
    """The same entry with its digest filled in."""
    return msgspec.structs.replace(entry, digest=digest_of(entry))


def encoded(body: msgspec.Struct | dict[str, Any]) -> bytes:
    """A body as UTF-8 JSON with sorted keys. Numbers that are not finite become null, as JSON has no others."""
    return msgspec.json.encode(body, order="deterministic")
