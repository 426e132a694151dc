"""Whatever somebody without the master key changes, removes, inserts or swaps, in any table, is found and named."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Integer, LargeBinary
from tampering import unguarded

from bedside.errors import BedsideError
from bedside.ledger import Identity, Ledger, User, tables

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
UNTOLD = {"sessions", "probe"}
TABLES = {name: table for name, table in tables.metadata.tables.items() if name not in UNTOLD}
UNSAID = {"users.must_change", "users.failures", "users.locked_until"}
"""Columns that no entry speaks of; docs/reference/ledger.md says so, and that of ``UNTOLD`` tables nothing is."""
COLUMNS = sorted(f"{name}.{column.name}" for name, table in TABLES.items() for column in table.columns)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with something in every table."""
    place = tmp_path_factory.mktemp("original") / "ledger.db"
    answer = {"created": "2026-01-01T00:00:00Z", "abstained": False, "queued": True, "expires": "2030-01-01T00:00:00Z"}
    answer |= {"release": {"name": "breast", "version": "1", "digest": "d", "target": "server-cpu"}, "alert": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BEDSIDE_LEDGER_KEY", raising=False)
        with Ledger.open(place, hasher=CHEAP) as ledger:
            root, _ = ledger.add_user("root", "admin", actor="test")
            ledger.add_user("svc", "service", actor="root")
            ada, once = ledger.add_user("ada", "clinician", full_name="Dr Ada Long", actor="root")
            ledger.change_password("ada", once, "correct horse battery")
            for number in range(4):
                ref = ledger.patient(Identity(f"MRN-{number}", "Name", "1960-01-01")) if number < 3 else None
                ledger.record_answer({**answer, "id": f"a{number}"}, actor="svc", patient=ref)
                ledger.review(f"a{number}", verdict="agree", reviewer=ada)
            ledger.erase_patient("MRN-2", reason="law", user=root)
            ledger.approve("d", "breast", "1", ada)
    return place


@contextmanager
def copied(original: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.db"
        for ending in ("", ".key", ".key.erased"):
            shutil.copy(f"{original}{ending}", f"{place}{ending}")
        yield place


def found(place: Path) -> tuple[str, ...]:
    """What verifying says; where it cannot even be opened, why; and who was erased again when it was opened."""
    try:
        with Ledger.open(place, hasher=CHEAP) as ledger:
            again = [entry for entry in ledger.entries(kind="patient-erased") if entry.actor == "bedside"]
            return (*ledger.verify().problems, *(f"patient {entry.subject} was erased again" for entry in again))
    except BedsideError as error:
        return (f"refused: {error}",)


def content(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    keys = ", ".join(column.name for column in TABLES[table].primary_key)
    return connection.execute(f"SELECT * FROM {table} ORDER BY {keys}").fetchall()


def value(column: Any) -> st.SearchStrategy[Any]:
    kinds = {Boolean: st.booleans(), Integer: st.integers(-3, 40), LargeBinary: st.binary(max_size=80)}
    fitting = next((values for kind, values in kinds.items() if isinstance(column.type, kind)), None)
    texts = st.sampled_from(["ada", "svc", "a0", "final", "0" * 64, ""]) | st.text(
        st.characters(codec="ascii", exclude_characters="\0"), max_size=8
    )
    return (texts if fitting is None else fitting) | st.none()


def put(connection: sqlite3.Connection, table: str, key: str, row: int, column: str, new: Any) -> None:
    rowid = connection.execute(f"SELECT rowid FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row}").fetchone()[0]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, rowid))


def tamper(connection: sqlite3.Connection, data: st.DataObject) -> tuple[str, set[str]]:
    """Do something; gives the table, and the keys of the rows that are not what they were."""
    place = data.draw(st.sampled_from([column for column in COLUMNS if column not in UNSAID]))
    table, column = place.split(".")
    key = next(iter(TABLES[table].primary_key)).name
    before = {row[0]: row for row in content(connection, table)} if key == names(table)[0] else {}
    number = len(before)
    row = data.draw(st.integers(0, number - 1))
    deed = data.draw(st.sampled_from(["change", "change", "swap", "remove", "insert"]))
    if deed == "change":
        put(connection, table, key, row, column, data.draw(value(TABLES[table].c[column])))
    elif deed == "swap":
        other = data.draw(st.integers(0, number - 1))
        mine, yours = (list(before.values())[index][names(table).index(column)] for index in (row, other))
        assume(column != key)
        if TABLES[table].c[column].unique:
            put(connection, table, key, row, column, None)
        put(connection, table, key, other, column, mine)
        put(connection, table, key, row, column, yours)
    elif deed == "remove":
        connection.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1 OFFSET {row})")
    else:
        copy = list(list(before.values())[row])
        copy[0] = data.draw(value(TABLES[table].c[key]))
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(copy))})", copy)
    after = {row[0]: row for row in content(connection, table)}
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assume(changed)
    return table, {str(name) for name in changed}


def names(table: str) -> list[str]:
    return list(TABLES[table].columns.keys())


def test_untouched_it_holds(original: Path) -> None:
    with copied(original) as place:
        assert found(place) == ()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_of_any_row_is_found_and_named(original: Path, data: st.DataObject) -> None:
    with copied(original) as place:
        try:
            with unguarded(place) as connection:
                table, changed = tamper(connection, data)
        except sqlite3.Error:
            return  # the database's own rules refuse it
        problems = found(place)
    assert problems, (table, changed)
    said = " ".join(problems)
    if table == "entries":
        near = {str(int(seq) + step) for seq in changed if seq.lstrip("-").isdecimal() for step in (0, 1)}
        assert any(number in said for number in near | {"entries"}), (changed, problems)
    elif table in ("answers", "users", "keys"):
        assert any(name in said for name in changed), (changed, problems)
    elif table == "patients":
        assert "patient" in said or "does not open" in said, problems
    else:
        assert "head" in said or "seal" in said or "entr" in said or "master key" in said, problems


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE users SET password_hash = '$argon2id$v=19$m=8,t=1,p=1$YQ$Yg' WHERE name = 'ada'", "ada"),
        ("UPDATE users SET one_time_until = '2030-01-01T00:00:00.000000Z' WHERE name = 'root'", "root"),
    ],
)  # fmt: skip
def test_another_password_or_key_is_found(original: Path, statement: str, problem: str) -> None:
    with copied(original) as place:
        with unguarded(place) as connection:
            connection.execute(statement)
        assert found(place) == (f"user {problem}: the password is not the one that was entered",)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE keys SET key_hash = 'x'", "entry 2: the key 1 of svc is not the one that was entered"),
        ("UPDATE keys SET expires = '2030-01-01T00:00:00.000000Z'", "the key 1 of svc is not the one"),
        ("UPDATE keys SET made = '2020-01-01T00:00:00.000000Z'", "the key 1 of svc is not the one"),
        ("DELETE FROM keys", "entry 2: the row of key 1 of svc is missing"),
        ("INSERT INTO keys VALUES ('svc', 2, 'stolen', '2020', NULL)", "key 2 of svc: has a row"),
        ("UPDATE users SET password_hash = 'x' WHERE name = 'svc'", "user svc: the password"),
    ],
)
def test_a_key_put_in_prolonged_or_taken_away_is_found(original: Path, statement: str, problem: str) -> None:
    with copied(original) as place:
        with unguarded(place) as connection:
            connection.execute(statement)
        (said,) = found(place)
    assert problem in said


def test_a_key_that_was_revoked_does_not_come_back_unseen(original: Path) -> None:
    with copied(original) as place:
        with unguarded(place) as connection:
            (row,) = connection.execute("SELECT * FROM keys").fetchall()
        with Ledger.open(place, hasher=CHEAP) as ledger:
            ledger.revoke_key("svc", 1, actor="root")
            assert ledger.verify().holds
        with unguarded(place) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", row)
        assert found(place) == ("key 1 of svc: has a row, and no entry made it, or it was revoked",)


def test_a_thousand_problems_are_told_and_the_rest_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEDSIDE_LEDGER_KEY", raising=False)
    monkeypatch.setattr("bedside.ledger.verification.NAMED", 5)
    place = tmp_path / "ledger.db"
    with Ledger.open(place) as ledger:
        for _ in range(12):
            ledger.append("note", actor="a", body={})
    with unguarded(place) as connection:
        connection.execute("UPDATE entries SET actor = 'b'")
    problems = found(place)
    assert problems[0] == "entry 1: was changed after it was written"
    assert (len(problems), problems[-1]) == (6, "and 7 more problems")


def test_every_user_in_the_ledger_is_checked(original: Path) -> None:
    eve = User(name="eve", full_name=None, role="admin", active=True)
    with copied(original) as place:
        with unguarded(place) as connection:
            connection.execute(
                "INSERT INTO users (name, role, active, must_change, failures) VALUES (?, ?, 1, 0, 0)",
                (eve.name, eve.role),
            )
        assert any("user eve" in problem for problem in found(place))
