"""Progress of long work: bars on a terminal, a few quiet lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], None]


class Bars:
    """A `Progress` that draws.

    Called with what is done, how much of it is done and of how much. On a terminal each piece of work gets a bar of its
    own; elsewhere one line when it begins and none in between.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._what = ""
        self._terminal = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` parts of `what` are done."""
        if what != self._what:
            self.close()
            self._what = what
            self._begin(what, total)
        if self._bar is not None:
            self._bar.n = done
            self._bar.total = total
            self._bar.refresh()

    def _begin(self, what: str, total: int) -> None:
        if self._terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                desc=what,
                file=sys.stderr,
                leave=True,
                bar_format="{desc:<44} {bar:24} {n_fmt}/{total_fmt}",
            )
        else:
            sys.stderr.write(f"{what}\n")

    def close(self) -> None:
        """End the bar that is being drawn."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
