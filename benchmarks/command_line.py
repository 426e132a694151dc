"""How long a user waits: ``bedside --help`` (CPU seconds) and the whole demo without serving (wall seconds).

    python benchmarks/command_line.py [--json FILE] [--repeats N]

Beside them, in the same run: an empty Python program, and importing the peers whose work the demo does in one go.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMITS = {"bedside --help": 0.4, "bedside demo --no-serve": 60.0}


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(words: list[str]) -> float:
    before = children_cpu()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return children_cpu() - before


def demo_seconds() -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        words = ["-m", "bedside", "demo", "--dir", str(Path(folder) / "demo"), "--no-serve"]
        subprocess.run(
            [sys.executable, *words], check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    commands = {
        "python -c pass": ["-c", "pass"],
        "bedside --help": ["-m", "bedside", "--help"],
        "import sklearn": ["-c", "import sklearn.linear_model"],
        "import torch": ["-c", "import torch"],
    }
    found = {
        name: statistics.median(cpu_seconds(words) for _ in range(arguments.repeats))
        for name, words in commands.items()
    }
    found["bedside demo --no-serve"] = demo_seconds()
    print(f"{'command':<28}{'seconds':>9}{'limit':>8}")
    for name, seconds in found.items():
        print(f"{name:<28}{seconds:>9.2f}{LIMITS.get(name, ''):>8}")
    ratio = found["bedside --help"] / found["python -c pass"]
    print(f"bedside --help costs {ratio:.1f} times an empty program")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"seconds": found, "limits": LIMITS, "help_over_empty": ratio}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
