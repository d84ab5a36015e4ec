"""Scrubbing: what SQLite leaves behind of deleted rows is overwritten, and no writer has to give up for it.

``secure_delete`` overwrites a row where it is. But SQLite moves rows when it balances its pages, and does not
overwrite where they were: of a thousand deleted calls one or two can still be read in the file. Only VACUUM
writes every page anew. Writers wait for it as they wait for each other, up to 0.3 s; so it is given up after
0.1 s, and has changed nothing then. That is enough for some ten thousand calls. A busier line should have
PostgreSQL, which looks after its own pages.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from ivr.records.database import RecordsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ivr.records.database import Database

logger = logging.getLogger(__name__)

SECONDS = 0.1
TRIES = 10  # Each waits 0.3 s for those who write or read.
LOOK_EVERY = 1000  # Steps of SQLite's machine: some microseconds.


def scrub(database: Database, seconds: float = SECONDS, tries: int = TRIES) -> bool:
    """Overwrite what is left of deleted rows in the file and its log; False when there was no time for it."""
    if database.engine.dialect.name != "sqlite":
        return True
    connection = database.engine.raw_connection()
    try:
        held = connection.driver_connection
        if not isinstance(held, sqlite3.Connection):
            raise RecordsUnavailable("no connection")
        rewritten = _rewrite(held, seconds, tries)
        return _truncate(held, tries) and rewritten
    except sqlite3.Error as fault:
        raise RecordsUnavailable(str(fault)) from fault
    finally:
        connection.close()


def _rewrite(connection: sqlite3.Connection, seconds: float, tries: int) -> bool:
    """Write every page anew, unless that takes too long or others write all the time."""
    connection.execute("PRAGMA temp_store = MEMORY")  # Nothing is copied to another file.
    for _ in range(tries):
        connection.set_progress_handler(_until(time.monotonic() + seconds), LOOK_EVERY)
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                logger.warning("traces of deleted rows may be left in SQLite's file: %s", fault)
                return False
        else:
            return True
        finally:
            connection.set_progress_handler(None, 0)
    return False


def _until(end: float) -> Callable[[], bool]:
    """Give up from a moment on."""
    return lambda: time.monotonic() > end


def _truncate(connection: sqlite3.Connection, tries: int) -> bool:
    """Empty the write-ahead log, which has pages as they were before."""
    for _ in range(tries):
        (busy, *_pages) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
    return False
