"""From an accepted candidate to a release, and on its way: ``keygen``, ``sign``, ``verify``, ``send``, ``receive``."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bedside.release import Received, Sent, Verified


class Keys(msgspec.Struct, frozen=True):
    """Paths of a new key pair."""

    private: str
    public: str


class Signed(msgspec.Struct, frozen=True):
    """What `sign` wrote."""

    release: str
    digest: str
    signed_by: str
    signer_is_trainer: bool


def keygen(*, out: str | Path) -> Keys:
    """Make a key pair on this machine; raises `Conflict` where the folder already holds one."""
    from bedside.release import keygen as make

    private, public = make(Path(out))
    return Keys(str(private), str(public))


def sign(candidate: str | Path, *, key: str | Path, out: str | Path, by: str | None = None) -> Signed:
    """Sign a validated candidate into a release folder.

    Raises `GateFailed` where evidence is missing, belongs to other bytes, holds no gate or a gate that failed, or where
    the study's intended use or population was never written.
    """
    from bedside.release import Signing, open_candidate
    from bedside.release import sign as seal

    login = getpass.getuser()
    release = seal(open_candidate(Path(candidate)), Path(key), Path(out), by=by or login, login=login)
    signing = msgspec.json.decode((release / "signing.json").read_bytes(), type=Signing)
    return Signed(str(out), signing.candidate_digest, signing.by, signing.signer_is_trainer)


def verify(release: str | Path, *, key: str | Path) -> Verified:
    """Check a release against its signature.

    Raises `SignatureInvalid` naming each file that does not hold; its ``files`` has the state of every file.
    """
    from bedside.release import verify as check

    return check(Path(release), Path(key))


def send(release: str | Path, *, out: str | Path | None = None) -> Sent:
    """Write a release or a candidate as one file, whose bytes depend on nothing but its content.

    Raises `Refused` where a file is not what the manifest or the signature lists, `Conflict` where `out` is there.
    """
    from bedside.release import send as write

    return write(Path(release), None if out is None else Path(out))


def receive(file: str | Path, *, key: str | Path | None = None, out: str | Path | None = None) -> Received:
    """Unpack what `send` wrote, whole or not at all, and only once its signature holds.

    Without `key` a candidate is expected: it must hold to its own manifest, and is called unsigned.

    Raises `SignatureInvalid` or `Refused` where it does not hold or could be read differently, `Conflict` where `out`
    is there.
    """
    from bedside.release import receive as unpack

    return unpack(Path(file), None if key is None else Path(key), None if out is None else Path(out))
