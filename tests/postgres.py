"""Databases for tests: a throwaway PostgreSQL server, and each test on SQLite and on PostgreSQL.

A test module asks for them with ``pytest_plugins = ("postgres",)``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ivr.records.database import Database, connect
from ivr.records.migrations.migrate import upgrade
from ivr.records.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.records.transfer_store import TransferStore
    from ivr.transfer.machine import Transfer

GET = "PostgreSQL's server is not on this machine: apt-get install postgresql"
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a server for the session, and hand out the URL of its first database."""
    with running_postgres() as url:
        yield url


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a throwaway server, and hand out the URL of its first database."""
    initdb, server = _find("initdb"), _find("postgres")
    with _home() as (home, user):
        data = home / "data"
        made = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run([initdb, "-D", data, *made], check=True, stdout=subprocess.DEVNULL, cwd=home, **user)
        hasty = ["-F", "-c", "full_page_writes=off", "-c", "listen_addresses=", "-c", "max_connections=40"]
        with (home / "log").open("wb") as log:
            running = subprocess.Popen(
                [server, "-D", data, "-k", home, *hasty], stdout=log, stderr=log, cwd=home, **user
            )
        try:
            yield _reach(f"postgresql://postgres@/postgres?host={home}", running)
        finally:
            running.terminate()  # On SIGTERM it would wait for ever for a connection that a test forgot:
            try:
                running.wait(1)
            except subprocess.TimeoutExpired:
                running.send_signal(3)  # SIGQUIT does not.
                running.wait(60)


@pytest.fixture
def empty_postgres_url(postgres: str) -> Iterator[str]:
    """Make a database without tables, for one test."""
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
        administrator.execute("CREATE DATABASE empty")
        yield postgres.replace("@/postgres?", "@/empty?")
        administrator.execute("DROP DATABASE empty WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres: str) -> str:
    """Make a database with our tables, once."""
    with psycopg.connect(postgres, autocommit=True) as administrator:
        administrator.execute("CREATE DATABASE records")
    url = postgres.replace("@/postgres?", "@/records?")
    upgrade(url)
    return url


def put_tables(url: str) -> None:
    """Make our tables in an empty database; of a file, by copying one that was migrated once."""
    backend, _, path = url.partition(":///")
    if backend == "sqlite":
        draft = Path(f"{path}.draft")
        draft.write_bytes(_migrated_sqlite())
        draft.replace(path)  # Whoever looks for it meanwhile finds all of it, and writes into no half.
    else:
        upgrade(url)


@cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "line.sqlite3"
    put_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Copy a file with our tables, for one test."""
    url = f"sqlite:///{tmp_path}/ivr.db"
    put_tables(url)
    return url


@pytest.fixture
def postgres_url(migrated_postgres_url: str) -> str:
    """Empty our tables, for one test."""
    with psycopg.connect(migrated_postgres_url) as cleaner:
        for table in reversed(metadata.sorted_tables):  # Which hold little: to TRUNCATE each makes new files.
            cleaner.execute(SQL("DELETE FROM {}").format(Identifier(table.name)))
    return migrated_postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def records_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a migrated, empty database: the test runs on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(records_url: str) -> Iterator[Database]:
    """Give a migrated, empty database: the test runs on each kind."""
    opened = connect(records_url)
    yield opened
    opened.close()


def stored(store: TransferStore, transfer_id: str) -> Transfer | None:
    """Read a live transfer as it is stored; None if there is none."""
    unchanged = store.change(transfer_id, lambda *_: None)
    return unchanged[1] if unchanged else None


def _find(program: str) -> str:
    """Find one of the server's programs; without it skip at home, and fail where everything must be shown."""
    path = shutil.which(program) or next((str(p / program) for p in PLACES if (p / program).exists()), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)
    return str(path)


@contextmanager
def _home() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Make a folder for the server, which refuses to be root; a short path, for a socket's name is short."""
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        someone = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(home, someone.pw_uid, someone.pw_gid)
        user = {"user": someone.pw_uid, "group": someone.pw_gid, "extra_groups": []}
    try:
        yield home, user
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _reach(url: str, running: subprocess.Popen[bytes]) -> str:
    """Wait until the server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if running.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return url
