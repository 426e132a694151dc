"""A line of the log for each request, written together with others: alone it would cost as much as an inference."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from bedside.serving.logs import LOGGER, write

WITHIN_SECONDS = 0.2
AT_ONCE = 64


Request = tuple[float, str, str, int, float]
"""Moment, method, declared route, status, seconds from the request's head to the end of its reply."""


@dataclass
class RequestLog:
    """Requests that are not in the log yet.

    They are written when there are many, or a fifth of a second after the first; while no loop runs, at once.
    """

    waiting: list[Request] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was served. Called by the thread that runs the loop."""
        self.waiting.append((time.time(), method, route, status, seconds))
        if self.loop is None or len(self.waiting) >= AT_ONCE:
            self.write()
        elif len(self.waiting) == 1:
            self.loop.call_later(WITHIN_SECONDS, self.write)

    def write(self) -> None:
        """Write what waits."""
        written, self.waiting = self.waiting, []
        if written:
            write(logging.INFO, "\n".join(map(_line, written)))

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Meanwhile lines may wait for others; must be entered in the running loop."""
        self.loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self.loop = None
            self.write()


def _line(request: Request) -> str:
    moment, method, route, status, seconds = request
    second, fraction = divmod(moment, 1)
    at = f"{_second(int(second))}.{int(fraction * 1000):03d}+00:00"
    # Method and route are ours and need no escaping; a tool that writes any JSON would take longer.
    return (
        f'{{"at":"{at}","level":"info","logger":"{LOGGER.name}","event":"request",'
        f'"method":"{method}","route":"{route}","status":{status},"ms":{seconds * 1000:.2f}}}'
    )


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
