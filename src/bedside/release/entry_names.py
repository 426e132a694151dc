"""Names of a zip's entries: plain files of one flat folder, which no file system could confuse or send elsewhere."""

from __future__ import annotations

import stat
import unicodedata
import zipfile
from collections.abc import Iterable

from bedside.errors import Refused

_FORBIDDEN = set('/\\:*?"<>|')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}
"""Names that Windows takes for devices, whatever stands behind the first dot."""
_FOLDER, _VOLUME = 0x10, 0x08
"""Attributes of MS-DOS, in the low byte."""


def flat_names(entries: list[zipfile.ZipInfo], where: str) -> dict[str, str]:
    """Name in the zip → name in the folder, for every file.

    One folder around all files, as zip tools write it, is taken off.

    Raises
    ------
    Refused: a path, a folder, a link, a device, a name that is there twice or that some systems take for another.
    """
    prefix = _prefix(entries)
    found: dict[str, str] = {}
    for entry in entries:
        if entry.filename in found:
            raise Refused(f"entry {entry.filename!r} is there twice", where=where)
        found[entry.filename] = entry.filename.removeprefix(prefix)
        if not _is_top_folder(entry, prefix):
            _refuse_place(entry, found[entry.filename], where)
            _refuse_kind(entry, where)
    found.pop(prefix, None)
    _refuse_alike(found.values(), where)
    return found


def _is_top_folder(entry: zipfile.ZipInfo, prefix: str) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return entry.orig_filename == prefix and not entry.file_size and kind in (0, stat.S_IFDIR)


def _prefix(entries: list[zipfile.ZipInfo]) -> str:
    """``"name/"`` where every entry lies in one folder of that name; else empty."""
    tops = {entry.filename.partition("/")[0] if "/" in entry.filename else "" for entry in entries}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top not in ("", ".", "..") else ""


def _refuse_place(entry: zipfile.ZipInfo, name: str, where: str) -> None:
    # The name as it is written: zipfile cuts it at a NUL, and other readers do not.
    if name in ("", ".", "..") or _FORBIDDEN & set(name) or "\0" in entry.orig_filename:
        raise Refused(f"entry {entry.orig_filename!r} is not a file of one flat folder", where=where)
    if not name.isprintable() or name != name.rstrip(". ") or name.partition(".")[0].rstrip().casefold() in _DEVICES:
        raise Refused(f"entry {entry.orig_filename!r} has a name that some systems take for another", where=where)


def _refuse_kind(entry: zipfile.ZipInfo, where: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.external_attr & (_FOLDER | _VOLUME):
        raise Refused(f"entry {entry.filename!r} is a link, a device or no plain file", where=where)


def _refuse_alike(names: Iterable[str], where: str) -> None:
    """Some file systems know no difference of case (Unicode: caseless match), others none of composition."""
    seen: dict[str, str] = {}
    for name in names:
        alike = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if alike in seen:
            raise Refused(f"entries {seen[alike]!r} and {name!r} are the same name on some systems", where=where)
        seen[alike] = name
