"""Who asked for an answer, indexes for a worklist of a million, and a row to try the disk with."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String

revision = "0002"
down_revision = "0001"

Text = String().with_variant(String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add ``answers.asker``, as the entries have it, and ``probe``; replace the indexes of ``answers``."""
    op.add_column("answers", Column("asker", Text))
    op.execute("UPDATE answers SET asker = (SELECT actor FROM entries WHERE entries.seq = answers.seq)")
    op.drop_index("answers_waiting", "answers")
    op.drop_index("answers_patient", "answers")
    op.create_index("answers_waiting", "answers", ["status", "queued", "created", "seq"])
    op.create_index("answers_lapsing", "answers", ["status", "queued", "expires"])
    op.create_index("answers_release", "answers", ["release", "status", "created"])
    op.create_index("answers_patient", "answers", ["patient", "created"])
    op.create_index("answers_asker", "answers", ["asker", "created"])
    op.create_index("answers_reviewer", "answers", ["reviewer", "created"])
    op.create_index("entries_kind", "entries", ["kind", "seq"])
    op.create_table(
        "probe",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("filler", LargeBinary, nullable=False),
    )
