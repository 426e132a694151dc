"""Migrations: a ledger of the first layout becomes one of today, and both ways to the newest tables meet."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, insert, select

from bedside.errors import LedgerError, UsageError
from bedside.ledger import Ledger, migrate, tables
from bedside.ledger.dialect import database
from bedside.ledger.tables import REVISION

FIRST = Path(__file__).with_name("first_layout.sql")
"""A ledger that the first bedside wrote, as SQLite dumps it, with its key in the last line."""

ASKERS = {"a0": "svc", "a1": "ada", "a2": "svc", "a3": "ada"}
SCRIPTS = str(Path(str(find_spec("bedside.ledger.migrations").origin)).parent)  # type: ignore[union-attr]
HINT = "tables.py and the migrations part ways: add a file to ledger/migrations/versions and move REVISION in tables.py"


def first_in_sqlite(place: Path) -> None:
    text = FIRST.read_text()
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(text)
    place.chmod(0o600)
    key = Path(f"{place}.key")
    key.write_text(text.rsplit("-- key: ", 1)[1])
    key.chmod(0o600)


def applied(url: Any, revision: str) -> None:
    """Migrated by Alembic alone, as somebody who uses it by hand would."""
    engine = database(url).engine() if "postgresql" in str(url) else create_engine(f"sqlite:///{url}")
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    with engine.execution_options(bedside_writes="making").begin() as connection:
        config.attributes["connection"] = connection
        upgrade(config, revision)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, place: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where a ledger of the first layout lies."""
    first_in_sqlite(place)
    if request.param == "sqlite":
        return place
    url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", f"{place}.key")
    applied(url, "0001")
    source, target = create_engine(f"sqlite:///{place}"), database(url).engine()
    old = MetaData()
    old.reflect(source)
    with source.connect() as reading, target.execution_options(bedside_writes="making").begin() as writing:
        for table in old.tables.values():
            rows = [dict(row) for row in reading.execute(select(table)).mappings()]
            if rows:
                writing.execute(insert(table), rows)
    source.dispose()
    target.dispose()
    return url


def test_the_newest_revision_is_the_one_that_is_read() -> None:
    assert ScriptDirectory(SCRIPTS).get_heads() == [REVISION], HINT


def test_a_first_ledger_is_refused_then_migrated_and_holds(first: Any) -> None:
    with pytest.raises(LedgerError, match=r"revision 0001.*bedside ledger migrate"):
        Ledger.open(first)
    done = migrate(first)
    assert (done.before, done.after, done.granted) == ("0001", REVISION, None)
    with Ledger.open(first, create=False) as ledger:
        assert ledger.verify().problems == ()
        assert ledger.verify().entries == 13
        assert {row.id: row.asker for row in ledger.worklist()} == ASKERS
        assert ledger.answer("a2").reviews[0].verdict == "unsure"
        ledger.append("note", actor="a", body={})
        ledger.rebuild()
        assert ledger.verify().problems == ()
    assert migrate(first).before == REVISION


def test_a_key_that_was_changed_twice_keeps_its_place_in_the_count(place: Path) -> None:
    """As bedside wrote it while a service had one key: each change took the place of the key before."""
    with Ledger.open(place) as ledger:
        ledger.add_user("svc", "service", actor="root")
        ledger.add_user("ada", "clinician", actor="root")
        for number in (2, 3):
            said = {"credential": ledger._vault.credential("svc", None, f"digest {number}", None)}
            with ledger._writing() as connection:
                ledger._enter(connection, "secret-renewed", actor="root", body=said, subject="svc")
        changed = list(ledger.entries(kind="secret-renewed"))[-1].at
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("DROP TABLE keys")
        connection.execute("ALTER TABLE users ADD key_hash VARCHAR")
        connection.execute("UPDATE users SET key_hash = 'digest 3' WHERE name = 'svc'")
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
        connection.commit()
    migrate(place)
    with Ledger.open(place, create=False) as ledger:
        assert [(key.number, key.made, key.expires) for key in ledger.service_keys()] == [(3, changed, None)]
        assert ledger.verify().problems == ()
        assert ledger.add_key("svc", actor="root")[0].number == 4
        assert ledger.verify().problems == ()


def test_a_migration_that_fails_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_in_sqlite(place)
    before = dump(place)
    monkeypatch.setattr("bedside.ledger.sqlite.SQLite.mark", lambda self, connection: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate(place)
    assert dump(place) == before


def test_a_newer_ledger_is_refused(place: Path, postgres: Any, postgres_url: str) -> None:
    for url in (place, postgres_url):
        Ledger.open(url).close()
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    postgres.sql("UPDATE alembic_version SET version_num = '9999'", database=name_in(postgres_url))
    for url in (place, postgres_url):
        for attempt in (Ledger.open, migrate):
            with pytest.raises(LedgerError, match=r"revision 9999.*newer bedside"):
                attempt(url)


def dump(place: Path) -> list[str]:
    with closing(sqlite3.connect(place)) as connection:
        header = [str(connection.execute(f"PRAGMA {name}").fetchone()) for name in ("user_version", "application_id")]
        return [*connection.iterdump(), *header]


def name_in(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[1]


def shape(place: Path) -> dict[str, Any]:
    """Everything about an SQLite file's tables; a column's place and the text that made it do not count."""
    with closing(sqlite3.connect(place)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        found: dict[str, Any] = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        for (table,) in names:
            found[table] = {row[1]: row[2:] for row in connection.execute(f"PRAGMA table_info({table})")}
            for _, index, *kind in connection.execute(f"PRAGMA index_list({table})").fetchall():
                found[index] = kind, connection.execute(f"PRAGMA index_info({index})").fetchall()
        found["header"] = [connection.execute(f"PRAGMA {key}").fetchone() for key in ("user_version", "application_id")]
    return found


def test_sqlite_made_and_migrated_are_the_same(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "made.db").close()
    first_in_sqlite(tmp_path / "migrated.db")
    migrate(tmp_path / "migrated.db")
    assert shape(tmp_path / "made.db") == shape(tmp_path / "migrated.db"), HINT


def test_postgresql_made_and_migrated_are_the_same(postgres: Any, postgres_url: str) -> None:
    """As pg_dump writes them, collations, constraints, triggers and all."""
    Ledger.open(postgres_url).close()
    migrated = postgres.fresh()
    applied(postgres.url(migrated), "head")
    assert postgres.schema(name_in(postgres_url)) == postgres.schema(migrated), HINT


def test_alembic_finds_no_difference(where: str) -> None:
    Ledger.open(where).close()
    engine = database(where).engine()
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == [], HINT
    engine.dispose()


def test_every_text_in_postgresql_compares_by_its_bytes(postgres: Any, postgres_url: str) -> None:
    Ledger.open(postgres_url).close()
    query = (
        "SELECT DISTINCT data_type, collation_name FROM information_schema.columns WHERE table_schema = 'public' AND "
        "table_name <> 'alembic_version' AND data_type IN ('text', 'character varying', 'character')"
    )
    assert postgres.sql(query, database=name_in(postgres_url)) == "character varying|C\n"


def test_sqlite_has_no_roles_and_nothing_to_migrate_is_not_made(place: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger here"):
        migrate(place)
    assert not place.exists()
    Ledger.open(place).close()
    with pytest.raises(UsageError, match="SQLite knows no roles"):
        migrate(place, grant="ward")


def test_the_command(bedside: Callable[..., subprocess.CompletedProcess[str]], place: Path) -> None:
    first_in_sqlite(place)
    refused = bedside("ledger", "verify", "--ledger", place)
    assert refused.returncode == 2
    assert "bedside ledger migrate" in refused.stderr
    done = bedside("ledger", "migrate", "--ledger", place)
    assert (done.returncode, done.stdout) == (0, f"Ledger {place} has revision {REVISION} (was 0001)\n")
    assert bedside("ledger", "verify", "--ledger", place).returncode == 0
