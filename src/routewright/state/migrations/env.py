"""Alembic's entry: run on the connection that was handed over, inside its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite can roll DDL back as PostgreSQL can; a process that is killed leaves no half of it.
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
