"""Run by Alembic: the revisions act in the transaction that ``bedside.ledger.migration`` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
