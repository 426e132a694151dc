"""Why something cannot be done, for whoever started the program."""

from __future__ import annotations


class CannotConvert(Exception):  # noqa: N818 - it says what it is
    """The graph holds something that has no counterpart in torch or ExecuTorch."""


class NoProgram(Exception):  # noqa: N818 - it says what it is
    """The file cannot be loaded, or does not take these values."""
