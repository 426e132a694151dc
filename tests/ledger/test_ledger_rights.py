"""The role that serves: it adds entries, and PostgreSQL itself refuses it everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bedside.errors import LedgerError, UsageError
from bedside.ledger import Identity, Ledger, User, migrate, tables
from bedside.ledger.postgresql import RIGHTS


@pytest.fixture(scope="module")
def roles(postgres: Any) -> Any:
    postgres.sql("CREATE ROLE owner LOGIN; CREATE ROLE ward LOGIN; CREATE ROLE heir LOGIN IN ROLE owner")
    return postgres


@pytest.fixture
def owned(roles: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a database whose tables ``owner`` made and where ``ward`` may serve."""
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(tmp_path / "key"))
    name: str = roles.fresh()
    roles.sql(f"ALTER DATABASE {name} OWNER TO owner")
    done = migrate(roles.url(name, user="owner"), grant="ward")
    assert (done.before, done.granted) == (None, "ward")
    return name


def test_every_table_has_its_rights() -> None:
    assert set(RIGHTS) == {*tables.metadata.tables, "alembic_version"}


def test_the_role_serves(roles: Any, owned: str, make_answer: Any, clock: Any) -> None:
    with Ledger.open(roles.url(owned, user="ward"), clock=clock) as ledger:
        user, secret = ledger.add_user("ada", "clinician", actor="root")
        ledger.change_password("ada", secret, "correct horse battery")
        ledger.session_user(ledger.open_session(user))
        ref = ledger.patient(Identity("1", "Name"))
        ledger.record_answer(make_answer("a"), actor="svc", patient=ref)
        ledger.review("a", verdict="agree", reviewer=user)
        assert ledger.verify().problems == ()


def test_the_role_erases_and_says_that_the_owner_has_to_clear_the_table(roles: Any, owned: str) -> None:
    admin = User(name="root", full_name=None, role="admin", active=True)
    for role, wiped in (("ward", False), ("owner", True)):
        with Ledger.open(roles.url(owned, user=role)) as ledger:
            ledger.patient(Identity("1", "Name"))
            assert ledger.erase_patient("1", reason="law", user=admin).wiped is wiped
            assert ledger.rebuild() == 0
            assert ledger.verify().problems == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'x'",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "INSERT INTO entries SELECT * FROM entries ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "DROP TRIGGER entries_no_delete ON entries",
        "DROP TABLE entries",
        "CREATE TRIGGER mine BEFORE INSERT ON entries EXECUTE FUNCTION entries_refuse()",
        "CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TABLE other (id integer)",
        "SET session_replication_role = replica",
        "DELETE FROM head",
        "DELETE FROM patients",
        "DELETE FROM users",
        "UPDATE alembic_version SET version_num = '9999'",
    ],
)
def test_the_role_cannot(roles: Any, owned: str, statement: str) -> None:
    with Ledger.open(roles.url(owned, user="ward")) as ledger:
        ledger.append("note", actor="a", body={})
        with pytest.raises(RuntimeError, match=r"permission denied|must be owner"):
            roles.sql(statement, database=owned, user="ward")
        assert ledger.verify().problems == ()


def test_a_server_without_rights_says_who_gives_them(roles: Any, owned: str) -> None:
    roles.sql("CREATE ROLE stranger LOGIN")
    with pytest.raises(LedgerError, match=r"no right.*bedside ledger migrate --ledger URL --grant"):
        Ledger.open(roles.url(owned, user="stranger"))
    empty = roles.fresh()
    with pytest.raises(LedgerError, match=r"no right.*bedside ledger migrate --ledger URL --grant"):
        Ledger.open(roles.url(empty, user="stranger"))


@pytest.mark.parametrize(
    ("role", "said"), [("nobody", "no role"), ("owner", "owns"), ("heir", "owns"), ("postgres", "superuser")]
)
def test_a_role_that_no_right_binds_is_refused(roles: Any, owned: str, role: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        migrate(roles.url(owned, user="owner"), grant=role)
