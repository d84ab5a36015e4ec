"""Keep words that somebody is writing and has not saved yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "unsaved_prompts",
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("who", "language", "key", name="pk_unsaved_prompts"),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("unsaved_prompts")
