"""The first layout: entries, their head and guards, patients, answers, users, sessions."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, String

revision = "0001"
down_revision = None

Text = String().with_variant(String(collation="C"), "postgresql")
Number = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "entries",
        Column("seq", Number, primary_key=True, autoincrement=False),
        Column("at", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("subject", Text),
        Column("patient", Text),
        Column("body", LargeBinary, nullable=False),
        Column("previous", Text, nullable=False),
        Column("digest", Text, nullable=False),
    )
    op.create_index("entries_subject", "entries", ["subject"])
    op.create_index("entries_patient", "entries", ["patient", "kind"])
    op.create_table(
        "head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("seq", BigInteger, nullable=False),
        Column("digest", Text, nullable=False),
        Column("seal", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
    )
    op.create_table(
        "patients",
        Column("ref", Text, primary_key=True),
        Column("lookup", Text, unique=True),
        Column("wrapped_key", LargeBinary),
    )
    op.create_table(
        "answers",
        Column("id", Text, primary_key=True),
        Column("seq", BigInteger, nullable=False),
        Column("release", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("patient", Text),
        Column("created", Text, nullable=False),
        Column("expires", Text),
        Column("alert", Boolean),
        Column("abstained", Boolean, nullable=False),
        Column("queued", Boolean, nullable=False),
        Column("status", Text, nullable=False),
        Column("reviewer", Text),
    )
    op.create_index("answers_waiting", "answers", ["status", "created"])
    op.create_index("answers_patient", "answers", ["patient"])
    op.create_table(
        "users",
        Column("name", Text, primary_key=True),
        Column("full_name", Text),
        Column("role", Text, nullable=False),
        Column("active", Boolean, nullable=False),
        Column("password_hash", Text),
        Column("key_hash", Text, unique=True),
        Column("must_change", Boolean, nullable=False),
        Column("one_time_until", Text),
        Column("failures", Integer, nullable=False),
        Column("locked_until", Text),
    )
    op.create_table(
        "sessions",
        Column("token_hash", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("opened", Text, nullable=False),
        Column("seen", Text, nullable=False),
    )
    op.create_index("sessions_name", "sessions", ["name"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


_SQLITE = tuple(
    f"CREATE TRIGGER entries_no_{name} {when} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for name, when in (
        ("update", "BEFORE UPDATE ON entries"),
        ("delete", "BEFORE DELETE ON entries"),
        ("replace", "BEFORE INSERT ON entries WHEN EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq)"),
    )
)
_POSTGRESQL = (
    "CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $guard$BEGIN RAISE EXCEPTION "
    "'the ledger is append-only' USING ERRCODE = 'restrict_violation'; END$guard$",
    *(
        statement
        for verb in ("update", "delete", "truncate")
        for statement in (
            f"CREATE TRIGGER entries_no_{verb} BEFORE {verb.upper()} ON entries "
            "FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()",
            f"ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_no_{verb}",
        )
    ),
)
