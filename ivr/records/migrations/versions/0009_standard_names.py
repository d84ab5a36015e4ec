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
KEYS = (  # The table by its new name, its key's old name, its new one.
    ("live_transfers", "pk_searches", "pk_live_transfers"),
    ("erased_calls", "pk_erased", "pk_erased_calls"),
)
UNIQUE = ("transfers", "call_id"), ("attempts", "transfer_id")  # With the number within it.
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
    for table, before, after in KEYS:
        _rename_constraint(table, before, after)
    _rename_unique("place", "number")
    _move_prompts(OLD_PROMPTS, NEW_PROMPTS)
    for name in ("daily", "tallies"):
        counts = sa.table(name, sa.column("what"))
        op.execute(sa.delete(counts).where(counts.c.what.in_(SHOWN_NOWHERE)))


def downgrade() -> None:
    """Undo it; the counts that were dropped stay away."""
    _move_prompts(NEW_PROMPTS, OLD_PROMPTS)
    for table, before, after in KEYS:
        _rename_constraint(table, after, before)
    for table, before, after in COLUMNS:
        op.alter_column(table, after, new_column_name=before)
    _rename_unique("number", "place")
    for old, (new, indexes) in TABLES.items():
        _rename(new, old, indexes)


def _rename(old: str, new: str, indexes: tuple[list[str], ...]) -> None:
    for columns in indexes:
        op.drop_index(f"ix_{old}_{'_'.join(columns)}", old)
    op.rename_table(old, new)
    for columns in indexes:
        op.create_index(f"ix_{new}_{'_'.join(columns)}", new, columns)


def _rename_constraint(table: str, old: str, new: str) -> None:
    """Rename a constraint; SQLite could only do so by copying the table, and nothing asks for the name."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")


def _rename_unique(old: str, new: str) -> None:
    """Name what is unique after its columns, which are renamed by now.

    SQLite copies both tables for it. Dropping the first copy deletes all that refers to its rows, so the
    attempts are kept elsewhere meanwhile.
    """
    if op.get_bind().dialect.name == "postgresql":
        for table, of in UNIQUE:
            _rename_constraint(table, f"uq_{table}_{of}_{old}", f"uq_{table}_{of}_{new}")
        return
    op.execute("CREATE TEMP TABLE kept_attempts AS SELECT * FROM attempts")
    op.execute("DELETE FROM attempts")
    for table, of in UNIQUE:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"uq_{table}_{of}_{old}", type_="unique")
            batch.create_unique_constraint(f"uq_{table}_{of}_{new}", [of, new])
    op.execute("INSERT INTO attempts SELECT * FROM kept_attempts")
    op.execute("DROP TABLE kept_attempts")


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
