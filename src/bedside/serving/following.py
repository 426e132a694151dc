"""A thread that follows the ledger, so that what another process enters about the releases counts here, too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bedside.serving.deployments import take_over
from bedside.serving.logs import log
from bedside.serving.service import Service

INTERVAL = 0.25
"""Seconds between two looks; each reads one row where nothing was entered."""


@contextmanager
def following(service: Service) -> Iterator[None]:
    """Meanwhile a thread looks for entries of other processes; a look that fails is logged and tried again."""
    ended = threading.Event()
    with service.ledger.attending() as stay:
        thread = threading.Thread(target=_follow, args=(service, ended, stay), name="bedside-follow", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _follow(service: Service, ended: threading.Event, stay: Callable[[], None]) -> None:
    seen, failing = -1, False
    while not ended.wait(INTERVAL * (4 if failing else 1)):
        try:
            stay()
            changed, last = service.ledger.standing_since(seen) if seen >= 0 else (True, 0)
            seen = take_over(service).said.seq if changed else last
        except Exception as error:  # whatever it is, the next look may go well, and this thread must live
            if not failing:
                log("the ledger cannot be followed", level=logging.ERROR, error=error)
            failing = True
            service.metrics.unfollowed()
        else:
            failing = False
