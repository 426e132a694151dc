"""What one server process holds: the opened releases, the ledger, and how far it has got."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException

from bedside.errors import UsageError
from bedside.ledger import Ledger
from bedside.ledger.clock import Clock
from bedside.release import golden_check
from bedside.serving.admission import Admission
from bedside.serving.limits import Limits
from bedside.serving.logs import log
from bedside.serving.metrics import Metrics
from bedside.serving.served import NOT_FOR_CARE, Loaded, Served, Standing, arranged, cleared, load, settled

__all__ = ["NOT_FOR_CARE", "Loaded", "Service", "Standing", "load"]


@dataclass
class Service:
    """The state behind all routes.

    Attributes
    ----------
    ledger: what is kept. solo: answers may be given without approval for care, and say so.
    clock: now, with a time zone. key: public key that releases deployed later are verified with; None: none are taken.
    admission: how people and programs get in. limits: how often each has asked.
    checked: set once every golden case was reproduced on this machine.
    """

    ledger: Ledger
    solo: bool
    clock: Clock
    key: Path | None = None
    admission: Admission = field(default_factory=Admission)
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    checked: threading.Event = field(default_factory=threading.Event)
    _served: Served = field(default_factory=lambda: Served({}, {}))
    _seen: int = -1
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ready(self) -> bool:
        """Whether answers are given already."""
        return self.checked.is_set()

    def require_ready(self) -> None:
        """Raises ``HTTPException`` 503 before the golden cases hold: until then nothing is answered."""
        if not self.ready:
            raise HTTPException(503, "the golden cases are still being run on this machine")

    def hold(self, releases: Sequence[Loaded]) -> None:
        """Take in releases; of each name the highest version is live. Raises ``UsageError`` without one."""
        if not releases:
            raise UsageError("there is no release to serve", remedy="Name at least one signed release")
        self._served = Served(arranged(releases), {})
        self.follow()

    @property
    def served(self) -> Served:
        """The picture of this moment; a request takes it once and keeps to it. Costs a comparison of two numbers."""
        if self._seen != self.ledger.latest_standing:
            self.follow()
        return self._served

    def follow(self) -> int:
        """Take in what the ledger says now of the releases that are loaded; gives the last entry considered."""
        with self._turn:
            seen = self.ledger.latest_standing  # before reading: what is entered meanwhile is read the next time
            said = self.ledger.standings()
            self._served = settled(self._served.versions, self._served.live, said)
            self._seen = seen
            return said.seq

    @property
    def releases(self) -> Mapping[str, Loaded]:
        """By name, the release that answers."""
        return self.served.live

    def release(self, name: str, version: str | None = None) -> Loaded:
        """The live release of that name, or one of its versions that is loaded. Raises ``NotFound``.

        Raises ``Refused`` where the name has only a silent release.
        """
        return self.served.find(name, version)

    def standing(self, loaded: Loaded) -> Standing:
        """Whether it is approved or suspended, and whether it answers."""
        return self.served.standings[loaded.digest]

    def cleared(self, loaded: Loaded) -> tuple[str, ...]:
        """Warnings that its answers must carry.

        Raises ``Refused`` where it is suspended, silent, or not approved for care and this server is not solo.
        """
        return cleared(self.served, loaded, solo=self.solo)

    def check(self) -> None:
        """Run every release's golden cases on this machine. Raises ``Refused`` for the first that does not hold."""
        if self.ready:
            return
        for of_name in self._served.versions.values():
            for loaded in of_name.values():
                golden_check(loaded.model)
                log("golden cases reproduced", release=loaded.name, version=loaded.version)
        self.checked.set()
