"""The line's own words: the versions that were written, and which are published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "wordings",
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("heard_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("language", "place", "version", name="pk_wordings"),
    )
    op.create_table(
        "published",
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("language", "place", name="pk_published"),
        sa.ForeignKeyConstraint(
            ["language", "place", "version"],
            ["wordings.language", "wordings.place", "wordings.version"],
            name="fk_published_language_place_version_wordings",
        ),
    )


def downgrade() -> None:
    """Undo it."""
    for table in ("published", "wordings"):
        op.drop_table(table)
