"""Zip files whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

from bedside.errors import DataError

_STORED = (".zip", ".png")
"""Compressed already."""


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of `files` in the order of their names, without times, users and modes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files, key=str.encode):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=6)
    return out.getvalue()


def unzipped(content: bytes, where: str) -> dict[str, bytes]:
    """The files of such a zip by name; raises `DataError` where it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise DataError("is no page for a browser", where=where) from error
