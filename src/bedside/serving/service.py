"""What one server process holds: the opened releases, the ledger, and how far it has got."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException

from bedside.ledger import Ledger
from bedside.ledger.clock import Clock
from bedside.release import REFERENCE, golden_check
from bedside.serving.admission import Admission
from bedside.serving.limits import Limits
from bedside.serving.logs import log
from bedside.serving.metrics import Metrics
from bedside.serving.served import Loaded, Served, arranged, load, settled

__all__ = ["Loaded", "Service", "load"]

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Those that this process may use."""

RECENT = 4
"""Decisions about a name whose releases stay loaded: for replay, and for going back at once."""


@dataclass
class Service:
    """The state behind all routes.

    Attributes
    ----------
    ledger: what is kept. solo: answers may be given without approval for care, and say so.
    clock: now, with a time zone. key: public key that releases deployed later are verified with; None: none are taken.
    target: which file of each release runs, or ``auto``.
    admission: how people and programs get in. limits: how often each has asked.
    checked: set once every golden case was reproduced on this machine.
    given: digests of what the command line named: these stay loaded.
    settled: numbers of the decisions that this server has served or refused.
    loading: held while a release is opened and checked, so that two threads do not open the same one.
    computing: held while an answer is computed, by as many threads as there are processors: more would only take turns.
    """

    ledger: Ledger
    solo: bool
    clock: Clock
    key: Path | None = None
    admission: Admission = field(default_factory=Admission)
    target: str = REFERENCE
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    checked: threading.Event = field(default_factory=threading.Event)
    given: frozenset[str] = frozenset()
    settled: set[int] = field(default_factory=set)
    loading: threading.Lock = field(default_factory=threading.Lock)
    computing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(PROCESSORS))
    _served: Served = field(default_factory=lambda: Served({}))
    _seen: int = -1
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        """What stands in the ledger for this process."""
        return f"server {socket.gethostname()} ({os.getpid()})"

    @property
    def ready(self) -> bool:
        """Whether answers are given already."""
        return self.checked.is_set()

    def require_ready(self) -> None:
        """Raises ``HTTPException`` 503 before the golden cases hold: until then nothing is answered."""
        if not self.ready:
            raise HTTPException(503, "the golden cases are still being run on this machine")

    @property
    def served(self) -> Served:
        """The picture of this moment; a request takes it once and keeps to it. Costs a comparison of two numbers."""
        if self._seen != self.ledger.latest_standing:
            self.follow()
        return self._served

    def follow(self) -> Served:
        """Take in what the ledger says now of the releases that are loaded; opens none, and takes a moment only."""
        return self.take_in(())

    def take_in(self, opened: Iterable[Loaded]) -> Served:
        """The new picture, with releases that were opened and checked meanwhile; it takes the place of the old at once.

        What nobody needs any more is let go: kept are the command line's releases, of each name the live, the silent
        and what the last decisions were about, and ``opened``. Raises ``UsageError`` for two of one name and version.
        """
        opened = tuple(opened)
        with self._turn:
            seen = self.ledger.latest_standing  # before reading: what is entered meanwhile is read the next time
            said = self.ledger.standings()
            before = self._served
            every = {loaded.digest: loaded for loaded in (*opened, *before.all)}
            picture = settled(arranged(every.values()), before.live, said, solo=self.solo)
            kept = self._kept(picture) | {loaded.digest for loaded in opened}
            if any(loaded.digest not in kept for loaded in picture.all):
                fewer = arranged(loaded for loaded in picture.all if loaded.digest in kept)
                picture = settled(fewer, before.live, said, solo=self.solo)
            self._served, self._seen = picture, seen
            return picture

    def _kept(self, picture: Served) -> frozenset[str]:
        serving = {loaded.digest for by_name in (picture.live, picture.silent) for loaded in by_name.values()}
        recent = (act.digest for name in picture.versions for act in picture.decisions(name)[-RECENT:])
        return self.given | serving | set(recent)

    def check(self) -> None:
        """Run every release's golden cases on this machine. Raises ``Refused`` for the first that does not hold."""
        if self.ready:
            return
        for loaded in self._served.all:
            golden_check(loaded.model)
            log(
                "golden cases reproduced",
                release=loaded.name,
                version=loaded.version,
                target=loaded.model.target,
                processor=loaded.model.processor,
                chosen=loaded.why,
            )
        self.checked.set()
