"""How people and programs get in, as the operator wants it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bedside.errors import UsageError
from bedside.ledger.sessions import IDLE, LONGEST
from bedside.serving.limits import SERVICES, Rate


@dataclass(frozen=True)
class Admission:
    """Rules for whoever asks.

    Attributes
    ----------
    idle: after so long without use a session ends. services: how often one service key may ask.
    """

    idle: timedelta = IDLE
    services: Rate = SERVICES


def admission(idle_minutes: int = 15, rate_limit: int = 10_000) -> Admission:
    """From the options of ``bedside serve``. Raises ``UsageError`` for a number that makes no sense."""
    longest = int(LONGEST.total_seconds()) // 60
    if not 1 <= idle_minutes <= longest:
        raise UsageError(f"a session ends after 1 to {longest} idle minutes", where="--idle-minutes")
    if rate_limit < 1:
        raise UsageError("a key may make at least one request a second", where="--rate-limit")
    return Admission(timedelta(minutes=idle_minutes), Rate(rate_limit, rate_limit))
