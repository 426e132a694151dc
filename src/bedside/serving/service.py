"""What one server process holds: the opened releases, the ledger, and how far it has got."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from bedside.errors import DataError, NotFound, UsageError
from bedside.ledger import Ledger
from bedside.ledger.clock import Clock
from bedside.release import Model, Release, golden_check
from bedside.serving.logs import log
from bedside.serving.metrics import Metrics

NOT_FOR_CARE = "Not approved for care."


@dataclass(frozen=True)
class Loaded:
    """A verified release, ready to run, with the documents that people read.

    ``card`` is card.md, ``evidence`` evidence.json as parsed, ``report`` report.html as it was signed.
    """

    model: Model
    card: str
    evidence: dict[str, Any]
    report: bytes

    @property
    def name(self) -> str:
        """The release's name, by which routes find it."""
        return self.model.manifest.name


@dataclass(frozen=True)
class Service:
    """The state behind all routes.

    Attributes
    ----------
    releases: by name. solo: answers may be given without approval for care, and say so.
    clock: now, with a time zone. checked: set once every golden case was reproduced on this machine.
    """

    releases: Mapping[str, Loaded]
    ledger: Ledger
    solo: bool
    clock: Clock
    metrics: Metrics = field(default_factory=Metrics)
    checked: threading.Event = field(default_factory=threading.Event)

    @property
    def ready(self) -> bool:
        """Whether answers are given already."""
        return self.checked.is_set()

    def require_ready(self) -> None:
        """Raises ``HTTPException`` 503 before the golden cases hold: until then nothing is answered."""
        if not self.ready:
            raise HTTPException(503, "the golden cases are still being run on this machine")

    def release(self, name: str) -> Loaded:
        """The release of that name. Raises ``NotFound``."""
        if name not in self.releases:
            raise NotFound("no release of this name is served here", where=name[:100])
        return self.releases[name]

    def approved(self, loaded: Loaded) -> bool:
        """Whether the approvals for care are in the ledger."""
        return bool(self.ledger.approved_for_care(loaded.model.digest))

    def check(self) -> None:
        """Run every release's golden cases on this machine. Raises ``Refused`` for the first that does not hold."""
        if self.ready:
            return
        for loaded in self.releases.values():
            golden_check(loaded.model)
            log("golden cases reproduced", release=loaded.name, version=loaded.model.manifest.version)
        self.checked.set()


def load(release: Release, *, target: str = "server-cpu") -> Loaded:
    """A verified release as serving needs it: one target's graph in its runtime, and its documents.

    The documents are the bytes that were verified. Raises ``UsageError`` where the release has no such target, and
    ``DataError`` where its graph cannot be loaded or a document is missing.
    """
    return Loaded(
        model=release.load(target),
        card=_document(release, "card.md").decode("utf-8"),
        evidence=release.document("evidence.json"),
        report=_document(release, "report.html"),
    )


def by_name(releases: Sequence[Loaded]) -> dict[str, Loaded]:
    """Raises ``UsageError`` where two releases have one name: a route could not tell them apart."""
    if not releases:
        raise UsageError("there is no release to serve", remedy="Name at least one signed release")
    named = {loaded.name: loaded for loaded in releases}
    if len(named) < len(releases):
        raise UsageError("two of the releases have the same name", remedy="Serve one version of each")
    return named


def _document(release: Release, name: str) -> bytes:
    if name not in release.files:
        raise DataError(
            "the release holds no such document", where=str(release.folder / name), remedy="Validate and sign again"
        )
    return release.files[name]
