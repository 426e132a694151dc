"""File by file: what lies in a folder against a list of digests."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bedside.release.folder import OUTSIDE_DIGEST, sha256
from bedside.release.signature import BUNDLE, stated_digests

HOLDS, CHANGED, ADDED, REMOVED = "holds", "changed", "added", "removed"
MANIFEST = "manifest.json"


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """One file against its line in a list of digests.

    Attributes
    ----------
    name: of the file. state: ``"holds"``, ``"changed"``, ``"added"`` or ``"removed"``.
    expected: SHA-256 that the list states; None where it does not list the file. found: of the file's bytes; None
        where it is not there.
    """

    name: str
    state: str
    expected: str | None
    found: str | None


def compared(files: Mapping[str, bytes], expected: Mapping[str, str]) -> tuple[FileState, ...]:
    """Every file that is there or is listed, by name; ``signature.json`` cannot list itself and is left out."""
    found = {name: sha256(content) for name, content in files.items() if name != BUNDLE}
    return tuple(_state(name, expected.get(name), found.get(name)) for name in sorted(found.keys() | expected.keys()))


def _state(name: str, expected: str | None, found: str | None) -> FileState:
    if expected == found:
        state = HOLDS
    elif expected is None:
        state = ADDED
    else:
        state = REMOVED if found is None else CHANGED
    return FileState(name=name, state=state, expected=expected, found=found)


def named(states: tuple[FileState, ...], state: str) -> list[str]:
    """Names of the files in one state."""
    return [one.name for one in states if one.state == state]


def as_listed(files: Mapping[str, bytes]) -> tuple[str, tuple[FileState, ...]]:
    """What can be said of each file whether or not the signature holds: the list's file, and the comparison with it.

    The list is the signature's, and the manifest's where there is no signature or it cannot be read; then the files
    that the manifest does not cover are left out. Nothing where neither can be read.
    """
    signed = stated_digests(files.get(BUNDLE, b""))
    if signed is not None:
        return BUNDLE, compared(files, signed)
    packed = _packed_digests(files.get(MANIFEST, b""))
    if packed is None:
        return "", ()
    covered = {name: content for name, content in files.items() if name not in OUTSIDE_DIGEST | {MANIFEST}}
    return MANIFEST, compared(covered, packed)


class _Listing(msgspec.Struct):
    files: dict[str, str]


def _packed_digests(manifest: bytes) -> dict[str, str] | None:
    try:
        return msgspec.json.decode(manifest, type=_Listing).files
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
