"""The counts of a day that is over, so that a report of many days need not read their calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "tallies",
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("zone", "day", "what", "name", name="pk_tallies"),
    )
    op.create_index("ix_tallies_day", "tallies", ["day"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("tallies")
