"""Keep which screens on a wall may show the page Now: a hash of each one's token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "wall_tokens",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_wall_tokens"),
        sa.UniqueConstraint("id", name="uq_wall_tokens_id"),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("wall_tokens")
