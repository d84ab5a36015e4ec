"""What binds an operator's sessions to the records, and until when a first password is good."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the version before leaves them alone. Sessions that go on end."""
    op.add_column("operators", sa.Column("session_key", sa.String(), nullable=False, server_default=""))
    op.add_column("operators", sa.Column("first_password_until", sa.DateTime(timezone=True)))
    operators = sa.table(
        "operators",
        sa.column("name", sa.String),
        sa.column("enrolled", sa.Boolean),
        sa.column("session_key", sa.String),
        sa.column("first_password_until", sa.DateTime(timezone=True)),
    )
    for name in op.get_bind().scalars(sa.select(operators.c.name)).all():
        theirs = sa.update(operators).where(operators.c.name == name)
        op.execute(theirs.values(session_key=secrets.token_hex(32)))
    until = datetime.now(UTC) + timedelta(days=1)
    new = sa.update(operators).where(operators.c.enrolled.is_(False))
    op.execute(new.values(first_password_until=until))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("operators", "first_password_until")
    op.drop_column("operators", "session_key")
