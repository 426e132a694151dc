"""The tables, in SQLAlchemy Core; nothing here belongs to one database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    false,
    text,
)

metadata = MetaData()

REVISION = "0005"
"""The newest file in ``migrations/versions``: what this bedside reads and writes."""

Text = String().with_variant(String(collation="C"), "postgresql")
"""Text that sorts and compares by its bytes, whatever language the database was made for: as moments need."""

NEVER = 2**62
"""``waits`` of an answer that never expires."""

OWN_ESTIMATE = "own-estimate"
"""Kind of the entry that a clinician's own estimate is."""

_OWN = text(f"kind = '{OWN_ESTIMATE}'")

entries = Table(
    "entries",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text),
    Column("patient", Text),
    Column("body", LargeBinary, nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("entries_subject", "subject"),
    Index("entries_patient", "patient", "kind"),
    Index("entries_kind", "kind", "seq"),
    Index("entries_own_estimates", "subject", "actor", sqlite_where=_OWN, postgresql_where=_OWN),
)
"""The chain itself: rows are added and never change (triggers see to it)."""

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("seal", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
)
"""One row: the last entry, sealed with the master key, whose fingerprint stands beside it."""

patients = Table(
    "patients",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("lookup", Text, unique=True),
    Column("wrapped_key", LargeBinary),
)
"""Random reference → the patient's own key. Where the key is gone, so is everything said about the patient."""

answers = Table(
    "answers",
    metadata,
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
    Column("asker", Text),
    Column("own_first", Boolean, nullable=False, server_default=false()),
    Column("waits", BigInteger, nullable=False, server_default=str(NEVER)),
    # What the worklist filters by stands in its index too, so that no row is fetched for nothing.
    Index(
        "answers_line",
        *("queued", "status", "waits", "created", "seq"),
        *("release", "alert", "abstained", "own_first", "asker", "reviewer", "id"),
    ),
    Index("answers_asker", "asker", "created", "seq"),
    Index("answers_reviewer", "reviewer", "created", "seq"),
    Index("answers_patient", "patient", "created", "seq"),
)
"""What the worklist needs, derived from the entries and rebuilt from them at will."""

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("full_name", Text),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("must_change", Boolean, nullable=False),
    Column("one_time_until", Text),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Text),
    Column("linked", Text),
    Index("users_linked", "linked", unique=True),
)
"""Who may log in: Argon2id of a person's password, or SHA-256 of who it is at the log-in provider."""

keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("made", Text, nullable=False),
    Column("expires", Text),
)
"""Keys of services that were not revoked, by SHA-256."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("opened", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Index("sessions_name", "name"),
)
"""Open sessions, by SHA-256 of their tokens."""

probe = Table(
    "probe",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("filler", LargeBinary, nullable=False),
)
"""One row, written anew to see whether anything can be written; it says nothing."""

revisions = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
revisions.append_constraint(PrimaryKeyConstraint(revisions.c.version_num, name="alembic_version_pkc"))
"""One row: the revision of the tables. Alembic's own, so not among those that it compares."""
