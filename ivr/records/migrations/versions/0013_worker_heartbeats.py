"""Keep the workers' signs of life; on PostgreSQL, keep no statistics of which marks are frequent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "worker_heartbeats",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_worker_heartbeats"),
    )
    _keep_statistics(0)


def downgrade() -> None:
    """Undo it."""
    _keep_statistics(-1)
    op.drop_table("worker_heartbeats")


def _keep_statistics(target: int) -> None:
    """Say how many frequent values PostgreSQL notes: they outlast the rows that had them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE calls ALTER COLUMN mark SET STATISTICS {target}")
