"""What goes wrong under an open ledger: one clear error, and the next attempt finds a sound connection or file."""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from bedside.errors import LedgerError, ValueRefused
from bedside.ledger import Ledger, migrate
from bedside.ledger.postgresql import PostgreSQL


def test_a_file_that_was_replaced_is_noticed(ledger: Ledger, place: Path, tmp_path: Path) -> None:
    """As a backup that is put in place: writing on to the file that nobody finds any more would lose it all."""
    ledger.append("note", actor="a", body={"n": 1})
    ledger.close()
    shutil.copy(place, tmp_path / "backup.db")
    ledger.append("note", actor="a", body={"n": 2})
    (tmp_path / "backup.db").rename(place)
    for beside in ("wal", "shm"):
        Path(f"{place}-{beside}").unlink(missing_ok=True)
    assert ledger.append("note", actor="a", body={"n": 3}).seq == 2
    ledger.close()
    with Ledger.open(place) as again:
        assert [again.decoded(entry)["n"] for entry in again.entries()] == [1, 3]
        assert again.verify().problems == ()


def test_a_file_that_is_gone_is_not_made_anew(ledger: Ledger, place: Path, tmp_path: Path) -> None:
    ledger.append("note", actor="a", body={})
    place.rename(tmp_path / "away.db")
    for _ in range(2):
        with pytest.raises(LedgerError, match="not there"):
            ledger.append("note", actor="a", body={})
        with pytest.raises(LedgerError, match="not there"):
            ledger.worklist()
    assert not place.exists()


def test_connections_that_the_server_cut_are_replaced(postgres: Any, postgres_url: str) -> None:
    name = postgres_url.split("?")[0].rsplit("/", 1)[1]
    with Ledger.open(postgres_url) as ledger:
        ledger.append("note", actor="a", body={})
        postgres.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
        assert ledger.append("note", actor="a", body={}).seq == 2

        with pytest.raises(LedgerError, match=r"being stopped|no connection") as cut, ledger._writing() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            ledger._enter(connection, "note", actor="a", body={})
            postgres.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
            ledger._enter(connection, "note", actor="a", body={})
        assert "look whether this was kept" in cut.value.remedy  # it might have been while committing
        assert ledger.append("note", actor="a", body={}).seq == 3
        assert ledger.verify().problems == ()


def test_a_reply_that_comes_too_late_is_never_taken_for_another(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stands still in the middle of a transaction: the request is refused, its connection is given up."""
    with Ledger.open(postgres_url) as ledger:
        ledger.append("note", actor="a", body={"n": 1})

    at = PostgreSQL.at
    monkeypatch.setattr(PostgreSQL, "at", lambda url: replace(at(url), options={**at(url).options, "timeout": 0.3}))
    with Ledger.open(postgres_url) as ledger:
        pid = 0
        try:
            with pytest.raises(LedgerError), ledger._writing() as connection:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                os.kill(pid, signal.SIGSTOP)
                ledger._enter(connection, "note", actor="a", body={"n": 2})
        finally:
            os.kill(pid, signal.SIGCONT)
        for number in range(3, 8):
            ledger.append("note", actor="a", body={"n": number})
        assert [ledger.decoded(entry)["n"] for entry in ledger.entries()] == [1, 3, 4, 5, 6, 7]
        assert ledger.verify().problems == ()


def test_a_migration_may_take_longer_than_a_request(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits a second for its turn here, as it would for an index on a million rows."""
    busy = PostgreSQL.at(make_url(postgres_url)).engine()
    at = PostgreSQL.at
    monkeypatch.setattr(PostgreSQL, "at", lambda url: replace(at(url), options={**at(url).options, "timeout": 0.3}))
    with ThreadPoolExecutor(1) as pool:
        with busy.execution_options(bedside_writes="making").begin():
            waiting = pool.submit(migrate, postgres_url)
            with pytest.raises(TimeoutError):
                waiting.result(1)
        assert waiting.result(30).before is None
    busy.dispose()


def test_a_text_that_postgresql_cannot_hold_is_refused_as_a_value(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        with pytest.raises(ValueRefused, match="NUL"):
            ledger.append("note", actor="a\0b", body={})
        with pytest.raises(ValueRefused, match="NUL"):
            ledger.answer("\0")
        ledger.append("note", actor="a", body={"text": "in a body\0it can be"})
        assert ledger.verify().problems == ()


def test_whether_anything_can_be_written_is_tried_for_real(ledger: Ledger) -> None:
    ledger.check_writable()
    with ledger._reading() as connection:
        first = connection.exec_driver_sql("SELECT filler FROM probe").scalar_one()
    ledger.check_writable()  # within the same second: not again
    with ledger._reading() as connection:
        assert connection.exec_driver_sql("SELECT filler FROM probe").scalar_one() == first
    assert len(first) == 32 * 1024
    assert ledger.verify().problems == ()
