"""What Alembic runs: the steps, on the connection and in the transaction of ``migrate.upgrade``."""

from __future__ import annotations

from alembic import context

from ivr.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it.
)
with context.begin_transaction():
    context.run_migrations()
