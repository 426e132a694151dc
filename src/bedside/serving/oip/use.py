"""What the ledger learns of inferences: sums per release and service, entered every few seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import msgspec

from bedside.errors import LedgerError
from bedside.ledger import Ledger, User
from bedside.release import Model
from bedside.serving.logs import log

EVERY_SECONDS = 10.0
AGAIN_SECONDS = 1.0
KIND = "oip-use"


class Used(msgspec.Struct, kw_only=True):
    """What one service had from one release since the last entry; ``since`` and ``until`` are the ledger's time."""

    name: str
    version: str
    digest: str
    target: str
    since: str
    until: str
    requests: int = 0
    rows: int = 0
    abstained: int = 0


@dataclass
class Use:
    """Sums that are not in the ledger yet; safe from several threads.

    ``unwritten`` is set while the ledger cannot be written: then nothing more is inferred, so that no use is ever
    further from the ledger than the few seconds between two entries.
    """

    ledger: Ledger
    sums: dict[tuple[str, str, str], Used] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    unwritten: bool = False

    def require_entered(self) -> None:
        """Raises ``LedgerError`` (503) while earlier use could not be entered."""
        if self.unwritten:
            raise LedgerError("the ledger cannot be written; nothing is inferred", remedy="Ask again later")

    def note(self, model: Model, user: User, rows: int, abstained: int) -> None:
        """Count one request."""
        with self.lock:
            used = self.sums.get((model.digest, model.target, user.name))
            if used is None:
                used = self.sums[model.digest, model.target, user.name] = self._begun(model)
            used.requests += 1
            used.rows += rows
            used.abstained += abstained

    def _begun(self, model: Model) -> Used:
        now, manifest = self.ledger.now(), model.manifest
        return Used(
            name=manifest.name,
            version=manifest.version,
            digest=model.digest,
            target=model.target,
            since=now,
            until=now,
        )

    def enter(self) -> None:
        """Write the sums into the ledger and begin anew; what cannot be written is kept for the next time."""
        with self.lock:
            sums, self.sums = self.sums, {}
        while sums:
            (digest, target, user), used = sums.popitem()
            used.until = self.ledger.now()
            try:
                self.ledger.append(KIND, actor=user, body=used, subject=digest)
            except LedgerError as error:
                self._keep({**sums, (digest, target, user): used})
                self.unwritten = True
                log("use cannot be entered", level=logging.ERROR, error=error)
                return
        self.unwritten = False

    def _keep(self, sums: dict[tuple[str, str, str], Used]) -> None:
        with self.lock:
            for key, older in sums.items():
                newer = self.sums.get(key)
                if newer is not None:
                    older.requests += newer.requests
                    older.rows += newer.rows
                    older.abstained += newer.abstained
                self.sums[key] = older

    @asynccontextmanager
    async def entering(self) -> AsyncIterator[None]:
        """Meanwhile sums are entered every ten seconds (every second while that fails), and once more at the end."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._regularly)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(self.enter)

    async def _regularly(self) -> None:
        while True:
            await anyio.sleep(AGAIN_SECONDS if self.unwritten else EVERY_SECONDS)
            await anyio.to_thread.run_sync(self.enter)
