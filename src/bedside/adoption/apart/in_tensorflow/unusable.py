"""What this program says no with."""

from __future__ import annotations

from collections.abc import Iterable


class Unusable(Exception):  # noqa: N818 - it says what it is
    """What is wrong with the model; and what to do about it, or nothing."""


def listed(names: Iterable[str]) -> str:
    """Names by comma, the first twelve of them."""
    every = list(names)
    return ", ".join(every[:12]) + (f" and {len(every) - 12} more" if len(every) > 12 else "") or "none"


def first_line(error: BaseException) -> str:
    """What an exception says, without the rest of its story."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
