"""Copies of the call log, by SQLite's own online backup or by `pg_dump`; the line goes on meanwhile.

A backup is one file that nobody but its owner may read. It holds what the log holds: no number, no word, and
no key. `restore` puts one back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, func, select

from ivr.private_files import make_private_folder, open_private
from ivr.records.database import connect, read_url
from ivr.records.tables import calls, month_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BUSY_SECONDS = 60.0  # For so long others may hold SQLite's file, or a table of PostgreSQL's.
PROGRAM_SECONDS = 3600.0
WITHOUT_KEYS = f"--exclude-table-data={month_keys.name}"  # A backup outlives the month's end.
OURS = """
DO $$ DECLARE t record; BEGIN
FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user
LOOP EXECUTE format('DROP TABLE %I CASCADE', t.tablename); END LOOP;
END $$"""  # Every table of the line's own user; its database holds nothing else.


class BackupError(Exception):
    """A backup cannot be made or is not whole; the message says what to do."""


def is_sqlite(url: str) -> bool:
    """Whether a database is a file of SQLite's."""
    return read_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: str) -> Path:
    """Name the file of SQLite's at a URL."""
    return Path(read_url(url).database or "").absolute()


def make_backup(url: str, to: Path) -> int:
    """Copy the log into a new file, and read it again; give how many calls it holds."""
    make_private_folder(to.absolute().parent)
    try:
        os.close(open_private(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        raise BackupError(f"{to} is there already: name a new file") from None
    except OSError as error:
        raise BackupError(f"{to} cannot be written: {error.strerror}") from None
    try:
        if not is_sqlite(url):
            _run(
                read_url(url),
                [
                    "pg_dump",
                    "--format=custom",
                    "--no-owner",
                    "--no-privileges",
                    WITHOUT_KEYS,
                    "--file",
                    str(to),
                ],
            )
            _run(None, ["pg_restore", "--list", str(to)])
            return count_calls(url)
        copy_sqlite(sqlite_path(url), to)
        with closing(sqlite3.connect(to)) as file:
            file.execute(
                "PRAGMA journal_mode = DELETE"
            )  # One file, which can be read where nothing may be written.
        return check_sqlite(to)
    except BaseException:
        to.unlink(missing_ok=True)  # Half a copy must not be taken for one.
        raise


def copy_sqlite(source: Path, to: Path) -> None:
    """Copy a file of SQLite's as of one moment, into a file that others may be using."""
    end = time.monotonic() + BUSY_SECONDS

    def go_on(*_: int) -> None:
        if time.monotonic() > end:
            raise BackupError(f"{source} is in use without a pause: try again, or stop the worker first")

    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as old,
            closing(sqlite3.connect(to, timeout=BUSY_SECONDS)) as new,
        ):
            old.backup(new, progress=go_on)
            if new.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied to {to}: {error}") from None


def check_sqlite(path: Path) -> int:
    """Read every page of a backup; give how many calls it holds. BackupError: it is not whole."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            faults = [row[0] for row in file.execute("PRAGMA integrity_check")]
            if faults != ["ok"]:
                raise BackupError(f"{path} is not whole: {faults[0]}")
            count: int = file.execute(f"SELECT count(*) FROM {calls.name}").fetchone()[0]  # noqa: S608 - our own name
            return count
    except sqlite3.Error as error:
        raise BackupError(f"{path} is no backup of this log: {error}") from None


@contextmanager
def script_of_postgresql(backup: Path) -> Iterator[Path]:
    """Write what a backup holds as a script, for as long as it is needed. BackupError: it is no backup."""
    check_postgresql(backup)
    with tempfile.TemporaryDirectory() as folder:  # Of half a script from a pipe, half would be kept.
        script = Path(folder) / "log.sql"
        _run(None, ["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(backup)])
        yield script


def put_back_postgresql(url: str, script: Path, waiting: float = BUSY_SECONDS) -> None:
    """Put the tables of a backup in place of those that are there, all at once."""
    once = ["psql", "--single-transaction", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    _run(read_url(url), [*once, f"--command={OURS}", f"--file={script}"], waiting)


def check_postgresql(backup: Path) -> None:
    """Read what a backup lists. BackupError: it is none."""
    _run(None, ["pg_restore", "--list", str(backup)])


def list_remains(path: Path) -> Iterator[Path]:
    """Name what SQLite leaves beside a file."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        yield path.with_name(path.name + suffix)


def count_calls(url: str) -> int:
    """Count the calls of a log."""
    database = connect(url, BUSY_SECONDS)
    try:
        with database.read() as sql:
            return sql.scalar(select(func.count()).select_from(calls)) or 0
    finally:
        database.close()


def _run(where: URL | None, command: Sequence[str], waiting: float = BUSY_SECONDS) -> None:
    """Run one of PostgreSQL's programs; a list of processes never shows the password."""
    if shutil.which(command[0]) is None:
        raise BackupError(f"{command[0]} is not on this machine: apt-get install postgresql-client")
    environment = dict(os.environ) | {"PGOPTIONS": f"-c lock_timeout={int(waiting * 1000)}"}
    if where is not None:
        environment |= {"PGPASSWORD": where.password} if where.password else {}
        plain = URL.create(
            "postgresql", where.username, None, where.host, where.port, where.database, where.query
        )
        command = [*command, f"--dbname={plain.render_as_string(hide_password=False)}"]
    try:
        done = subprocess.run(  # noqa: S603 - its words are ours
            command, env=environment, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BackupError(f"{command[0]} did not end within an hour") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["said nothing"]
        wrong = next((line for line in said if "ERROR" in line or "error:" in line), said[-1])
        raise BackupError(f"{command[0]} failed: {wrong}")
