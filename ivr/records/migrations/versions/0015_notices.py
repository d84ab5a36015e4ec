"""Keep the notices that operators put: one short sentence a language, said for a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "notices",
        sa.Column("n", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("n", "language", name="pk_notices"),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("notices")
