"""Whether a server follows the ledger: as long as its process does, and no longer, however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bedside.ledger import Ledger

FOLLOWS = """
import sys
from bedside.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.attending():
    print("there", flush=True)
    sys.stdin.read()
"""


@contextmanager
def follower(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that follows."""
    process = subprocess.Popen(
        [sys.executable, "-c", FOLLOWS, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "there\n"
        yield process


def until_left(ledger: Ledger) -> None:
    """PostgreSQL notices a moment later that a connection has ended."""
    while ledger.attended():
        pass


def test_it_ends_with_the_last_that_follows_also_where_that_is_killed(ledger: Ledger, where: str) -> None:
    assert not ledger.attended()
    with follower(where) as first, follower(where) as second:
        assert ledger.attended()
        assert ledger.attended()  # to ask takes nothing away
        first.kill()
        first.wait()
        assert ledger.attended()
        second.kill()
        second.wait()
        until_left(ledger)
    with ledger.attending(), Ledger.open(where) as another:
        assert another.attended()
    until_left(ledger)
    assert ledger.append("note", actor="a", body={}).seq == 1


def test_a_file_that_is_gone_is_made_anew(ledger: Ledger, place: Path) -> None:
    with ledger.attending() as stay:
        file = Path(f"{place}.servers")
        assert file.stat().st_mode & 0o777 == 0o600
        for _ in range(2):
            file.unlink()
            assert not ledger.attended()
            stay()
            assert ledger.attended()
    assert not ledger.attended()


def test_a_database_that_was_started_anew(postgres: Any, postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger, ledger.attending() as stay:
        postgres.stop()
        postgres.start()
        assert not ledger.attended()
        stay()
        assert ledger.attended()
        other = postgres.fresh()
        with Ledger.open(postgres.url(other)) as elsewhere:
            assert not elsewhere.attended()
