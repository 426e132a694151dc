"""How many requests one caller may make: a token bucket for each, in this process' memory."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.exceptions import HTTPException

_MOST = 20_000  # callers that are remembered; the one longest silent is forgotten first, with a full bucket


class Rate(NamedTuple):
    """``burst`` requests at once, then ``per_second``."""

    per_second: int
    burst: int


SERVICES = Rate(10_000, 10_000)
PEOPLE = Rate(200, 2_000)
STRANGERS = Rate(100, 1_000)
LOG_INS = Rate(2, 100)
"""By key, by user, by address of whoever is not logged in, and there where one proves who one is."""


class TooMany(HTTPException):
    """429, and in how many seconds the next request will be taken."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, "there were too many requests", {"Retry-After": str(max(1, math.ceil(seconds)))})


@dataclass(frozen=True)
class Limits:
    """The buckets of all callers; safe from several threads. ``clock`` gives seconds that never run backwards."""

    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)
    _filled: dict[tuple[Rate, str], tuple[float, float]] = field(default_factory=dict)

    def take(self, rate: Rate, who: str) -> None:
        """One request of ``who``. Raises ``TooMany`` (429) where the bucket is empty."""
        now = self.clock()
        with self.lock:
            tokens, since = self._filled.pop((rate, who), (rate.burst, now))
            tokens = min(rate.burst, tokens + (now - since) * rate.per_second)
            enough = tokens >= 1
            self._filled[rate, who] = (tokens - 1 if enough else tokens, now)
            if len(self._filled) > _MOST:
                del self._filled[next(iter(self._filled))]
        if not enough:
            raise TooMany((1 - tokens) / rate.per_second)


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that an IPv6 host can choose its addresses from."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return address
