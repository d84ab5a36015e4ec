"""Bring a database to the tables that this version expects."""

from __future__ import annotations

import os
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ivr.encryption import make_private_folder, open_private
from ivr.records import migrations
from ivr.records.database import connect, read_url

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ivr.records.database import Database


class TablesNewer(Exception):  # noqa: N818 - what is the matter, as a person would say it
    """The tables were made by a newer version than this one, which knows nothing of them."""


class Tables(Enum):
    """How a database's tables are, beside those that this version expects."""

    CURRENT = "current"
    OLDER = "older"  # Or not there at all.
    NEWER = "newer"


def upgrade(url: str) -> None:
    """Create or update the tables at a URL; RecordsUnavailable if it cannot be reached.

    TablesNewer, and nothing is changed, if a newer version has been here.
    """
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
            if unknown := _unknown(connection):
                raise TablesNewer(_newer(unknown))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()


def compare_tables(database: Database) -> Tables:
    """Compare a database's tables with those that this version expects; RecordsUnavailable out of reach."""
    with database.read() as connection:
        if _unknown(connection):
            return Tables.NEWER
        current = _taken(connection)
    return Tables.CURRENT if current == set(_scripts().get_heads()) else Tables.OLDER


def describe_newer(database: Database) -> str:
    """Say that the tables are newer than this version, and what to do; empty when they are not."""
    with database.read() as connection:
        unknown = _unknown(connection)
    return _newer(unknown) if unknown else ""


def _newer(unknown: set[str]) -> str:
    return (
        f"the call log's tables are newer ({', '.join(sorted(unknown))}) than this version of the line"
        f" ({', '.join(_scripts().get_heads())}): nothing was changed. Start the newer version again; or, if"
        " you go back by one version on purpose, run `ivr release --back`: each version reads the tables of"
        " the next. From further back, restore the backup that was made before"
    )


def _unknown(connection: Connection) -> set[str]:
    """Name the steps that the tables have taken and this version does not know."""
    known = {script.revision for script in _scripts().walk_revisions()}
    return _taken(connection) - known


def _taken(connection: Connection) -> set[str]:
    """Name the last steps that the tables have taken; none where there are no tables."""
    # Alembic asks of a table that it makes anew: SQLAlchemy would keep each question as another one.
    uncached = connection.execution_options(compiled_cache=None)
    return set(MigrationContext.configure(uncached).get_current_heads())


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(migrations.__path__[0])))
