"""Begin the call log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of calls, turns, transfers and attempts."""
    _create_calls()
    _create_turns()
    _create_transfers()
    _create_attempts()


def downgrade() -> None:
    """Drop them."""
    for table in ("attempts", "transfers", "turns", "calls"):
        op.drop_table(table)


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("end_estimated", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("last_stop", sa.String(), nullable=False),
        sa.Column("outcome", sa.String()),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_started_at_id", "calls", ["started_at", "id"])
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"])


def _create_turns() -> None:
    op.create_table(
        "turns",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("stop", sa.String(), nullable=False),
        sa.Column("heard", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("order_name", sa.String(), nullable=False),
        sa.Column("rang", sa.String(), nullable=False),
        sa.Column("ended", sa.String(), nullable=False),
        sa.Column("sign", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_turns_call_id_calls", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "key", name="pk_turns"),
    )


def _create_transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("order_name", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String()),
        sa.Column("waited_seconds", sa.Double()),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name="fk_transfers_call_id_calls", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_transfers"),
        sa.UniqueConstraint("call_id", "place", name="uq_transfers_call_id_place"),
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("transfer_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String()),
        sa.Column("seconds", sa.Double()),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfers.id"], name="fk_attempts_transfer_id_transfers", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("transfer_id", "place", name="uq_attempts_transfer_id_place"),
    )
