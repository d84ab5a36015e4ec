"""PostgreSQL: write tables anew, so that what was deleted is out of the data files.

VACUUM makes room of deleted rows and leaves their bytes in it, in tables and in indexes. Only a new file has
none of them. VACUUM FULL writes one, and nobody can file meanwhile: good for a table of some megabytes. A
larger one is copied beside itself, some rows at a time, while a trigger repeats in the copy what happens to
the table; then the two change places, which takes some milliseconds. Whoever waits for that lock waits for
a fifth of a second at most: then it is given up, and tried again.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ivr.records.database import Lock, RecordsUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from ivr.records.database import Database

logger = logging.getLogger(__name__)

# From which rows are deleted. `daily` and the others hold nothing of one call.
TABLES = (
    *("attempts", "transfers", "turns", "calls"),
    *("live_transfers", "erased_calls", "erased_marks", "blocks", "opt_outs", "notes", "tallies"),
    *("month_keys", "markers"),
)
SMALL = 4 * 2**20  # Bytes of a table that VACUUM FULL writes anew well within a second.
ROWS = 2000  # Rows copied, and held, at a time.
LOCK_MILLISECONDS = 200
TRIES = 100
PAUSE = 0.5  # Seconds between two tries: those who had to wait go first.
COPY, REPEAT = "rewritten", "repeat_in_copy"


def rewrite(
    database: Database, tables: Sequence[str] = TABLES, *, small: int = SMALL, rows: int = ROWS
) -> bool:
    """Write tables anew; False when one could not be, or when another process is at it."""
    try:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as sql:
            sql.execute(text("SET statement_timeout = '10min'"))
            sql.execute(text(f"SET lock_timeout = '{LOCK_MILLISECONDS}ms'"))
            try:
                if not sql.scalar(text(f"SELECT pg_try_advisory_lock({Lock.REWRITING:d})")):
                    return False
                done = [_rewrite_one(sql, table, small, rows) for table in tables]
            finally:
                with suppress(SQLAlchemyError):  # At once: the server may notice a closed connection late.
                    sql.execute(text("SELECT pg_advisory_unlock_all()"))
                sql.invalidate()  # Its settings end with it.
            return all(done)
    except SQLAlchemyError as fault:
        raise RecordsUnavailable(type(fault).__name__) from fault


def _rewrite_one(sql: Connection, table: str, small: int, rows: int) -> bool:
    size = sql.scalar(text("SELECT pg_total_relation_size(CAST(:name AS regclass))"), {"name": table}) or 0
    for _ in range(TRIES):
        try:
            if size <= small:
                sql.execute(text(f"VACUUM (FULL, ANALYZE) {table}"))
            else:
                _copy_and_exchange(sql, table, rows)
        except OperationalError as fault:  # The lock was not to be had, or two waited for each other.
            logger.info("%s is not written anew yet: %s", table, type(fault.orig).__name__)
            time.sleep(PAUSE)
        else:
            return True
    logger.warning("traces of deleted rows stay in PostgreSQL's files: %s is in use all the time", table)
    return False


def _copy_and_exchange(sql: Connection, table: str, rows: int) -> None:
    key = _key(sql, table)
    _clear(sql, table)
    try:
        _begin_copy(sql, table, key)
        _copy(sql, table, key, rows)
        sql.execute(text(f"VACUUM (ANALYZE) {COPY}"))  # Reports read indexes alone, as before.
        references = _exchange_when_free(sql, table)
    except BaseException:
        _clear(sql, table)
        raise
    for owner, name, _ in references:
        sql.execute(text(f'ALTER TABLE {owner} VALIDATE CONSTRAINT "{name}"'))


def _exchange_when_free(sql: Connection, table: str) -> list[tuple[str, str, str]]:
    """Exchange the copy and its table as soon as nobody reads or files for a moment."""
    for _ in range(TRIES):
        try:
            return _exchange(sql, table)
        except OperationalError:
            time.sleep(PAUSE)
    return _exchange(sql, table)


def _key(sql: Connection, table: str) -> list[str]:
    """Name the columns of a primary key, in order."""
    found = text(
        "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(n, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n"
        " WHERE i.indrelid = CAST(:name AS regclass) AND i.indisprimary ORDER BY k.place"
    )
    return list(sql.scalars(found, {"name": table}))


def _clear(sql: Connection, table: str) -> None:
    """Take away what a copy that was broken off has left."""
    with _transaction(sql):
        sql.execute(text(f"DROP TRIGGER IF EXISTS {REPEAT} ON {table}"))
        sql.execute(text(f"DROP FUNCTION IF EXISTS {REPEAT}()"))
        sql.execute(text(f"DROP TABLE IF EXISTS {COPY}"))


def _begin_copy(sql: Connection, table: str, key: Sequence[str]) -> None:
    """Make an empty copy, and have repeated in it what happens to the table from now on."""
    same = " AND ".join(f"{column} = OLD.{column}" for column in key)
    with _transaction(sql):
        sql.execute(text(f"CREATE TABLE {COPY} (LIKE {table} INCLUDING ALL)"))
        for column in _without_statistics(sql, table):
            sql.execute(text(f"ALTER TABLE {COPY} ALTER COLUMN {column} SET STATISTICS 0"))
        sql.execute(
            text(
                f"CREATE FUNCTION {REPEAT}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"  # noqa: S608 - names of ours
                f" IF TG_OP <> 'INSERT' THEN DELETE FROM {COPY} WHERE {same}; END IF;"
                f" IF TG_OP <> 'DELETE' THEN INSERT INTO {COPY} SELECT NEW.*; END IF;"
                " RETURN NULL; END $$"
            )
        )
        sql.execute(
            text(
                f"CREATE TRIGGER {REPEAT} AFTER INSERT OR UPDATE OR DELETE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION {REPEAT}()"
            )
        )


def _copy(sql: Connection, table: str, key: Sequence[str], rows: int) -> None:
    """Copy the rows in the order of their key, some at a time.

    They are locked meanwhile: who changes or deletes one is repeated after it was copied, or before.
    """
    order = ", ".join(key)
    after: tuple[Any, ...] | None = None
    while True:
        names = [f"k{place}" for place in range(len(key))]
        since = f"WHERE ({order}) > ({', '.join(':' + name for name in names)})" if after else ""
        last = ", ".join(f"(array_agg({column} ORDER BY {order}))[count(*)] AS {column}" for column in key)
        copied = text(
            f"WITH held AS (SELECT * FROM {table} {since} ORDER BY {order} LIMIT {rows} FOR SHARE),"  # noqa: S608 - names of ours
            f" put AS (INSERT INTO {COPY} SELECT * FROM held ON CONFLICT DO NOTHING)"
            f" SELECT count(*) AS number, {last} FROM held"
        )
        given = dict(zip(names, after or (), strict=False))
        left = text(f"SELECT 1 FROM {table} {since} LIMIT 1")  # noqa: S608 - names of ours
        found = sql.execute(copied, given).one()
        if found.number:
            after = tuple(found)[1:]
        elif sql.execute(left, given).first() is None:
            return  # Else those that came next were deleted while we waited for them.


def _exchange(sql: Connection, table: str) -> list[tuple[str, str, str]]:
    """Put the copy in the table's place, with its names and rights; give the references to check."""
    with _transaction(sql):
        related = sorted({table, *(each[0] for each in _references(sql, table)), *_parents(sql, table)})
        sql.execute(text(f"LOCK TABLE {', '.join(related)} IN ACCESS EXCLUSIVE MODE"))
        references = _references(sql, table)
        names, copies = _indexes(sql, table), _indexes(sql, COPY)
        rights = _rights(sql, table)
        for owner, name, _ in references:
            sql.execute(text(f'ALTER TABLE {owner} DROP CONSTRAINT "{name}"'))
        for sequence, column in _sequences(sql, table):
            sql.execute(text(f"ALTER SEQUENCE {sequence} OWNED BY {COPY}.{column}"))
        sql.execute(text(f"DROP TABLE {table}"))
        sql.execute(text(f"DROP FUNCTION {REPEAT}()"))
        sql.execute(text(f"ALTER TABLE {COPY} RENAME TO {table}"))
        for kind, name in names.items():
            sql.execute(text(f'ALTER INDEX "{copies[kind]}" RENAME TO "{name}"'))
        for right, who in rights:
            sql.execute(text(f"GRANT {right} ON {table} TO {who}"))
        for owner, name, what in references:
            sql.execute(text(f'ALTER TABLE {owner} ADD CONSTRAINT "{name}" {what} NOT VALID'))
    return references


def _indexes(sql: Connection, table: str) -> dict[tuple[object, ...], str]:
    """Name a table's indexes, by what a copy's have in common with them."""
    found = text(
        "SELECT c.relname, i.indisprimary, i.indisunique, ARRAY("
        "  SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(n, place)"
        "  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.place"
        " ) AS columns FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = CAST(:name AS regclass)"
    )
    rows = sql.execute(found, {"name": table})
    return {(row.indisprimary, row.indisunique, *row.columns): row.relname for row in rows}


def _references(sql: Connection, table: str) -> list[tuple[str, str, str]]:
    """List the references from and to a table: whose, its name, and what it says."""
    found = text(
        "SELECT conrelid::regclass::text AS owner, conname, pg_get_constraintdef(oid) AS says"
        " FROM pg_constraint WHERE contype = 'f'"
        " AND CAST(:name AS regclass) IN (conrelid, confrelid) ORDER BY conname"
    )
    return [
        (row.owner, row.conname, row.says.removesuffix(" NOT VALID"))
        for row in sql.execute(found, {"name": table})
    ]


def _parents(sql: Connection, table: str) -> list[str]:
    """Name the tables that a table refers to."""
    found = text(
        "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = CAST(:name AS regclass)"
    )
    return list(sql.scalars(found, {"name": table}))


def _rights(sql: Connection, table: str) -> list[tuple[str, str]]:
    """List what others than the owner may do with a table."""
    found = text(
        "SELECT x.privilege_type,"
        " CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END AS who"
        " FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x"
        " WHERE c.oid = CAST(:name AS regclass) AND x.grantee <> c.relowner"
    )
    return [(row.privilege_type, row.who) for row in sql.execute(found, {"name": table})]


def _sequences(sql: Connection, table: str) -> list[tuple[str, str]]:
    """List the sequences that belong to a table's columns: they must not go with it."""
    found = text(
        "SELECT d.objid::regclass::text AS sequence, a.attname FROM pg_depend d"
        " JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.refobjid = CAST(:name AS regclass) AND d.deptype = 'a'"
    )
    return [(row.sequence, row.attname) for row in sql.execute(found, {"name": table})]


def _without_statistics(sql: Connection, table: str) -> list[str]:
    """Name the columns of which no frequent values are noted: a copy would not know.

    A column that a migration has dropped is still listed, under a name that is none.
    """
    found = text(
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass)"
        " AND attnum > 0 AND attstattarget = 0 AND NOT attisdropped"
    )
    return list(sql.scalars(found, {"name": table}))


@contextmanager
def _transaction(sql: Connection) -> Iterator[None]:
    """Do all of it or nothing, on a connection that otherwise commits each statement."""
    sql.execute(text("BEGIN"))
    try:
        yield
    except BaseException:
        sql.execute(text("ROLLBACK"))
        raise
    sql.execute(text("COMMIT"))
