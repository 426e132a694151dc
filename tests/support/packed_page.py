"""A release that was packed for browsers, and its site as somebody unpacked it on a file server."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

from bedside.browser import write_site


@dataclass
class Packed:
    """A signed release, its key, its site as a zip and unpacked."""

    release: Path
    key: Path
    zip: Path
    site: Path


def packed(folder: Path, release: Path, key: Path) -> Packed:
    write_site(release, key, folder / "site.zip", today=dt.date(2026, 1, 1))
    shutil.unpack_archive(folder / "site.zip", folder / "site")
    return Packed(release, key, folder / "site.zip", folder / "site")
