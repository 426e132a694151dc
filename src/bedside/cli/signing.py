"""From an accepted candidate to a release: ``keygen``, ``sign``, ``verify``."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bedside.release import Verified


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
    """Check a release against its signature; raises `SignatureInvalid` naming each file that does not hold."""
    from bedside.release import verify as check

    return check(Path(release), Path(key))
