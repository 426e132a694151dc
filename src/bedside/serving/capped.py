"""How many connections there may be at once: one too many is told so, and let go."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

from bedside.errors import UsageError
from bedside.serving.connection import Connection

FILES_BESIDE = 100
"""Files that a server has open beside its connections, at most: ledger, releases, libraries."""

_SILENT_SECONDS = 1.0
"""How long one too many may take to ask; nothing is told to who has asked nothing."""


def at_most(most: int, turned_away: Callable[[], None]) -> type[Connection]:
    """Connections of which ``most`` are open at once; ``turned_away`` is called for each beyond."""

    class Capped(Connection):
        _beyond = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                self._beyond = True
                self.connections.discard(self)  # it takes no place while it is told
                self.loop.call_later(_SILENT_SECONDS, self.transport.close)
                turned_away()

        def data_received(self, data: bytes) -> None:
            if self._beyond:
                self._refuse(503, "there are too many connections at once; ask again in a moment")
            else:
                super().data_received(data)

    return Capped


def require_files(most: int) -> None:
    """Raises ``UsageError`` where the system lets this process open too few files for ``most`` connections."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < most + FILES_BESIDE:
        raise UsageError(
            f"this process may open {allowed} files, which does not do for {most} connections",
            where="--connections",
            remedy="Raise the limit (ulimit -n, LimitNOFILE in a systemd unit), or allow fewer connections",
        )
