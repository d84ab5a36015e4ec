"""Find the transfers of a call: its status callback is the second to tell that a caller is gone."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index what is asked for."""
    op.create_index("ix_live_transfers_call_id", "live_transfers", ["call_id"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_live_transfers_call_id", "live_transfers")
