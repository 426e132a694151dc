"""How people and programs get in, as the operator wants it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bedside.errors import UsageError
from bedside.ledger.sessions import IDLE, LONGEST
from bedside.serving.limits import SERVICES, Rate
from bedside.serving.oidc import SignOn, read_provider

CONNECTIONS = 500


@dataclass(frozen=True)
class Admission:
    """Rules for whoever asks.

    Attributes
    ----------
    idle: after so long without use a session ends. services: how often one service key may ask.
    sign_on: log-ins through a provider; None: only with passwords of ours. connections: how many may be open at once.
    """

    idle: timedelta = IDLE
    services: Rate = SERVICES
    sign_on: SignOn | None = None
    connections: int = CONNECTIONS

    @property
    def passwords(self) -> bool:
        """Whether people may log in with a password of ours."""
        return self.sign_on is None or self.sign_on.provider.passwords


def admission(
    idle_minutes: int = 15,
    rate_limit: int = 10_000,
    oidc: str | Path | None = None,
    connections: int = CONNECTIONS,
) -> Admission:
    """From the options of ``bedside serve``. Raises ``UsageError`` for what makes no sense."""
    longest = int(LONGEST.total_seconds()) // 60
    if not 1 <= idle_minutes <= longest:
        raise UsageError(f"a session ends after 1 to {longest} idle minutes", where="--idle-minutes")
    if rate_limit < 1:
        raise UsageError("a key may make at least one request a second", where="--rate-limit")
    if connections < 1:
        raise UsageError("at least one connection may be open", where="--connections")
    sign_on = None if oidc is None else SignOn(read_provider(oidc))
    return Admission(timedelta(minutes=idle_minutes), Rate(rate_limit, rate_limit), sign_on, connections)
