"""PostgreSQL's tables are written anew: deleted rows are gone from its files, and all else is as before."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, select, text

from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.pseudonyms import MonthKeys
from ivr.records.call_log import write_note
from ivr.records.database import connect
from ivr.records.deletion import erase
from ivr.records.ingest import record
from ivr.records.markers import Markers
from ivr.records.table_rewriting import TABLES, rewrite
from ivr.records.tables import calls, metadata, turns
from ivr.work.housekeeping import DAY, Housekeeping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = 1_795_000_000.0
MARK = "c0ffee{:026}"


@pytest.fixture
def log(postgres_url: str) -> Iterator[Database]:
    with closing(connect(postgres_url)) as database:
        for start in range(0, 600, 200):
            record(database, [e for n in range(start, start + 200) for e in call(n)], NOW)
        write_note(database, "call-1", "ada", "The line crackled.")
        yield database


def call(number: int) -> list[Entry]:
    mark, at = MARK.format(number), NOW - 3600 + number
    return [
        Entry(f"call-{number}", "1", at, "voice", "en", "person", order="any", transfer_id="s", mark=mark),
        Entry(f"call-{number}", "ring-s-1", at + 2, "voice", order="any", transfer_id="s", rang="hotline"),
        Entry(f"call-{number}", "end", at + 20, "voice", heard="ended"),
    ]


def everything(database: Database) -> dict[str, list[Any]]:
    with database.read() as sql:
        return {t.name: sorted(sql.execute(select(t)).all(), key=repr) for t in metadata.sorted_tables}


def shape(database: Database) -> list[object]:
    with database.read() as sql:
        about = inspect(sql)
        names = [
            sorted(map(repr, [*about.get_indexes(t), *about.get_foreign_keys(t), about.get_pk_constraint(t)]))
            for t in TABLES
        ]
        valid = sql.scalars(text("SELECT bool_and(convalidated) FROM pg_constraint")).all()
        return [names, valid, compare_metadata(MigrationContext.configure(sql), metadata)]


def in_files(url: str, mark: str) -> list[str]:
    """Name the data files that still hold a mark, after all that PostgreSQL holds in memory was written."""
    with psycopg.connect(url, autocommit=True) as sql:
        sql.execute("CHECKPOINT")
        (folder,) = sql.execute("SHOW data_directory").fetchone() or ("",)
    return [
        str(path)
        for path in Path(folder, "base").rglob("*")
        if path.is_file() and mark.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("small", [0, 2**30], ids=["copied", "vacuumed"])
def test_what_was_erased_is_gone_from_the_data_files(small: int, log: Database, postgres_url: str) -> None:
    mark = MARK.format(7)
    erase(log, [mark], NOW)
    with log.write() as sql:
        sql.execute(text("DELETE FROM erased_marks"))
    with psycopg.connect(postgres_url, autocommit=True) as sql:
        sql.execute("VACUUM")
    before = in_files(postgres_url, mark)

    assert rewrite(log, small=small)

    assert before != []  # VACUUM alone leaves it there.
    assert in_files(postgres_url, mark) == []
    assert in_files(postgres_url, MARK.format(8)) != []


@pytest.mark.parametrize("small", [0, 2**30], ids=["copied", "vacuumed"])
def test_nothing_else_changes(small: int, log: Database) -> None:
    rows, names = everything(log), shape(log)

    assert rewrite(log, small=small, rows=7)

    assert everything(log) == rows
    assert shape(log) == names
    assert names[2] == []
    write_note(log, "call-2", "ada", "It crackled again.")  # Its number still comes from its sequence.
    assert erase(log, [MARK.format(1)], NOW) == 1  # And what refers to a call still goes with it.


def test_a_column_that_a_migration_dropped_is_in_nobodys_way(log: Database) -> None:
    with log.write() as sql:
        sql.execute(text("CREATE TABLE migrated (gone text, id text PRIMARY KEY, at int)"))
        sql.execute(text("CREATE INDEX migrated_at_id ON migrated (at, id)"))
        sql.execute(text("INSERT INTO migrated VALUES ('gone', 'one', 1)"))
        sql.execute(text("ALTER TABLE migrated DROP COLUMN gone"))
        names = inspect(sql).get_indexes("migrated"), inspect(sql).get_pk_constraint("migrated")

    done = rewrite(log, ["migrated"], small=0)

    with log.write() as sql:
        kept = inspect(sql).get_indexes("migrated"), inspect(sql).get_pk_constraint("migrated")
        rows = sql.execute(text("SELECT * FROM migrated")).all()
        sql.execute(text("DROP TABLE migrated"))
    assert done
    assert kept == names
    assert [tuple(row) for row in rows] == [("one", 1)]


def test_rights_that_others_have_stay(log: Database) -> None:
    with log.write() as sql:
        sql.execute(text("DROP ROLE IF EXISTS reader"))
        sql.execute(text("CREATE ROLE reader"))
        sql.execute(text("GRANT SELECT ON calls TO reader"))

    rewrite(log, ["calls"], small=0)

    with log.write() as sql:
        kept = sql.scalar(text("SELECT has_table_privilege('reader', 'calls', 'SELECT')"))
        sql.execute(text("DROP OWNED BY reader"))
        sql.execute(text("DROP ROLE reader"))
    assert kept


def test_what_happens_meanwhile_is_in_the_copy_too(log: Database, postgres_url: str) -> None:
    over, slowest = threading.Event(), 0.0
    filed: list[int] = []
    erased: list[int] = []

    def file() -> None:
        nonlocal slowest
        with closing(connect(postgres_url)) as database:
            number = 1000
            while not over.is_set():
                began = time.monotonic()
                record(database, call(number), NOW)
                if number % 3 == 0:
                    erase(database, [MARK.format(number - 1000)], NOW)
                    erased.append(number - 1000)
                slowest = max(slowest, time.monotonic() - began)
                filed.append(number)
                number += 1

    thread = threading.Thread(target=file)
    thread.start()
    try:
        done = [rewrite(log, ["attempts", "transfers", "turns", "calls"], small=0, rows=5) for _ in range(3)]
    finally:
        over.set()
        thread.join()

    with log.read() as sql:
        there = set(sql.scalars(select(calls.c.id)))
        with_turns = set(sql.scalars(select(turns.c.call_id)))
    assert done == [True] * 3
    assert len(filed) > 3
    assert there == with_turns == {f"call-{n}" for n in (*range(600), *filed)} - {f"call-{n}" for n in erased}
    assert slowest < 60


def test_what_a_broken_copy_left_is_in_nobodys_way(log: Database) -> None:
    with log.write() as sql:
        sql.execute(text("CREATE TABLE rewritten (id int)"))

    assert rewrite(log, ["calls"], small=0)


def test_two_never_write_anew_at_once(log: Database, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7461004)")  # Over before the connection is closed.

        assert not rewrite(log, ["calls"])


def test_whoever_comes_next_may_write_anew_before_the_connection_is_closed(
    log: Database, postgres_url: str
) -> None:
    free: list[object] = []

    @event.listens_for(log.engine, "invalidate")
    def try_lock(*_: object) -> None:
        with psycopg.connect(postgres_url) as other:
            free.append(other.execute("SELECT pg_try_advisory_xact_lock(7461004)").fetchone())

    assert rewrite(log, [])
    assert free == [(True,)]


def test_a_table_that_is_read_all_the_time_holds_nobody_up(log: Database, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as reader:
        reader.execute("SELECT 1 FROM calls")  # Its transaction goes on.
        thread = threading.Thread(target=rewrite, args=(log, ["calls"]), kwargs={"small": 0})
        thread.start()
        began = time.monotonic()
        record(log, call(2000), NOW)
        took = time.monotonic() - began
    thread.join()

    assert took < 60


def test_the_worker_writes_tables_anew_twice_a_day(log: Database, tmp_path: Path) -> None:
    at = [NOW]
    kept, keys = Retention(rows_days=30, counts_months=24), MonthKeys(tmp_path / "keys")
    keeps = Housekeeping(log, lambda: kept, keys, Markers(tmp_path), None, lambda: at[0])
    files = [file_of_calls(log)]

    for seconds in (0, 3600, DAY / 2):
        at[0] += seconds
        keeps.run_due()
        keeps.finish()
        files.append(file_of_calls(log))

    assert [one != other for one, other in itertools.pairwise(files)] == [True, False, True]


def file_of_calls(database: Database) -> int:
    with database.read() as sql:
        return int(sql.scalar(text("SELECT pg_relation_filenode('calls')")) or 0)
