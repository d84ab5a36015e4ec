"""The database: SQLite by default, PostgreSQL by URL, and one exception for both being out of reach."""

from __future__ import annotations

import atexit
import functools
import os
import sqlite3
import time
import weakref
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    ARRAY,
    URL,
    Engine,
    String,
    any_,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    make_url,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DisconnectionError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.pool import QueuePool

from ivr.circuit_breaker import PartUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import (
        Column,
        ColumnElement,
        Connection,
        CursorResult,
        Delete,
        Insert,
        Select,
        Table,
        Update,
    )
    from sqlalchemy.pool import ConnectionPoolEntry, Pool

    _Statement = Insert | Update | Delete | Select[Any]

LOCKED_SECONDS = 0.3  # How long one writer of SQLite waits for another.
LOOKED_FOR = 0.003  # Seconds between two looks for SQLite's lock.
KEPT_OPEN = 4  # Connections with SQLite's file that wait for the next transaction; more are closed after one.
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "secure_delete = ON",  # What is deleted is overwritten: a thief of the file must not find it.
    "cache_size = -512",  # KiB of a connection; the system has the file in memory as well.
)
_WRITES, _ALONE, _FILE, _ROWS = "ivr_writes", "ivr_alone", "ivr_file", "ivr_rows"
_of_parents: list[Pool] = []  # Kept for ever in a forked child: closing them would touch the parent's locks.


class RecordsUnavailable(PartUnavailable):
    """The database is gone, hangs, or is not migrated. What was to be stored is still to be stored."""


class RecordRefused(Exception):  # noqa: N818 - what happened, not whose error it is
    """The database is there and will never take these values."""


@dataclass(frozen=True)
class Database:
    """A way to the database. Nothing connects before the first transaction."""

    engine: Engine

    @contextmanager
    def read(self, *, snapshot: bool = False) -> Iterator[Connection]:
        """Read in one transaction; RecordsUnavailable if the database cannot be reached in time.

        With ``snapshot`` all of it is read as of one moment: SQLite reads so anyway.
        """
        with _named(), self.engine.connect() as connection:
            if snapshot and connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, lasting: bool = False) -> Iterator[Connection]:
        """Write in one transaction that no other writer can slip into.

        With ``lasting`` it is on the disk afterwards, and a power cut takes nothing of it: PostgreSQL waits
        for its disk anyway, SQLite only then.
        """
        with _named(), self.engine.connect() as connection, _waiting_for_disk(connection, lasting=lasting):
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def write_one(self, statement: Insert | Update, row: dict[str, Any] | None = None) -> int:
        """Execute one statement as a transaction of its own; give how many rows it concerned.

        SQLite's other writers wait for nothing but the statement. In a transaction of several, the thread
        that holds the lock has to wait for the interpreter after each.
        """
        with _named(), self.engine.connect() as connection:
            connection.execution_options(**{_ALONE: True})
            with connection.begin():
                return connection.execute(statement, row).rowcount

    def fold_log(self) -> None:
        """Move what SQLite has in a log beside its file into the file, unless somebody is in the way.

        So a quiet line's file is whole, also for somebody who copies or moves it without its log.
        """
        if self.engine.dialect.name != "sqlite":
            return
        with _named(), closing(self.engine.raw_connection()) as pooled:
            held = pooled.driver_connection
            if not isinstance(held, sqlite3.Connection):
                raise RecordsUnavailable("no connection")
            (milliseconds,) = held.execute("PRAGMA busy_timeout").fetchone()
            held.execute("PRAGMA busy_timeout = 0")
            try:
                for how in ("PASSIVE", "TRUNCATE"):  # Others may write during the first, which does most.
                    held.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
            finally:  # The connection is kept: whoever has it next waits as long as ever.
                held.execute(f"PRAGMA busy_timeout = {milliseconds}")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def connect(
    url: str, patience: float = 2, *, create: bool = False, locked: float = LOCKED_SECONDS
) -> Database:
    """Prepare for the database at a URL, waiting at most ``patience`` seconds for a statement.

    Of SQLite's other writers each is waited for at most ``locked`` seconds.
    Only with ``create`` is a missing SQLite file made: one that was moved away must not be replaced unseen.
    """
    parsed = read_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed, locked, create=create))
    return Database(_postgresql(parsed, patience))


def read_url(url: str) -> URL:
    """Read a database's URL, in the forms that hosts hand out; ValueError if it is none of ours."""
    try:
        where = make_url(url)
    except ArgumentError as fault:
        raise ValueError(
            "the database's URL cannot be read"
        ) from fault  # Without it: it may hold a password.
    match where.drivername:
        case "postgres" | "postgresql" | "postgresql+psycopg":
            return where.set(drivername="postgresql+psycopg")
        case "sqlite" | "sqlite+pysqlite" if where.database and where.database != ":memory:":
            return where
    raise ValueError("the database's URL must begin with sqlite:/// and name a file, or with postgresql://")


def insert_missing(sql: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, passing over those that are there."""
    if rows:
        sql.execute(inserting_missing(table, sql.dialect.name), rows)


def inserting_missing(table: Table, dialect: str) -> Insert:
    """Prepare to insert rows, passing over those that are there."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def insert_or_change(sql: Connection, table: Table, rows: Sequence[dict[str, Any]], *, add: str = "") -> None:
    """Insert rows; of one that is there the other columns are changed, or one is added to."""
    if not rows:
        return
    insert = (postgresql.insert if sql.dialect.name == "postgresql" else sqlite.insert)(table)
    keys = list(table.primary_key.columns)
    changed: dict[str, Any] = {
        name: insert.excluded[name] for name in rows[0] if name not in {k.name for k in keys}
    }
    if add:
        changed[add] = table.c[add] + insert.excluded[add]
    sql.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)


# Many rows by one statement. Between two rows SQLite hands the interpreter to other threads, and where
# callers keep those busy, a hundred rows held the write lock for two seconds. To PostgreSQL each row is a
# message of its own. So all travel in one value, as JSON.


def insert_together(sql: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, passing over those that are there. Each has the same columns; none of them is binary."""
    if not rows:
        return
    names = tuple(rows[0])
    values = _written(sql, [table.c[name] for name in names], rows)
    if sql.dialect.name == "sqlite":
        _execute(sql, _inserting(table, names), msgspec.json.encode(values).decode())
    else:
        _send_records(sql, _inserting_records(table, names), names, values)


def update_together(sql: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Change rows by their primary key, which is one column. Each has the same columns."""
    (key,) = table.primary_key.columns
    if not rows:
        return
    names = (key.name, *(name for name in rows[0] if name != key.name))
    values = _written(sql, [table.c[name] for name in names], rows)
    if sql.dialect.name == "sqlite":
        _execute(sql, _updating(table, names), msgspec.json.encode(values).decode())
    else:
        _send_records(sql, _updating_records(table, names), names, values)


def read_together(  # noqa: PLR0913 - what differs between the databases, by name
    sql: Connection,
    columns: Sequence[Column[Any]],
    key: Column[Any],
    values: Iterable[str],
    *,
    through: Column[Any] | None = None,
    locked: bool = False,
) -> Sequence[Sequence[Any]]:
    """Read columns of a table's rows that have one of some values as key, in any order.

    PostgreSQL finds them ``through`` the column of another table that the key refers to, and locks them in
    one order, whoever else does so.
    """
    if sql.dialect.name != "sqlite":
        found = _reading_any(tuple(columns), key, through, locked=locked)
        return sql.execute(found, {_ROWS: [*values]}).all()
    whole = _execute(sql, _reading(tuple(columns), key), msgspec.json.encode([*values]).decode())
    rows: list[list[Any]] = msgspec.json.decode(whole.scalar() or "[]")
    read = [column.type.dialect_impl(sql.dialect).result_processor(sql.dialect, None) for column in columns]
    if not any(read):
        return rows
    return [[do(each) if do else each for do, each in zip(read, row, strict=True)] for row in rows]


def delete_together(sql: Connection, key: Column[Any], values: Iterable[Any]) -> None:
    """Delete rows that have one of some values as key."""
    if sql.dialect.name != "sqlite":
        sql.execute(delete(key.table).where(key.in_([*values])))
        return
    write = key.type.dialect_impl(sql.dialect).bind_processor(sql.dialect)
    written = [write(each) if write else each for each in values]
    _execute(sql, _deleting(key), msgspec.json.encode(written).decode())


# Of few tables and columns. To put a statement together, or only to look whether it was compiled already,
# took SQLAlchemy most of the time of a transaction with few rows.


@functools.cache
def _inserting(table: Table, names: tuple[str, ...]) -> Insert:
    found = select(*_each(len(names))).where(true())  # Without it, ON CONFLICT would read as part of a join.
    return sqlite.insert(table).from_select(names, found).on_conflict_do_nothing()


@functools.cache
def _updating(table: Table, names: tuple[str, ...]) -> Update:
    same, *values = _each(len(names))
    key = table.c[names[0]]
    return update(table).where(key == same).values(dict(zip(names[1:], values, strict=True)))


@functools.cache
def _reading(columns: tuple[Column[Any], ...], key: Column[Any]) -> Select[Any]:
    return select(func.json_group_array(func.json_array(*columns))).where(_among(key))


@functools.cache
def _reading_any(
    columns: tuple[Column[Any], ...], key: Column[Any], through: Column[Any] | None, *, locked: bool
) -> Select[Any]:
    found = select(*columns)
    if through is not None:
        found = found.join_from(key.table, through.table)
    found = found.where((key if through is None else through) == any_(bindparam(_ROWS, type_=ARRAY(String))))
    return found.order_by(key).with_for_update() if locked else found


@functools.cache
def _inserting_records(table: Table, names: tuple[str, ...]) -> str:
    """Give a statement of PostgreSQL, whose names are this project's own."""
    columns = ", ".join(f'"{name}"' for name in names)
    given = f"SELECT {columns} FROM json_populate_recordset(NULL::{table.name}, %({_ROWS})s::json)"  # noqa: S608
    return f"INSERT INTO {table.name} ({columns}) {given} ON CONFLICT DO NOTHING"


@functools.cache
def _updating_records(table: Table, names: tuple[str, ...]) -> str:
    """Give a statement of PostgreSQL, whose names are this project's own."""
    key, *others = (f'"{name}"' for name in names)
    values = ", ".join(f"{name} = given.{name}" for name in others)
    given = f"json_populate_recordset(NULL::{table.name}, %({_ROWS})s::json) AS given"
    return f"UPDATE {table.name} SET {values} FROM {given} WHERE {table.name}.{key} = given.{key}"  # noqa: S608


@functools.cache
def _deleting(key: Column[Any]) -> Delete:
    return delete(key.table).where(_among(key))


def _among(key: Column[Any]) -> ColumnElement[bool]:
    return key.in_(select(func.json_each(bindparam(_ROWS)).table_valued("value").c.value))


def _each(count: int) -> list[ColumnElement[Any]]:
    """Name the values of each row that travels as JSON."""
    row = func.json_each(bindparam(_ROWS)).table_valued("value")
    return [func.json_extract(row.c.value, f"$[{place}]") for place in range(count)]


def _execute(sql: Connection, statement: _Statement, rows: str) -> CursorResult[Any]:
    text, values = _compiled(statement)
    return sql.exec_driver_sql(text, tuple(rows if value is None else value for value in values))


@functools.cache
def _compiled(statement: _Statement) -> tuple[str, tuple[Any, ...]]:
    """Give a statement as SQLite reads it, and its values in their order; None where the rows are to be."""
    compiled: Any = statement.compile(dialect=sqlite.dialect())
    return str(compiled), tuple(compiled.params[name] for name in compiled.positiontup)


def _send_records(
    sql: Connection, statement: str, names: Sequence[str], values: Sequence[Sequence[Any]]
) -> None:
    records = [dict(zip(names, each, strict=True)) for each in values]
    sql.exec_driver_sql(statement, {_ROWS: msgspec.json.encode(records).decode()})


def _written(
    sql: Connection, columns: Sequence[Column[Any]], rows: Sequence[dict[str, Any]]
) -> list[list[Any]]:
    """Write the values of rows as the database keeps them."""
    write = [(each.name, each.type.dialect_impl(sql.dialect).bind_processor(sql.dialect)) for each in columns]
    return [[do(row[name]) if do else row[name] for name, do in write] for row in rows]


class Lock(IntEnum):
    """PostgreSQL's advisory locks that this project takes; any numbers that nobody else takes."""

    AUDIT = 7_310_004  # One writer at a time, or two rows would follow the same one.
    PROMPTS = 7_310_006  # Taken before the audit's, by whoever writes prompts.
    PHRASES = 7_310_007  # Taken before the audit's, by whoever writes phrases.
    VIEWS = 7_310_008  # Whoever saves a view.
    CLAIMS = 7_461_001  # Whoever claims an agency.
    ERASING = 7_461_002  # Nobody files while somebody erases.
    FORGETTING = 7_461_003  # Whoever forgets.
    REWRITING = 7_461_004  # Whoever writes tables anew.


def be_alone(sql: Connection, lock: Lock, *, shared: bool = False) -> None:
    """Wait until nobody else is in this lock, until the transaction ends; writers of SQLite are alone anyway.

    Those who share it wait only for one who does not.
    """
    if sql.dialect.name == "postgresql":
        wait = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        sql.execute(select(wait(lock)))


def _sqlite(where: URL, locked: float, *, create: bool) -> Engine:
    """Keep some connections: opening one takes ten times as long as what is written.

    Whoever closes the last one of all processes also has to move SQLite's log into its file, and nobody can
    read or write meanwhile. A file that was replaced must not be written to unseen: see `_follow_file`.
    """
    path = Path(where.database or "").absolute()
    query = {"mode": "rwc" if create else "rw", "uri": "true"}
    url = URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=KEPT_OPEN,
        max_overflow=-1,  # Nobody waits for a connection.
        pool_use_lifo=True,
        connect_args={"timeout": locked},
    )
    event.listen(engine, "do_connect", functools.partial(_note_file, path))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkout", functools.partial(_follow_file, path))
    event.listen(engine, "begin", functools.partial(_begin_sqlite, locked))
    mine = weakref.ref(engine)
    os.register_at_fork(after_in_child=functools.partial(leave_parent, mine))
    atexit.register(_close, mine)  # Whoever is the last moves SQLite's log into its file.
    return engine


def _note_file(path: Path, _dialect: object, entry: ConnectionPoolEntry, *_how: object) -> None:
    """Note which file is about to be opened: one that takes its place meanwhile is another."""
    entry.info[_FILE] = _identity(path)


def _follow_file(path: Path, _connection: object, entry: ConnectionPoolEntry, _fairy: object) -> None:
    """Have the file opened anew where another has taken its place."""
    if entry.info.get(_FILE) != _identity(path):
        raise DisconnectionError("another file is there now")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """Set what SQLite forgets from one connection to the next."""
    connection.isolation_level = None  # Transactions are begun by us, below.
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(locked: float, connection: Connection) -> None:
    """Take the write lock at once where it will be needed: taken later it fails without waiting."""
    options = connection.get_execution_options()
    if options.get(_WRITES):
        _take_lock(connection, time.monotonic() + locked)
    elif not options.get(_ALONE):
        connection.exec_driver_sql("BEGIN")


def _take_lock(connection: Connection, until: float) -> None:
    """Begin to write, and look for SQLite's lock every few milliseconds until then.

    SQLite by itself looks more and more seldom, a tenth of a second apart in the end, while it is free.
    """
    held = connection.connection.driver_connection
    if not isinstance(held, sqlite3.Connection):
        raise RecordsUnavailable("no connection")
    (milliseconds,) = held.execute("PRAGMA busy_timeout").fetchone()
    held.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                held.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as fault:
                busy = fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # In any of its kinds.
                if not busy or time.monotonic() >= until:
                    raise
            else:
                return
            time.sleep(LOOKED_FOR)
    finally:
        held.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _postgresql(where: URL, patience: float) -> Engine:
    """Prepare a small pool whose every wait has an end, also when the server's machine falls silent."""
    limit = max(1, int(patience * 1000))
    given = where.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c statement_timeout={limit}".strip()
    arguments: dict[str, Any] = {
        "connect_timeout": 2,  # The least that PostgreSQL's client library allows.
        "options": f"{options} -c idle_in_transaction_session_timeout=10000",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }
    engine = create_engine(
        where, pool_size=2, max_overflow=3, pool_timeout=patience, pool_pre_ping=True, connect_args=arguments
    )
    os.register_at_fork(after_in_child=functools.partial(leave_parent, weakref.ref(engine)))
    return engine


def _close(engine: weakref.ref[Engine]) -> None:
    """Close what is still open when this process ends."""
    mine = engine()
    if mine is not None:
        mine.dispose()


def leave_parent(engine: weakref.ref[Engine]) -> None:
    """Drop a parent's connections in its forked child, without closing them: they are the parent's."""
    mine = engine()
    if mine is not None:
        _of_parents.append(mine.pool)
        mine.dispose(close=False)


@contextmanager
def _waiting_for_disk(connection: Connection, *, lasting: bool) -> Iterator[None]:
    """Let SQLite's connection wait for the disk at a commit, and not any more when it is given back."""
    held = connection.connection.driver_connection
    if not lasting or not isinstance(held, sqlite3.Connection):
        yield
        return
    held.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        held.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def _named() -> Iterator[None]:
    """Name what goes wrong after what can be done about it."""
    try:
        yield
    except (DataError, IntegrityError) as fault:
        raise RecordRefused(type(fault.orig).__name__) from fault
    except (SQLAlchemyError, sqlite3.Error, OSError) as fault:
        raise RecordsUnavailable(_reason(fault)) from fault


def _reason(fault: SQLAlchemyError | sqlite3.Error | OSError) -> str:
    """Give what is wrong in one line, without the statement and its values."""
    return str(getattr(fault, "orig", None) or fault).strip().split("\n", 1)[0]
