"""A signed release and its page as one zip, to be unpacked on any file server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bedside.browser.archive import unzipped, zipped
from bedside.browser.target import PAGE, TARGET
from bedside.errors import UsageError
from bedside.release import Release, open_release, write_file
from bedside.release.folder import sha256
from bedside.release.keys import public_pem


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes
    ----------
    out: the zip. size: its bytes. name, version, digest: of the release.
    key: fingerprint of the public key, as the page shows it.
    """

    out: str
    size: int
    name: str
    version: str
    digest: str
    key: str


def write_site(release: Path, key: Path, out: Path, *, today: date) -> Site:
    """Verify a release and write its page, with all that it needs, to `out`; the same release gives the same bytes.

    Raises
    ------
    SignatureInvalid: the release is not what was signed with this key. Refused: it has expired.
    UsageError: it was not packed for the target ``browser``, or `out` cannot be written.
    """
    opened = open_release(release, key)
    opened.manifest.require_valid(today)
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError("is no place for a file", where=str(out), remedy="Give --out a new file, such as site.zip")
    content = zipped(site_files(opened, key))
    write_file(out, content)
    verified = opened.verified
    return Site(str(out), len(content), verified.name, verified.version, verified.digest, verified.key)


def site_files(release: Release, key: Path) -> dict[str, bytes]:
    """The files of the site by their paths."""
    listed = release.manifest.targets.get(TARGET.name)
    if listed is None:
        raise UsageError(
            "was not packed for the target browser",
            where=str(release.folder),
            remedy='Train it with browser in [targets] names, for example names = ["server-cpu", "browser"]',
        )
    packed = unzipped(release.files[listed.file], str(release.folder / listed.file))
    page = {name.removeprefix(PAGE): content for name, content in packed.items() if name.startswith(PAGE)}
    signed = {f"release/{name}": content for name, content in release.files.items()}
    files = page | signed | {"signing.pub": public_pem(key)}
    return files | {"site.js": _list(files)}


def _list(files: Mapping[str, bytes]) -> bytes:
    """``site.js``: what a device keeps for use without a network; its bytes tell a browser that something is new."""
    digests = {name: sha256(content) for name, content in sorted(files.items())}
    digest = sha256("".join(f"{name} {one}\n" for name, one in digests.items()).encode())
    return f"self.SITE = {json.dumps({'digest': digest, 'files': digests})};\n".encode()
