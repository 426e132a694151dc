"""What is particular to a ledger in PostgreSQL: how it is named, reached and guarded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from served import certificate as made_certificate
from tls_proxy import tls_before

from bedside.errors import LedgerError
from bedside.ledger import Identity, Ledger, User


def name_in(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[1]


def test_a_ledger_in_an_empty_database(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        ref = ledger.patient(Identity("1", "Name", "1960-01-01"))
        ledger.append("note", actor="a", body={"x": 1}, patient=ref)
        assert ledger.verify().problems == ()
    with Ledger.open(postgres_url, create=False) as ledger:
        assert ledger.verify().entries == 2


def test_over_tcp_with_a_password(postgres: Any, postgres_url: str) -> None:
    name = name_in(postgres_url)
    with Ledger.open(postgres.tcp_url(name)) as ledger:
        assert ledger.place == f"postgresql://postgres@127.0.0.1:{postgres.port}/{name}"
    with pytest.raises(LedgerError, match="refuses this user or password") as caught:
        Ledger.open(postgres.tcp_url(name, password="secret%2Fword"))
    assert "secret" not in str(caught.value)


def test_encrypted_and_only_with_the_one_that_is_believed(postgres: Any, postgres_url: str, tmp_path: Path) -> None:
    certificate, key = made_certificate(tmp_path)
    other, _ = made_certificate(tmp_path, "other")
    socket = postgres.folder / f".s.PGSQL.{postgres.port}"
    with tls_before(socket, certificate, key) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/{name_in(postgres_url)}"
        for options in ("", "?sslmode=require", f"?sslmode=verify-full&sslrootcert={certificate}"):
            with Ledger.open(url + options) as ledger:
                ledger.append("note", actor="a", body={})
        for options in ("?sslmode=verify-full", f"?sslmode=verify-ca&sslrootcert={other}", f"?sslrootcert={other}"):
            with pytest.raises(LedgerError, match="certificate"):
                Ledger.open(url + options)
    with pytest.raises(LedgerError, match="speaks no TLS"):
        Ledger.open(postgres.tcp_url(name_in(postgres_url)) + "?sslmode=require")


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
    name = name_in(postgres_url)
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
    name = name_in(postgres_url)
    with Ledger.open(postgres_url) as ledger:
        assert ledger.verify().problems == ()
        postgres.sql(statement, database=name)
        assert any(amiss in problem for problem in ledger.verify().problems)


def test_writes_are_on_the_disk_before_they_are_acknowledged(postgres: Any, postgres_url: str) -> None:
    """Whatever the database has as its default."""
    postgres.sql(f"ALTER DATABASE {name_in(postgres_url)} SET synchronous_commit = off")
    postgres.sql(f"ALTER DATABASE {name_in(postgres_url)} SET default_transaction_isolation = 'serializable'")
    with Ledger.open(postgres_url) as ledger:
        with ledger._writing() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
        with ledger._reading() as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
            assert connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"


@pytest.fixture(scope="module")
def original(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A database with entries of every kind that other tables are derived from, to be copied, and its key."""
    key = str(tmp_path_factory.mktemp("original") / "key")
    name: str = postgres.fresh()
    release = {"name": "breast", "version": "1", "digest": "d", "target": "server-cpu"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEDSIDE_LEDGER_KEY", key)
        with Ledger.open(postgres.url(name)) as ledger:
            user, _ = ledger.add_user("svc", "service", actor="root")
            ada = User(name="ada", full_name=None, role="clinician", active=True)
            for number in range(2):
                ref = ledger.patient(Identity(f"{number}", "Name", "1960-01-01"))
                answer = {"id": f"a{number}", "created": "2026-01-01T00:00:00Z", "release": release}
                ledger.record_answer({**answer, "abstained": False, "queued": True}, actor=user.name, patient=ref)
                ledger.review(f"a{number}", verdict="agree", reviewer=ada)
            while ledger.append("note", actor="a", subject="s", body={"x": 1}).seq < 12:
                pass
    return name, key


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE entries SET actor = 'x' WHERE seq = 5", "^entry 5: was changed"),
        ("UPDATE entries SET body = body || '1'::bytea WHERE seq = 3", "^entry 3: was changed"),
        ("UPDATE entries SET at = replace(at, 'Z', 'z') WHERE seq = 2", "^entry 2: was changed"),
        ("DELETE FROM entries WHERE seq = 6", "^entry 6: is missing"),
        ("DELETE FROM entries WHERE seq BETWEEN 4 AND 7", "^entries 4 to 7: are missing"),
        ("DELETE FROM entries WHERE seq > 10", "^entries 11 to 12: are missing at the end"),
        (
            "DELETE FROM entries WHERE seq > 10; UPDATE head SET seq = 10, digest = (SELECT digest FROM entries WHERE "
            "seq = 10)",
            "seal of the last entry does not hold",
        ),
        (
            "UPDATE entries SET seq = -1 WHERE seq = 8; UPDATE entries SET seq = 8 WHERE seq = 9; "
            "UPDATE entries SET seq = 9 WHERE seq = -1",
            "^entry 8: does not follow",
        ),
        (
            "UPDATE entries SET seq = seq + 100 WHERE seq > 7; UPDATE entries SET seq = seq - 99 WHERE seq > 7; "
            "INSERT INTO entries "
            "SELECT 8, at, kind, actor, subject, patient, body, previous, digest FROM entries WHERE seq = 1",
            "^entry 8: ",
        ),
        ("UPDATE answers SET status = 'preliminary' WHERE id = 'a1'", "answer a1 has another status"),
        ("UPDATE answers SET asker = 'eve' WHERE id = 'a1'", "answer a1 has another asker"),
        ("DELETE FROM answers WHERE id = 'a1'", "answer a1 is missing in the worklist"),
        ("UPDATE users SET role = 'admin'", "user svc: the account is not what was entered"),
        ("UPDATE patients SET lookup = ref", "not found by the identifier"),
        ("DELETE FROM head", "names the last entry is missing"),
    ],
)
def test_what_a_superuser_changes_is_found_and_named(
    postgres: Any, original: tuple[str, str], monkeypatch: pytest.MonkeyPatch, statement: str, problem: str
) -> None:
    """Triggers off and on again, as if nothing had been."""
    template, key = original
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", key)
    name = postgres.fresh(template=template)
    with Ledger.open(postgres.url(name)) as ledger:
        assert ledger.verify().problems == ()
        off = "ALTER TABLE entries DISABLE TRIGGER USER; "
        on = "".join(
            f"; ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_no_{verb}"
            for verb in ("update", "delete", "truncate")
        )
        postgres.sql(off + statement + on, database=name)
        problems = ledger.verify().problems
    assert any(re.search(problem, found) for found in problems), problems
    assert not any("guard" in found for found in problems)
