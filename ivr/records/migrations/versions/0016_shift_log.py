"""Keep the shift log: short notes about the line, with switches and alarms, and who has read them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "shift_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_shift_log"),
    )
    op.create_index("ix_shift_log_at", "shift_log", ["at"])
    op.create_index("ix_shift_log_until", "shift_log", ["until"])
    op.create_table(
        "shift_log_readers",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "who", name="pk_shift_log_readers"),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["shift_log.id"],
            name="fk_shift_log_readers_entry_id_shift_log",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("shift_log_readers")
    op.drop_index("ix_shift_log_until", "shift_log")
    op.drop_index("ix_shift_log_at", "shift_log")
    op.drop_table("shift_log")
