"""What msgspec knows about our types, learnt before several threads ask for it at once."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


def make_types_ready() -> None:
    """Let msgspec look at every Struct of bedside once.

    It looks at a type when it first reads one, and lets other threads in while it does: a second thread that reads the
    same type at that moment follows a pointer that is not there yet, and the process ends (msgspec 0.22). So a server
    that was asked by several clients in its first instant could die. Called by one thread, this takes milliseconds.
    """
    for struct in _below(msgspec.Struct):
        if struct.__module__.startswith("bedside."):
            msgspec.json.Decoder(struct)


def _below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in struct.__subclasses__():
        yield one
        yield from _below(one)
