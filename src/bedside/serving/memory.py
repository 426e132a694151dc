"""Memory that the server no longer uses goes back to the system.

glibc gives each thread an arena of its own and keeps what is freed in it, in holes between what is still used. Under
load the holes grow for many minutes while what is used stays the same: an operator would take that for a leak.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 15.0
"""Between two times of giving back; each takes a few milliseconds."""
ARENAS = 2
"""Threads of Python seldom allocate at the same moment."""
_M_ARENA_MAX = -8
"""``mallopt``'s name for the number of arenas, in glibc's ``malloc.h``."""


@contextmanager
def giving_back() -> Iterator[None]:
    """Meanwhile a thread gives free memory back; where the C library is another one, nothing is done."""
    trim = _trim()
    if trim is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_give_back, args=(trim, ended), name="bedside-memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _trim() -> Callable[[int], int] | None:
    """Glibc's ``malloc_trim``, once its arenas are few."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim") or not hasattr(library, "mallopt"):
        return None
    library.mallopt(_M_ARENA_MAX, ARENAS)
    library.malloc_trim.argtypes = [ctypes.c_size_t]
    trim: Callable[[int], int] = library.malloc_trim
    return trim


def _give_back(trim: Callable[[int], int], ended: threading.Event) -> None:
    while not ended.wait(SECONDS):
        trim(0)
