"""Count the texts that arrive, and why others do not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "text_deliveries",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("in_a_row", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("day", "reason", name="pk_text_deliveries"),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("text_deliveries")
