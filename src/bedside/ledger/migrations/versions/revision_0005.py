"""Several keys for one service, each with a number and perhaps an end."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, String

revision = "0005"
down_revision = "0004"

Text = String().with_variant(String(collation="C"), "postgresql")

_MOVED = """
INSERT INTO keys (name, number, key_hash, made)
SELECT name,
       1 + (SELECT count(*) FROM entries WHERE subject = users.name AND kind = 'secret-renewed'),
       key_hash,
       (SELECT max(at) FROM entries WHERE subject = users.name AND kind IN ('user-added', 'secret-renewed'))
FROM users WHERE key_hash IS NOT NULL
"""


def upgrade() -> None:
    """Move ``users.key_hash`` into ``keys``, numbered as the entries that each time made another in its place."""
    op.create_table(
        "keys",
        Column("name", Text, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("key_hash", Text, nullable=False, unique=True),
        Column("made", Text, nullable=False),
        Column("expires", Text),
    )
    op.execute(_MOVED)
    with op.batch_alter_table("users") as users:  # SQLite makes a table anew for that
        users.drop_column("key_hash")
