"""How long an answer waits, whether an own estimate comes first, and one index for the worklist's filters."""

from __future__ import annotations

from datetime import datetime, timedelta

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, column, false, table, text

revision = "0003"
down_revision = "0002"

_NEVER = 2**62
_OWN = text("kind = 'own-estimate'")
_PAGE = 10_000


def upgrade() -> None:
    """Add ``answers.waits``, from the moments in each row, and ``answers.own_first``; replace the indexes."""
    op.add_column("answers", Column("own_first", Boolean, nullable=False, server_default=false()))
    op.add_column("answers", Column("waits", BigInteger, nullable=False, server_default=str(_NEVER)))
    _fill_waits()
    for name in ("waiting", "lapsing", "release", "patient", "asker", "reviewer"):
        op.drop_index(f"answers_{name}", "answers")
    filters = ["release", "alert", "abstained", "own_first", "asker", "reviewer", "id"]
    op.create_index("answers_line", "answers", ["queued", "status", "waits", "created", "seq", *filters])
    for name in ("asker", "reviewer", "patient"):
        op.create_index(f"answers_{name}", "answers", [name, "created", "seq"])
    op.create_index("entries_own_estimates", "entries", ["subject", "actor"], sqlite_where=_OWN, postgresql_where=_OWN)


def _fill_waits() -> None:
    connection, last = op.get_bind(), ""
    answers = table("answers", column("id"), column("created"), column("expires"), column("waits"))
    expiring = answers.select().where(answers.c.expires.is_not(None)).order_by(answers.c.id).limit(_PAGE)
    change = text("UPDATE answers SET waits = :waits WHERE id = :id")
    while rows := connection.execute(expiring.where(answers.c.id > last)).all():
        connection.execute(change, [{"id": row.id, "waits": _waits(row.created, row.expires)} for row in rows])
        last = rows[-1].id


def _waits(created: str, expires: str) -> int:
    return (datetime.fromisoformat(expires) - datetime.fromisoformat(created)) // timedelta(microseconds=1)
