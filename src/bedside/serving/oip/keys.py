"""Who asks: the ledger is not asked anew for each of a thousand requests a second."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bedside.ledger import Ledger, User

HOLDS_SECONDS = 0.5
"""How long a key that was found good is taken as good: one that was revoked or expired works no longer than that."""


@dataclass(frozen=True)
class Keys:
    """Services that the ledger knew a moment ago, by the SHA-256 of their key; ``clock`` gives seconds."""

    ledger: Ledger
    clock: Callable[[], float] = time.monotonic
    proven: dict[bytes, tuple[User, float]] = field(default_factory=dict)

    def known(self, digested: bytes) -> User | None:
        """The service whose key has this `digest`, where the ledger was asked a moment ago."""
        found = self.proven.get(digested)
        return found[0] if found is not None and self.clock() - found[1] < HOLDS_SECONDS else None

    def prove(self, key: str) -> User:
        """The service, as the ledger says now. Raises ``AccessDenied`` (401)."""
        # The time before asking: what the ledger says was true no earlier.
        asked, digested = self.clock(), digest(key)
        self.proven.pop(digested, None)
        user = self.ledger.authenticate_key(key)
        self.proven[digested] = (user, asked)
        return user


def digest(key: str) -> bytes:
    """SHA-256: a key itself is not kept."""
    return hashlib.sha256(key.encode()).digest()
