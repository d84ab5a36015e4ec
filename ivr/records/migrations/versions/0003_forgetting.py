"""Forget calls and keep their counts; know callers by their marks, and erase them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

A_DAY_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', started_at, '+1 day') || '000'",
    "postgresql": "started_at + interval '1 day'",
}


def upgrade() -> None:
    """Create the tables of counts and of marks, and note of each call whose it is and when it is blurred."""
    op.add_column("calls", sa.Column("mark", sa.String(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("exact_until", sa.DateTime(timezone=True)))
    op.execute(f"UPDATE calls SET exact_until = {A_DAY_LATER[op.get_bind().dialect.name]}")  # noqa: S608 - our words
    op.create_index("ix_calls_mark", "calls", ["mark"])
    op.create_index("ix_calls_exact_until", "calls", ["exact_until"])
    _create_daily()
    _create_lists()
    _create_erased()


def downgrade() -> None:
    """Undo it."""
    for table in ("erased_marks", "erased", "blocks", "opt_outs", "daily"):
        op.drop_table(table)
    for column in ("exact_until", "mark"):
        op.drop_index(f"ix_calls_{column}", "calls")
        op.drop_column("calls", column)


def _create_daily() -> None:
    op.create_table(
        "daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "what", "name", name="pk_daily"),
    )


def _create_lists() -> None:
    op.create_table(
        "opt_outs",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_opt_outs"),
    )
    op.create_table(
        "blocks",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_blocks"),
    )


def _create_erased() -> None:
    op.create_table(
        "erased",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_erased"),
    )
    op.create_index("ix_erased_at", "erased", ["at"])
    op.create_table(
        "erased_marks",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_erased_marks"),
    )
