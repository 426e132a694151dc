"""What a ``signature.json`` states; whether it holds is OpenSSF model signing's to say."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import msgspec

from bedside.errors import SignatureInvalid

BUNDLE = "signature.json"
PREDICATE = "https://model_signing/signature/v1.0"
PLAIN = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
"""The only way of hashing that is accepted: each file whole, none ignored, no link followed."""


class _PublicKeyHint(msgspec.Struct):
    hint: str


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKeyHint


class _Seal(msgspec.Struct):
    sig: str


class _Envelope(msgspec.Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Seal]


class _Bundle(msgspec.Struct, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(msgspec.Struct):
    name: str
    algorithm: str
    digest: str


class _Predicate(msgspec.Struct):
    serialization: dict[str, Any]
    resources: list[_Resource]


class _Statement(msgspec.Struct, rename="camel"):
    predicate_type: str
    predicate: _Predicate


def stated_digests(signature: bytes) -> dict[str, str] | None:
    """File name → SHA-256 as a signature states them, whoever made it; None where it cannot be read."""
    try:
        _, statement = _decoded(signature)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, RecursionError):
        return None
    return {resource.name: resource.digest for resource in statement.predicate.resources}


def _decoded(signature: bytes) -> tuple[_Bundle, _Statement]:
    bundle: _Bundle = msgspec.json.decode(signature, type=_Bundle)
    payload = base64.b64decode(bundle.dsse_envelope.payload, validate=True)
    return bundle, msgspec.json.decode(payload, type=_Statement)


def signed_digests(signature: bytes, key: str, path: Path) -> dict[str, str]:
    """File name → SHA-256 as the signature states them; whether the signature holds is not yet known.

    Raises
    ------
    SignatureInvalid: it cannot be read, names another key than `key`, or does not cover every file as it is.
    """
    where = str(path / BUNDLE)
    try:
        bundle, statement = _decoded(signature)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, RecursionError) as error:
        raise SignatureInvalid("cannot be read as a signature; it is cut short or damaged", where=where) from error
    if bundle.verification_material.public_key.hint != key:
        raise SignatureInvalid(
            f"was made with another key (SHA-256 {bundle.verification_material.public_key.hint[:16]}...), "
            f"not with the given one ({key[:16]}...)",
            where=where,
        )
    predicate = statement.predicate
    # What stands in a signature steers how it is verified: one that ignores files or follows links is not accepted.
    if statement.predicate_type != PREDICATE or len(bundle.dsse_envelope.signatures) != 1:
        raise SignatureInvalid("is of a form that bedside does not accept", where=where)
    if predicate.serialization != PLAIN:
        odd = ", ".join(sorted(k for k, v in predicate.serialization.items() if PLAIN.get(k) != v or k not in PLAIN))
        raise SignatureInvalid(f"does not cover every file as it is ({odd or 'incomplete'})", where=where)
    if any(r.algorithm != "sha256" for r in predicate.resources):
        raise SignatureInvalid("is over digests other than SHA-256", where=where)
    return {resource.name: resource.digest for resource in predicate.resources}
