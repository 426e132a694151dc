"""A signature that does not hold, file by file: for a terminal, and as the one object of ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bedside.errors import SignatureInvalid

if TYPE_CHECKING:
    from bedside.release import FileState

SHOWN = 12
"""Digits of a digest on a terminal; ``--json`` has all 64."""


def document(error: SignatureInvalid) -> str:
    """``holds`` (false), what is wrong and where, ``listed_in``, ``vouched``, and the state of each file."""
    content = {
        "holds": False,
        "what": error.what,
        "where": error.where,
        "remedy": error.remedy,
        "listed_in": error.listed_in,
        "vouched": error.vouched,
        "by_file": error.files,
    }
    return msgspec.json.encode(content).decode() + "\n"


def text(error: SignatureInvalid) -> str:
    """One line a file, and what the list is worth."""
    if not error.files:
        return ""
    width = max(len(_shown(one.name)) for one in error.files)
    lines = [_line(one, width) for one in error.files]
    worth = f"Expected: as {error.listed_in} lists it"
    if not error.vouched:
        worth += ". No signature that holds vouches for that list"
    return "\n".join([*lines, worth]) + "\n"


def _line(file: FileState, width: int) -> str:
    expected, found = (digest[:SHOWN] if digest else "nothing" for digest in (file.expected, file.found))
    digests = found if file.expected == file.found else f"expected {expected}, found {found}"
    return f"{file.state:<8} {_shown(file.name):<{width}}  {digests}"


def _shown(name: str) -> str:
    """A name that nobody can steer a terminal with."""
    return name if name.isprintable() else ascii(name)
