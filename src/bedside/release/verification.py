"""Whether a release is, byte for byte, what was signed; opening it for use."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bedside.errors import DataError, Refused, SignatureInvalid, UsageError
from bedside.release.candidate import Candidate, candidate_of
from bedside.release.comparison import ADDED, CHANGED, REMOVED, as_listed, compared, named
from bedside.release.folder import digest_of, read_files, sha256, write_files
from bedside.release.json_document import read_document
from bedside.release.keys import fingerprint, read_public_key
from bedside.release.signature import BUNDLE, signed_digests
from bedside.release.signature_check import HOLDS, INVALID, MISMATCH, check
from bedside.release.signing import Signing


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature that holds says.

    Attributes
    ----------
    name, version, digest: of the release; `digest` is the candidate digest.
    signed_by, signed_at, trained_by, signer_is_trainer: from ``signing.json``.
    key: SHA-256 of the public key's PEM text. files: how many files the signature covers. holds: always.
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
    holds: bool = True


@dataclass(frozen=True)
class Release(Candidate):
    """A release whose signature holds; the bytes in it are those that were verified.

    Attributes
    ----------
    verified: who signed it, when, and with which key.
    """

    verified: Verified


def verify(path: Path, key: Path) -> Verified:
    """Hold a release (folder or zip) to its signature.

    Raises
    ------
    SignatureInvalid: a file was changed, added or removed; the key is another one; ``signature.json`` is missing,
        damaged or another release's. The message says which, and names the file; the error's ``files`` has each one's
        state.
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
    return verified_release(files, key, fingerprint(public), path)


def verified_release(files: Mapping[str, bytes], key: Path, mark: str, path: Path) -> Release:
    """The same of files that were already read; `mark` is the fingerprint of `key`."""
    try:
        return _verified(files, key, mark, path)
    except SignatureInvalid as error:
        error.listed_in, error.files = as_listed(files)
        raise


def _verified(files: Mapping[str, bytes], key: Path, mark: str, path: Path) -> Release:
    if BUNDLE not in files:
        raise SignatureInvalid("is not signed: there is no signature.json", where=str(path))
    signed = signed_digests(files[BUNDLE], mark, path)
    _verify_signature(files, key, path, signed)
    refuse_differences(files, signed, path)
    candidate, signing = _documents(files, path)
    verified = Verified(
        name=candidate.manifest.name,
        version=candidate.manifest.version,
        digest=candidate.digest,
        signed_by=signing.by,
        signed_at=signing.at,
        trained_by=signing.trained_by,
        signer_is_trainer=signing.signer_is_trainer,
        key=mark,
        files=len(signed),
    )
    return Release(**vars(candidate), verified=verified)


def _verify_signature(files: Mapping[str, bytes], key: Path, path: Path, signed: Mapping[str, str]) -> None:
    """OpenSSF model signing's own verification, over a private copy of exactly the bytes that were read."""
    try:
        with tempfile.TemporaryDirectory(prefix="bedside-") as name:
            private = Path(name)
            write_files({n: content for n, content in files.items() if n != BUNDLE}, private / "release")
            (private / BUNDLE).write_bytes(files[BUNDLE])
            verdict = check(private / "release", private / BUNDLE, key)
    except OSError as error:
        raise UsageError(
            f"cannot be checked here: {error.strerror}",
            where=str(path),
            remedy="A copy of it must fit into the folder for temporary files; TMPDIR names another",
        ) from error
    if verdict == HOLDS:
        return
    where = str(path / BUNDLE)
    if verdict == INVALID:
        raise SignatureInvalid("does not hold: it was changed after signing", where=where)
    refuse_differences(files, signed, path, vouched=verdict.startswith(MISMATCH))
    raise SignatureInvalid(f"does not hold: {verdict}", where=where)


def refuse_differences(
    files: Mapping[str, bytes], signed: Mapping[str, str], path: Path, *, vouched: bool = True
) -> None:
    """Name every file that is not what was signed; `vouched`: the list itself is what was signed.

    Raises
    ------
    SignatureInvalid: there is one.
    """
    states = compared(files, signed)
    changed = named(states, CHANGED)
    found = [(state, named(states, state)) for state in (CHANGED, ADDED, REMOVED)]
    problems = [f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} {what}" for what, names in found if names]
    said = "; ".join(problems) + " after signing"
    if {"manifest.json", "signing.json"} <= set(changed):
        said = f"signature.json is another release's: {', '.join(changed)} differ from what it covers"
    if problems:
        error = SignatureInvalid(said, where=str(path), vouched=vouched)
        error.listed_in, error.files = BUNDLE, states
        raise error


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
