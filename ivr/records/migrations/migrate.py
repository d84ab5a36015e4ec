"""Bring a database to the tables that this version expects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ivr.private_files import make_private_folder, open_private
from ivr.records import migrations
from ivr.records.database import connect, read_url

if TYPE_CHECKING:
    from ivr.records.database import Database


def upgrade(url: str) -> None:
    """Create or update the tables at a URL; RecordsUnavailable if it cannot be reached."""
    where = read_url(url)
    if where.get_backend_name() == "sqlite":
        file = Path(where.database or "").absolute()
        make_private_folder(file.parent)
        if not file.exists():  # SQLite makes its journals with the mode of this file.
            os.close(open_private(file, os.O_RDWR | os.O_CREAT))
    database = connect(url, patience=60, create=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])).replace("%", "%%"))
    try:
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()


def is_current(database: Database) -> bool:
    """Whether the database has the tables that this version expects; RecordsUnavailable if out of reach."""
    expected = ScriptDirectory(str(Path(migrations.__path__[0]))).get_heads()
    with database.read() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    return set(current) == set(expected)
