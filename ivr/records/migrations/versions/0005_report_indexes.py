"""Indexes that hold all that a report of some days asks for."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES = {
    "calls": ("started_at", "channel", "language", "outcome", "last_stop"),
    "transfers": ("started_at", "outcome", "waited_seconds"),
    "attempts": ("rung_at", "agency", "outcome", "answered_at"),
}


def upgrade() -> None:
    """Create the indexes."""
    for table, columns in INDEXES.items():
        op.create_index(f"ix_{table}_report", table, list(columns))


def downgrade() -> None:
    """Undo it."""
    for table in INDEXES:
        op.drop_index(f"ix_{table}_report", table)
