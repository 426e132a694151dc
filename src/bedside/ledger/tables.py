"""The tables, in SQLAlchemy Core; nothing here belongs to one database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("subject", String),
    Column("patient", String),
    Column("body", LargeBinary, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
    Index("entries_subject", "subject"),
    Index("entries_patient", "patient", "kind"),
)
"""The chain itself: rows are added and never change (triggers see to it)."""

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", String, nullable=False),
    Column("seal", String, nullable=False),
    Column("fingerprint", String, nullable=False),
)
"""One row: the last entry, sealed with the master key, whose fingerprint stands beside it."""

patients = Table(
    "patients",
    metadata,
    Column("ref", String, primary_key=True),
    Column("lookup", String, unique=True),
    Column("wrapped_key", LargeBinary),
)
"""Random reference → the patient's own key. Where the key is gone, so is everything said about the patient."""

answers = Table(
    "answers",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("release", String, nullable=False),
    Column("version", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("patient", String),
    Column("created", String, nullable=False),
    Column("expires", String),
    Column("alert", Boolean),
    Column("abstained", Boolean, nullable=False),
    Column("queued", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("reviewer", String),
    Index("answers_waiting", "status", "created"),
    Index("answers_patient", "patient"),
)
"""What the worklist needs, derived from the entries and rebuilt from them at will."""

users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("full_name", String),
    Column("role", String, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", String),
    Column("key_hash", String, unique=True),
    Column("must_change", Boolean, nullable=False),
    Column("one_time_until", String),
    Column("failures", Integer, nullable=False),
    Column("locked_until", String),
)
"""Who may log in: Argon2id of the password, or SHA-256 of a service's key."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("opened", String, nullable=False),
    Column("seen", String, nullable=False),
    Index("sessions_name", "name"),
)
"""Open sessions, by SHA-256 of their tokens."""
