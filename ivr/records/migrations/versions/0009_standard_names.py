"""Call what is stored by the words that the code uses now: a transfer that goes on is a live transfer."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = (["state", "changed_at"], ["changed_at"])


def upgrade() -> None:
    """Rename tables, their indexes and columns."""
    _rename("searches", "live_transfers")
    op.alter_column("turns", "search", new_column_name="transfer_id")


def downgrade() -> None:
    """Undo it."""
    op.alter_column("turns", "transfer_id", new_column_name="search")
    _rename("live_transfers", "searches")


def _rename(old: str, new: str) -> None:
    for columns in COLUMNS:
        op.drop_index(f"ix_{old}_{'_'.join(columns)}", old)
    op.rename_table(old, new)
    for columns in COLUMNS:
        op.create_index(f"ix_{new}_{'_'.join(columns)}", new, columns)
