"""Alembic's environment: runs in the connection and the transaction that ``coterie.store.schema`` hands over."""

from __future__ import annotations

from alembic import context

from coterie.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can change few things about a table that exists: Alembic copies it instead.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
