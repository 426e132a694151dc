"""What is particular to a ledger in PostgreSQL: how it is named, reached and guarded."""

from __future__ import annotations

from typing import Any

import pytest

from bedside.errors import LedgerError
from bedside.ledger import Identity, Ledger


def test_a_ledger_in_an_empty_database(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        ref = ledger.patient(Identity("1", "Name", "1960-01-01"))
        ledger.append("note", actor="a", body={"x": 1}, patient=ref)
        assert ledger.verify().problems == ()
    with Ledger.open(postgres_url, create=False) as ledger:
        assert ledger.verify().entries == 2


def test_over_tcp_with_a_password(postgres: Any, postgres_url: str) -> None:
    name = postgres_url.split("?")[0].rsplit("/", 1)[1]
    with Ledger.open(postgres.tcp_url(name)) as ledger:
        assert ledger.place == f"postgresql://postgres@127.0.0.1:{postgres.port}/{name}"
    with pytest.raises(LedgerError, match="refuses this user or password") as caught:
        Ledger.open(postgres.tcp_url(name, password="secret%2Fword"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'x' WHERE seq = 2",
        "UPDATE entries SET actor = 'x' WHERE false",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "INSERT INTO entries SELECT * FROM entries ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
        "SET session_replication_role = replica; DELETE FROM entries",
        "MERGE INTO entries USING head ON entries.seq = head.seq WHEN MATCHED THEN DELETE",
    ],
)
def test_the_database_itself_refuses_to_change_an_entry(postgres: Any, postgres_url: str, statement: str) -> None:
    name = postgres_url.split("?")[0].rsplit("/", 1)[1]
    with Ledger.open(postgres_url) as ledger:
        for _ in range(3):
            ledger.append("note", actor="a", body={})
        before = postgres.sql("SELECT * FROM entries", database=name)
        with pytest.raises(RuntimeError, match="append-only"):
            postgres.sql(statement, database=name)
        assert postgres.sql("SELECT * FROM entries", database=name) == before
        assert ledger.verify().problems == ()


@pytest.mark.parametrize(
    ("statement", "amiss"),
    [
        ("DROP TRIGGER entries_no_delete ON entries", "entries_no_delete"),
        ("ALTER TABLE entries DISABLE TRIGGER entries_no_truncate", "entries_no_truncate"),
        ("ALTER TABLE entries ENABLE TRIGGER entries_no_update", "entries_no_update"),
        (
            "CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "entries_no_delete",
        ),
        ("CREATE RULE drop_it AS ON INSERT TO entries DO INSTEAD NOTHING", "drop_it"),
        ("CREATE TRIGGER extra BEFORE INSERT ON answers EXECUTE FUNCTION entries_refuse()", "extra"),
    ],
)
def test_a_guard_that_is_gone_off_or_empty_is_found(
    postgres: Any, postgres_url: str, statement: str, amiss: str
) -> None:
    name = postgres_url.split("?")[0].rsplit("/", 1)[1]
    with Ledger.open(postgres_url) as ledger:
        assert ledger.verify().problems == ()
        postgres.sql(statement, database=name)
        assert any(amiss in problem for problem in ledger.verify().problems)
