"""What the server no longer uses goes back to the system, even from between what it still uses."""

from __future__ import annotations

import subprocess
import sys

FREED = """
import ctypes, time
from bedside.serving import memory

memory.SECONDS = 0.05
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) // 1024

blocks = [library.malloc(4096) for _ in range(20_000)]
for block in blocks:
    ctypes.memset(block, 1, 4096)
for block in blocks[:-1]:  # the last one keeps the heap from becoming shorter
    library.free(block)
before = resident()
with memory.giving_back():
    for _ in range(400):
        if resident() < before - 60:
            break
        time.sleep(0.05)
print(before - resident())
"""


def test_what_was_freed_goes_back_though_the_heap_has_an_end_in_use() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", FREED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 60
