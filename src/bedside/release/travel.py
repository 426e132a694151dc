"""A release on its way: written as one file, and taken in whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bedside.errors import Conflict, NotFound, Refused, SignatureInvalid, UsageError
from bedside.release.archive import unarchived, write_archive
from bedside.release.candidate import Candidate, candidate_of
from bedside.release.folder import SIGNED, file_sha256, read_files, staging, write_files
from bedside.release.keys import fingerprint, read_public_key
from bedside.release.signature import BUNDLE, stated_digests
from bedside.release.verification import Release, refuse_differences, verified_release

SUFFIX = ".zip"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A release or a candidate as one file.

    Attributes
    ----------
    file: where it was written. name, version, digest: of what is in it; `digest` is the candidate digest.
    signed: whether a signature lies in it. files: how many. size: of the file, in bytes. sha256: of the file.
    """

    file: str
    name: str
    version: str
    digest: str
    signed: bool
    files: int
    size: int
    sha256: str


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What was unpacked.

    Attributes
    ----------
    folder: where it lies. name, version, digest: of the release; `digest` is the candidate digest.
    signed: whether a signature holds; if not, it is a candidate that nobody vouches for.
    signed_by: from ``signing.json``; None for a candidate. files: how many.
    """

    folder: str
    name: str
    version: str
    digest: str
    signed: bool
    signed_by: str | None
    files: int


def send(path: Path, out: Path | None = None) -> Sent:
    """Write a release or a candidate (folder or zip) as one file; equal content gives equal bytes.

    Whether its signature is the right person's is the receiver's to check; that each file is what the signature lists
    is checked here already.

    Parameters
    ----------
    out: default ``NAME-VERSION.zip`` in the current folder, for a candidate ``NAME-VERSION.candidate.zip``.

    Raises
    ------
    Refused: it does not hold to its own manifest or signature, or is too large for one file. Conflict: `out` is there
        already. NotFound: there is nothing at `path`. UsageError: `out` cannot be written, or lies in the release.
    """
    files = read_files(path)
    if BUNDLE in files:
        refuse_differences(files, stated_digests(files[BUNDLE]) or {}, path, vouched=False)
    candidate = candidate_of(files, path)
    chosen = Path(_file_name(candidate)) if out is None else out
    target = chosen.absolute()
    _refuse_target(target, path)
    with staging(target) as stage:
        draft = stage / target.name
        write_archive(files, draft)
        if unarchived(draft) != dict(files):
            raise Refused("does not read back as it was written", where=str(target), remedy="Look at the disk")
        mark, size = file_sha256(draft), draft.stat().st_size
        draft.rename(target)
    manifest = candidate.manifest
    return Sent(
        file=str(chosen),
        name=manifest.name,
        version=manifest.version,
        digest=candidate.digest,
        signed=candidate.signed,
        files=len(files),
        size=size,
        sha256=mark,
    )


def _file_name(candidate: Candidate) -> str:
    name = f"{candidate.manifest.name}-{candidate.manifest.version}"
    if not all(letter.isalnum() or letter in "-_.+" for letter in name):
        raise UsageError(f"{name!r} makes no name of a file", remedy="Name one with --out")
    return f"{name}{'' if candidate.signed else '.candidate'}{SUFFIX}"


def _refuse_target(target: Path, path: Path) -> None:
    if target.exists() or target.is_symlink():
        raise Conflict("is there already", where=str(target), remedy="Choose another --out")
    if target.parent.resolve() == path.resolve():
        raise UsageError(
            "lies in what is to be sent, and would change it", where=str(target), remedy="Choose another --out"
        )


def receive(file: Path, key: Path | None, out: Path | None = None) -> Received:
    """Unpack what `send` wrote into a new folder, once it holds; otherwise nothing is written.

    Parameters
    ----------
    key: the public key that a release must be signed with. None: a candidate is expected, held to its own manifest.
    out: default the file's name without ``.zip``, in the current folder. An empty folder there is filled.

    Raises
    ------
    SignatureInvalid: the signature does not hold; or there is none, and a key was given. Refused: it is no zip of one
        flat folder within the limits, or readers could read it differently, or does not hold to its own manifest, or
        its signature was taken out. Conflict: `out` is there already. NotFound: there is no such file.
    UsageError: it is signed and no key was given; it or the key cannot be read; `out` cannot be written.
    """
    chosen = _folder(file) if out is None else out
    target = chosen.absolute()
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise Conflict("is there already", where=str(target), remedy="Choose another --out")
    files = _packed(file)
    opened = _signed(files, key, file) if key is not None else _unsigned(files, file)
    with staging(target) as stage:
        write_files(files, stage / target.name)
        # A rename replaces an empty folder and nothing else, also where one was made meanwhile.
        (stage / target.name).rename(target)
    return Received(
        folder=str(chosen),
        name=opened.manifest.name,
        version=opened.manifest.version,
        digest=opened.digest,
        signed=isinstance(opened, Release),
        signed_by=opened.verified.signed_by if isinstance(opened, Release) else None,
        files=len(files),
    )


def _folder(file: Path) -> Path:
    name = file.name.removesuffix(SUFFIX)
    if name in ("", file.name):
        raise UsageError("does not end in .zip", where=str(file), remedy="Name the new folder with --out")
    return Path(name)


def _packed(file: Path) -> dict[str, bytes]:
    if file.is_dir():
        raise UsageError("is a folder", where=str(file), remedy="Give the file that bedside send wrote")
    if not file.is_file():
        raise NotFound("there is no such file", where=str(file))
    return read_files(file)


def _signed(files: Mapping[str, bytes], key: Path, file: Path) -> Candidate:
    public = read_public_key(key)
    if not set(SIGNED) & files.keys():
        raise SignatureInvalid(
            "is not signed: there is no signature.json",
            where=str(file),
            remedy="Without --key a candidate is received, and called unsigned",
        )
    return verified_release(files, key, fingerprint(public), file)


def _unsigned(files: Mapping[str, bytes], file: Path) -> Candidate:
    if BUNDLE in files:
        raise UsageError("is signed", where=str(file), remedy="Give the signer's public key with --key")
    if set(SIGNED) & files.keys():
        raise Refused("was signed, and its signature was taken out", where=str(file), remedy="Ask for it again")
    return candidate_of(files, file)
