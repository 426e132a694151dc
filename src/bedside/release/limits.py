"""How large a release may be; whoever reads one holds it to this before the bytes are in memory."""

from __future__ import annotations

from bedside.errors import Refused

LARGEST_FILE = 2 * 1024**3
LARGEST_RELEASE = 4 * 1024**3
MOST_FILES = 64
LARGEST_RATIO = 100
"""Of the unpacked size to the packed one. Weights hardly shrink, JSON to a tenth; a bomb to a thousandth."""
FREE = 64 * 1024**2
"""Up to so many bytes unpacked, the ratio is not looked at: JSON of many like rows may shrink further."""


def refuse_many(entries: int, where: str) -> None:
    """Raises `Refused` for more files than a release has."""
    if entries > MOST_FILES:
        raise Refused(f"holds {entries} entries; a release has at most {MOST_FILES}", where=where)


def refuse_size(name: str, size: int, before: int, where: str) -> int:
    """Bytes so far, with the file `name`; raises `Refused` where it, or all of them, are too many."""
    if size > LARGEST_FILE or before + size > LARGEST_RELEASE:
        limits = f"{LARGEST_FILE // 1024**3} GiB a file, {LARGEST_RELEASE // 1024**3} GiB in all"
        raise Refused(f"`{name}` is too large: at most {limits}", where=where)
    return before + size


def refuse_ratio(unpacked: int, packed: int, where: str) -> None:
    """Raises `Refused` for a file that unpacks to far more than a release does."""
    if unpacked > max(FREE, LARGEST_RATIO * packed):
        raise Refused(
            f"would unpack to {unpacked / 1024**2:.0f} MiB from {packed / 1024**2:.2f} MiB: no release shrinks so far",
            where=where,
        )
