"""The head of the audit, how long the log is kept, and blocks that can be listed without their marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

A_RANDOM_ID = {
    "sqlite": "lower(hex(randomblob(8)))",
    "postgresql": "substr(md5(random()::text || clock_timestamp()::text), 1, 16)",
}
OF_BLOCKS = ("who", "since", "id")


def upgrade() -> None:
    """Create the tables; what the audit holds already becomes what its head tells."""
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.execute("INSERT INTO audit_head SELECT 1, n, hash FROM audit ORDER BY n DESC LIMIT 1")
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("rows_days", sa.Integer()),
        sa.Column("counts_months", sa.Integer()),
        sa.Column("forgot_to", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_retention"),
    )
    _list_blocks()


def downgrade() -> None:
    """Undo it."""
    op.drop_index("uq_blocks_id", "blocks")
    for column in OF_BLOCKS:
        op.drop_column("blocks", column)
    for table in ("retention", "audit_head"):
        op.drop_table(table)


def _list_blocks() -> None:
    """Give each block a name that tells nothing, a day on which it began, and whoever began it."""
    op.add_column("blocks", sa.Column("id", sa.String(), nullable=False, server_default=""))
    op.add_column("blocks", sa.Column("since", sa.Date()))
    op.add_column("blocks", sa.Column("who", sa.String(), nullable=False, server_default=""))
    op.execute(f"UPDATE blocks SET id = {A_RANDOM_ID[op.get_bind().dialect.name]}")  # noqa: S608 - our words
    op.create_index("uq_blocks_id", "blocks", ["id"], unique=True)
