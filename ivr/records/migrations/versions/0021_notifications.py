"""Keep what each operator wants to be told of, where, and what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "notifications",
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("alarms", sa.String(), nullable=False),
        sa.Column("unreached", sa.Integer(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("fault", sa.String(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("who", name="pk_notifications"),
    )
    op.create_table(
        "notifications_sent",
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("who", "what", name="pk_notifications_sent"),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("notifications_sent")
    op.drop_table("notifications")
