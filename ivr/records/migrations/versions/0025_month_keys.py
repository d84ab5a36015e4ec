"""Share the keys of the hosts, sealed; on PostgreSQL, keep no statistics of what they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "month_keys",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_month_keys"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE month_keys ALTER COLUMN sealed SET STATISTICS 0")


def downgrade() -> None:
    """Undo it."""
    op.drop_table("month_keys")
