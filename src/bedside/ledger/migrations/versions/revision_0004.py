"""Who a person is at the log-in provider."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, String

revision = "0004"
down_revision = "0003"

Text = String().with_variant(String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add ``users.linked``: the digest of issuer and subject."""
    op.add_column("users", Column("linked", Text))
    op.create_index("users_linked", "users", ["linked"], unique=True)
