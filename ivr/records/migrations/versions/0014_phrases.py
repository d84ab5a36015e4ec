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
    """Add two columns."""
    for name in COUNTED:
        op.add_column("turns", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo it."""
    for name in COUNTED:
        op.drop_column("turns", name)
