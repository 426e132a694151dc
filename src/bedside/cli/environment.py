"""Tools in an environment of their own: ``environment``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bedside.cli.progress import Progress


class Environment(msgspec.Struct, frozen=True):
    """An environment that is there now: the tool, and its folder."""

    name: str
    folder: str


def environment(name: str, *, progress: Progress | None = None) -> Environment:
    """Install a tool that does not fit together with ours into an environment of its own, with exact versions.

    Raises `UsageError` where there is no such tool, and `MissingEnvironment` where it could not be made.
    """
    from bedside.environments import TOOLS, make

    if progress:
        progress(f"Installing {TOOLS.get(name, name)}", 0, 1)
    folder = make(name)
    if progress:
        progress(f"Installing {TOOLS.get(name, name)}", 1, 1)
    return Environment(name, str(folder))
