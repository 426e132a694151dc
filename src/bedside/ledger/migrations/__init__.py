"""The ledger's tables through time: one file a revision, applied by Alembic in ``bedside ledger migrate``.

A new ledger is made from ``tables.py`` as it stands and marked with the newest revision; a test makes one in either
way, in SQLite and in PostgreSQL, and compares. Whoever changes ``tables.py`` adds a file to ``versions`` and moves
``REVISION``.
"""
