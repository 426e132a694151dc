"""Moments as the ledger writes them: UTC, microseconds, so that text sorts as time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine's clock, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """``2026-03-01T08:15:00.000000Z``: always 27 characters, so that comparing texts compares moments.

    Raises ``ValueError`` for a moment without a time zone, which no reader could place.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
