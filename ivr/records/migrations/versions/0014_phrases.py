"""Count what was not understood; keep phrases that operators add, and the weights learned from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COUNTED = ("written", "nearest")


def upgrade() -> None:
    """Add two columns and four tables."""
    for name in COUNTED:
        op.add_column("turns", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.create_table(
        "phrase_versions",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False, server_default=""),
        sa.Column("outcome", sa.String(), nullable=False, server_default=""),
        sa.Column("learning_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("version", name="pk_phrase_versions"),
    )
    op.create_table(
        "added_phrases",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("version", "language", "name", "text", name="pk_added_phrases"),
    )
    op.create_table(
        "learned_weights",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", "file", name="pk_learned_weights"),
        sa.ForeignKeyConstraint(
            ["version"], ["phrase_versions.version"], name="fk_learned_weights_version_phrase_versions"
        ),
    )
    op.create_table(
        "weights_in_force",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_weights_in_force"),
        sa.ForeignKeyConstraint(
            ["version"], ["phrase_versions.version"], name="fk_weights_in_force_version_phrase_versions"
        ),
    )


def downgrade() -> None:
    """Undo it."""
    for table in ("weights_in_force", "learned_weights", "added_phrases", "phrase_versions"):
        op.drop_table(table)
    for name in COUNTED:
        op.drop_column("turns", name)
