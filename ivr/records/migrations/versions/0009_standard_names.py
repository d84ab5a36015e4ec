"""Call what is stored by the words that the code uses now, and drop counts that nothing shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = {  # The old name: the new one, and the columns of its indexes.
    "searches": ("live_transfers", (["state", "changed_at"], ["changed_at"])),
    "erased": ("erased_calls", (["at"],)),
}
COLUMNS = (  # The table by its new name, the column's old name, its new one.
    ("turns", "search", "transfer_id"),
    ("turns", "sign", "outcome"),
    ("transfers", "place", "number"),
    ("attempts", "place", "number"),
    ("live_transfers", "place", "attempt"),
    ("notes", "words", "text"),
)
CONSTRAINTS = (  # PostgreSQL keeps their names when what they are about is renamed.
    ("live_transfers", "pk_searches", "pk_live_transfers"),
    ("erased_calls", "pk_erased", "pk_erased_calls"),
    ("transfers", "uq_transfers_call_id_place", "uq_transfers_call_id_number"),
    ("attempts", "uq_attempts_transfer_id_place", "uq_attempts_transfer_id_number"),
)
OLD_PROMPTS = {"versions": "wordings", "published": "published", "key": "place", "text": "words"}
OLD_PROMPTS |= {"first_published_at": "heard_since"}
NEW_PROMPTS = {"versions": "prompt_versions", "published": "published_prompts", "key": "key", "text": "text"}
NEW_PROMPTS |= {"first_published_at": "first_published_at"}
SHOWN_NOWHERE = ("order", "waited_in_vain")


def upgrade() -> None:
    """Rename tables, their indexes and columns."""
    for old, (new, indexes) in TABLES.items():
        _rename(old, new, indexes)
    for table, before, after in COLUMNS:
        op.alter_column(table, before, new_column_name=after)
    for table, before, after in CONSTRAINTS:
        _rename_constraint(table, before, after)
    _move_prompts(OLD_PROMPTS, NEW_PROMPTS)
    for name in ("daily", "tallies"):
        counts = sa.table(name, sa.column("what"))
        op.execute(sa.delete(counts).where(counts.c.what.in_(SHOWN_NOWHERE)))


def downgrade() -> None:
    """Undo it; the counts that were dropped stay away."""
    _move_prompts(NEW_PROMPTS, OLD_PROMPTS)
    for table, before, after in CONSTRAINTS:
        _rename_constraint(table, after, before)
    for table, before, after in COLUMNS:
        op.alter_column(table, after, new_column_name=before)
    for old, (new, indexes) in TABLES.items():
        _rename(new, old, indexes)


def _rename(old: str, new: str, indexes: tuple[list[str], ...]) -> None:
    for columns in indexes:
        op.drop_index(f"ix_{old}_{'_'.join(columns)}", old)
    op.rename_table(old, new)
    for columns in indexes:
        op.create_index(f"ix_{new}_{'_'.join(columns)}", new, columns)


def _rename_constraint(table: str, old: str, new: str) -> None:
    """Rename a constraint; SQLite could only do so by copying the table, and nothing asks for its names."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")


def _move_prompts(old: dict[str, str], new: dict[str, str]) -> None:
    """Copy the prompts into tables of other names: so their keys are named after them, too."""
    versions, published, key = new["versions"], new["published"], new["key"]
    op.create_table(
        versions,
        sa.Column("language", sa.String(), nullable=False),
        sa.Column(key, sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column(new["text"], sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column(new["first_published_at"], sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("language", key, "version", name=f"pk_{versions}"),
    )
    op.create_table(
        published,
        sa.Column("language", sa.String(), nullable=False),
        sa.Column(key, sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("language", key, name=f"pk_{published}"),
        sa.ForeignKeyConstraint(
            ["language", key, "version"],
            [f"{versions}.language", f"{versions}.{key}", f"{versions}.version"],
            name=f"fk_{published}_language_{key}_version_{versions}",
        ),
    )
    _copy(old["versions"], versions)
    _copy(old["published"], published)
    op.drop_table(old["published"])
    op.drop_table(old["versions"])


def _copy(old: str, new: str) -> None:
    """Copy every row: both tables have the same columns in the same order."""
    op.execute(f"INSERT INTO {new} SELECT * FROM {old}")  # noqa: S608 - names of ours
