"""Keep what an agency said by a link that it was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "agency_feedback",
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("link", "kind", name="pk_agency_feedback"),
    )
    op.create_index("ix_agency_feedback_at", "agency_feedback", ["at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_agency_feedback_at", table_name="agency_feedback")
    op.drop_table("agency_feedback")
