"""Opening: what is no ledger is refused in one sentence, and nothing of it is touched."""

from __future__ import annotations

import base64
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import bedside.ledger
from bedside.errors import LedgerError
from bedside.ledger import Ledger


def test_one_sorted_door() -> None:
    names = bedside.ledger.__all__
    assert list(names) == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(bedside.ledger, name) for name in names)


def test_the_import_pays_for_no_object_mapper() -> None:
    script = (
        "import sys, bedside.ledger; print([m for m in sys.modules if m.startswith(('sqlalchemy.orm', 'alembic'))])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "path"])
def test_a_path_and_a_url_name_the_same_ledger(place: Path, form: str) -> None:
    with Ledger.open(place if form == "path" else form.format(place)) as ledger:
        ledger.append("note", actor="a", body={})
    with Ledger.open(place, create=False) as ledger:
        assert ledger.verify().entries == 1


def test_a_ledger_opened_twice_in_one_process_loses_nothing(place: Path) -> None:
    """Another process that opens and closes it must find it in use, or it would remove the log that is written to."""
    script = f"from bedside.ledger import Ledger; print(Ledger.open({str(place)!r}).verify().entries)"

    def elsewhere() -> str:
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    with Ledger.open(place) as ledger:
        ledger.append("note", actor="a", body={})
        Ledger.open(place).close()
        assert elsewhere() == "1"
        ledger.append("note", actor="a", body={})
        assert elsewhere() == "2"


def test_only_their_owner_reads_ledger_and_key(place: Path) -> None:
    before = os.umask(0)
    try:
        with Ledger.open(place) as ledger:
            ledger.append("note", actor="a", body={})
            made = list(place.parent.iterdir())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    finally:
        os.umask(before)
    assert {"ledger.db", "ledger.db.key", "ledger.db-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert len(base64.b64decode(Path(f"{place}.key").read_text())) == 32


def test_writes_are_on_the_disk_before_they_are_acknowledged(ledger: Ledger, place: Path) -> None:
    with ledger._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


@pytest.mark.parametrize(
    "content", [b"not a database" * 99, b"x", b"x" * 99, b"SQLite format 3\0" + b"but nothing else" * 99]
)
def test_another_file_is_refused_and_left_alone(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(place)
    assert place.read_bytes() == content
    assert list(place.parent.iterdir()) == [place]


def test_another_programs_database_is_refused_and_left_alone(place: Path) -> None:
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("CREATE TABLE entries (seq INTEGER)")
        connection.commit()
    before = place.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(place)
    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]


def test_a_ledger_of_another_layout_is_refused(place: Path) -> None:
    Ledger.open(place).close()
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="revision 0099"):
        Ledger.open(place)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("missing/ledger.db", "no such folder"),
        ("sqlite:///missing/ledger.db", "no such folder"),
        ("sqlite://", "SQLite file"),
        ("sqlite:///:memory:", "SQLite file"),
        ("postgresql://ward:secret@127.0.0.1:1/ledger", "no connection"),
        ("postgresql://ward:secret@127.0.0.1:1", "names no database"),
        ("postgresql://ward:secret@127.0.0.1:1/ledger?sslmode=secure", "unknown sslmode"),
        ("postgresql://ward:secret@127.0.0.1:1/ledger?pasword=secret", "unknown parameter 'pasword'"),
        ("postgresql://ward:secret@127.0.0.1:port/ledger", "not the URL"),
        ("postgresql://ward:secret@/ledger?host=/nowhere&port=x", "port is no number"),
        ("postgresql://ward:secret@%2Fnowhere/ledger", "no connection"),
        (
            "postgresql://ward:secret@127.0.0.1:1/ledger?sslmode=verify-full&sslrootcert=none.pem",
            "sslrootcert cannot be",
        ),
        ("mysql://ward:secret@db/ledger", "SQLite file or in PostgreSQL"),
        ("nonsense://", "SQLite file|not the URL"),
        (".", "a folder"),
    ],
)
def test_a_place_that_cannot_hold_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_create_nothing_is_made(place: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger here"):
        Ledger.open(place, create=False)
    place.touch()
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(place, create=False)
    assert list(place.parent.iterdir()) == [place]


def test_a_missing_key_is_never_replaced(place: Path) -> None:
    Ledger.open(place).close()
    Path(f"{place}.key").unlink()
    with pytest.raises(LedgerError, match="master key is missing"):
        Ledger.open(place)
    assert not Path(f"{place}.key").exists()


def test_another_ledgers_key_is_refused(place: Path) -> None:
    Ledger.open(place).close()
    Path(f"{place}.key").write_bytes(base64.b64encode(bytes(32)))
    with pytest.raises(LedgerError, match="not this ledger's"):
        Ledger.open(place)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", base64.b64encode(bytes(31))])
def test_a_file_that_is_no_key_is_refused(place: Path, content: bytes) -> None:
    Ledger.open(place).close()
    Path(f"{place}.key").write_bytes(content)
    with pytest.raises(LedgerError, match="master key"):
        Ledger.open(place)


def test_a_key_that_others_can_read_is_refused(place: Path) -> None:
    Ledger.open(place).close()
    Path(f"{place}.key").chmod(0o640)
    with pytest.raises(LedgerError, match="chmod 600"):
        Ledger.open(place)


def test_the_key_can_lie_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = place.parent / "keys"
    elsewhere.mkdir()
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(elsewhere / "master"))
    with Ledger.open(place) as ledger:
        ledger.append("note", actor="a", body={})
    assert (elsewhere / "master").exists()
    assert not Path(f"{place}.key").exists()
    monkeypatch.delenv("BEDSIDE_LEDGER_KEY")
    with pytest.raises(LedgerError, match="master key is missing"):
        Ledger.open(place)


def test_a_damaged_file_is_one_error(place: Path) -> None:
    with Ledger.open(place) as ledger:
        for _ in range(50):
            ledger.append("note", actor="a", body={"filler": "x" * 500})
    whole = place.read_bytes()
    place.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(LedgerError):
        Ledger.open(place).verify()
