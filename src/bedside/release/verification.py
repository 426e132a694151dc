"""Whether a release is, byte for byte, what was signed; opening it for use."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bedside.errors import DataError, Refused, SignatureInvalid, UsageError
from bedside.release.candidate import Candidate, candidate_of
from bedside.release.folder import digest_of, read_files, sha256, write_files
from bedside.release.json_document import read_document
from bedside.release.keys import fingerprint, read_public_key
from bedside.release.signature_check import HOLDS, INVALID, check
from bedside.release.signing import Signing


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature that holds says.

    Attributes
    ----------
    name, version, digest: of the release; `digest` is the candidate digest.
    signed_by, signed_at, trained_by, signer_is_trainer: from ``signing.json``.
    key: SHA-256 of the public key's PEM text. files: how many files the signature covers.
    """

    name: str
    version: str
    digest: str
    signed_by: str
    signed_at: dt.datetime
    trained_by: str
    signer_is_trainer: bool
    key: str
    files: int


@dataclass(frozen=True)
class Release(Candidate):
    """A release whose signature holds; the bytes in it are those that were verified.

    Attributes
    ----------
    verified: who signed it, when, and with which key.
    """

    verified: Verified


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


PREDICATE = "https://model_signing/signature/v1.0"
PLAIN = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
"""The only way of hashing that is accepted: each file whole, none ignored, no link followed."""


def verify(path: Path, key: Path) -> Verified:
    """Hold a release (folder or zip) to its signature.

    Raises
    ------
    SignatureInvalid: a file was changed, added or removed; the key is another one; ``signature.json`` is missing,
        damaged or another release's. The message says which, and names the file.
    NotFound: there is nothing at `path`. UsageError: it or the key cannot be read, or no copy of it be made to check.
    """
    return open_release(path, key).verified


def open_release(path: Path, key: Path) -> Release:
    """Verify a release (folder or zip) and open it; raises as `verify`."""
    public = read_public_key(key)
    try:
        files = read_files(path)
    except Refused as error:
        raise SignatureInvalid(error.what, where=error.where, remedy=error.remedy) from error
    if "signature.json" not in files:
        raise SignatureInvalid("is not signed: there is no signature.json", where=str(path))
    signed = _signed_digests(files["signature.json"], fingerprint(public), path)
    _verify_signature(files, key, path, signed)
    _compare(files, signed, path)
    candidate, signing = _documents(files, path)
    verified = Verified(
        name=candidate.manifest.name,
        version=candidate.manifest.version,
        digest=candidate.digest,
        signed_by=signing.by,
        signed_at=signing.at,
        trained_by=signing.trained_by,
        signer_is_trainer=signing.signer_is_trainer,
        key=fingerprint(public),
        files=len(signed),
    )
    return Release(**vars(candidate), verified=verified)


def _signed_digests(signature: bytes, key: str, path: Path) -> dict[str, str]:
    """File name → SHA-256 as the signature states them; whether the signature holds is not yet known."""
    where = str(path / "signature.json")
    try:
        bundle: _Bundle = msgspec.json.decode(signature, type=_Bundle)
        payload = base64.b64decode(bundle.dsse_envelope.payload, validate=True)
        statement: _Statement = msgspec.json.decode(payload, type=_Statement)
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


def _verify_signature(files: Mapping[str, bytes], key: Path, path: Path, signed: Mapping[str, str]) -> None:
    """OpenSSF model signing's own verification, over a private copy of exactly the bytes that were read."""
    try:
        with tempfile.TemporaryDirectory(prefix="bedside-") as name:
            private = Path(name)
            write_files({n: content for n, content in files.items() if n != "signature.json"}, private / "release")
            (private / "signature.json").write_bytes(files["signature.json"])
            verdict = check(private / "release", private / "signature.json", key)
    except OSError as error:
        raise UsageError(
            f"cannot be checked here: {error.strerror}",
            where=str(path),
            remedy="A copy of it must fit into the folder for temporary files; TMPDIR names another",
        ) from error
    if verdict == HOLDS:
        return
    where = str(path / "signature.json")
    if verdict == INVALID:
        raise SignatureInvalid("does not hold: it was changed after signing", where=where)
    _compare(files, signed, path)
    raise SignatureInvalid(f"does not hold: {verdict}", where=where)


def _compare(files: Mapping[str, bytes], signed: Mapping[str, str], path: Path) -> None:
    """Name every file that is not what was signed."""
    present = {name: sha256(content) for name, content in files.items() if name != "signature.json"}
    changed = sorted(name for name in present.keys() & signed.keys() if present[name] != signed[name])
    found = [
        ("changed", changed),
        ("added", sorted(present.keys() - signed.keys())),
        ("removed", sorted(signed.keys() - present.keys())),
    ]
    problems = [f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} {what}" for what, names in found if names]
    if {"manifest.json", "signing.json"} <= set(changed):
        raise SignatureInvalid(
            f"signature.json is another release's: {', '.join(changed)} differ from what it covers", where=str(path)
        )
    if problems:
        raise SignatureInvalid("; ".join(problems) + " after signing", where=str(path))


def _documents(files: Mapping[str, bytes], path: Path) -> tuple[Candidate, Signing]:
    """What was signed must also agree with itself."""
    try:
        candidate = candidate_of(files, path)
        if "signing.json" not in files or "evidence.json" not in files:
            raise Refused("was signed without signing.json or evidence.json", where=str(path))
        signing: Signing = read_document(files["signing.json"], Signing, where=str(path / "signing.json"))
        if (signing.candidate_digest, signing.evidence_digest) != (digest_of(files), sha256(files["evidence.json"])):
            raise Refused("signing.json is about another candidate or other evidence", where=str(path))
    except (Refused, DataError) as error:
        raise SignatureInvalid(error.what, where=error.where, remedy=error.remedy) from error
    return candidate, signing
