"""Whether a server follows the ledger: it holds a lock for as long as it does, which ends with it, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bedside.ledger import dialect
from bedside.ledger.store import Store


class Attending(Store):
    """Nothing of this is written anywhere: a line in a table would outlive a server that was killed."""

    @contextmanager
    def attending(self) -> Iterator[Callable[[], None]]:
        """Within, others find that this ledger is followed; what it gives is to be called now and then.

        It looks whether that still holds, as it does not once the database was started anew, and makes it so again.
        Raises ``LedgerError``, as its entrance does.
        """
        presence = dialect.presence(self._engine)

        def stay() -> None:
            with dialect.reported(self.place):
                presence.stay()

        try:
            stay()
            yield stay
        finally:
            presence.leave()

    def attended(self) -> bool:
        """Whether some process is following this ledger just now."""
        with dialect.reported(self.place):
            return dialect.attended(self._engine)
