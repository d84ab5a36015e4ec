"""Note of a version of the phrases whether it is only tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column."""
    op.add_column(
        "phrase_versions", sa.Column("trial", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_column("phrase_versions", "trial")
