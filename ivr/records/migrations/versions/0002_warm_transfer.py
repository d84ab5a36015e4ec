"""Keep searches while they go on, and what is known of agencies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of searches and of agencies, and note more of each ring."""
    op.add_column("turns", sa.Column("search", sa.String(), nullable=False, server_default=""))
    op.add_column("attempts", sa.Column("answered_at", sa.DateTime(timezone=True)))
    op.add_column("attempts", sa.Column("accepted_at", sa.DateTime(timezone=True)))
    op.add_column("attempts", sa.Column("waited_seconds", sa.Double()))
    op.create_index("ix_attempts_agency_rung_at", "attempts", ["agency", "rung_at"])
    _create_searches()
    _create_agency_status()


def downgrade() -> None:
    """Undo it."""
    op.drop_table("agency_status")
    op.drop_table("searches")
    op.drop_index("ix_attempts_agency_rung_at", "attempts")
    for column in ("waited_seconds", "accepted_at", "answered_at"):
        op.drop_column("attempts", column)
    op.drop_column("turns", "search")


def _create_searches() -> None:
    op.create_table(
        "searches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("order_name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("tried", sa.String(), nullable=False),
        sa.Column("waited", sa.Integer(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("tick", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_searches"),
    )
    op.create_index("ix_searches_state_changed_at", "searches", ["state", "changed_at"])
    op.create_index("ix_searches_changed_at", "searches", ["changed_at"])


def _create_agency_status() -> None:
    op.create_table(
        "agency_status",
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("off_until", sa.DateTime(timezone=True)),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agency", name="pk_agency_status"),
    )
