"""Whether a database has the tables that this version expects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ivr.records import migrations

if TYPE_CHECKING:
    from ivr.records.database import Database


def is_current(database: Database) -> bool:
    """Claim that every step was taken; RecordsUnavailable if the database cannot be reached."""
    expected = ScriptDirectory(str(Path(migrations.__path__[0]))).get_heads()
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
    return set(found) == set(expected)
