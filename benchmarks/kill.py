"""Kill a server under load again and again, and look whether all that it had promised is there.

    python benchmarks/kill.py [--rounds 200] [--database sqlite|postgresql|both] [--seed N] [--json FILE]

In every fourth round of PostgreSQL the database itself is ended first, at once and without a checkpoint, as in a crash.
The exit status is 1 where anything was lost, where a reply was an error, or where a chain does not hold. A round
stands in tests/support/killing.py.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from hospital import make_release
from killing import rounds
from postgres import Postgres

Crash = Callable[[], None] | None


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str | Path, Crash]]:
    """Where the ledger is, and what ends the database at once and starts it again."""
    if kind == "sqlite":
        yield folder / "ledger.db", None
        return
    os.environ["BEDSIDE_LEDGER_KEY"] = str(folder / "postgres.key")
    server = Postgres()
    server.start()

    def crash() -> None:
        server.stop(at_once=True)
        server.start()

    try:
        yield server.url(server.fresh()), crash
    finally:
        server.remove()


def tried(kind: str, count: int, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("rounds", "database_crashes", "answers", "reviews"), 0)
    found |= {"seed": seed, "problems": []}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as (ledger, crash):
        release = make_release(Path(name) / "made")
        for life in rounds(ledger, release, Path(name), count=count, seed=seed, crash=crash):
            found["rounds"] += 1
            found["database_crashes"] += life.crashed
            found["answers"] += len(life.promised.answers)
            found["reviews"] += len(life.promised.reviews)
            found["problems"] += [f"round {life.number}: {problem}" for problem in life.problems]
            print(f"{kind} round {life.number}: {len(life.promised.answers)} answers, {len(life.problems)} problems")
    return found | {"seconds": round(time.monotonic() - began)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    kinds = ["sqlite", "postgresql"] if arguments.database == "both" else [arguments.database]
    found = {kind: tried(kind, arguments.rounds, arguments.seed) for kind in kinds}
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(any(kind["problems"] for kind in found.values()))


if __name__ == "__main__":
    main()
