from __future__ import annotations

import shutil
import sqlite3
import threading
import weakref
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, select

from ivr.records import opt_outs_blocks
from ivr.records.database import Database, RecordsUnavailable, connect, leave_parent, read_url
from ivr.records.deletion import erase
from ivr.records.migrations.migrate import upgrade
from ivr.records.tables import opt_outs
from ivr.wiring import build_console

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ivr.flow.models import Flow
    from ivr.settings import Settings

pytest_plugins = ("postgres",)


def test_sqlite_overwrites_what_is_deleted(sqlite_url: str) -> None:
    names = ("secure_delete", "journal_mode", "foreign_keys", "busy_timeout", "synchronous", "cache_size")
    with connect(sqlite_url).read() as sql:
        found = [sql.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert found == [1, "wal", 1, 300, 1, -512]


def test_an_operators_form_waits_longer_for_another_writer_than_a_webhook(
    settings: Settings, flow: Flow
) -> None:
    upgrade(settings.database_url)

    with build_console(settings, flow).database.read() as sql:
        waits = sql.exec_driver_sql("PRAGMA busy_timeout").scalar()

    assert waits == 10_000


def test_preparing_for_a_database_connects_to_nothing() -> None:
    connect("sqlite:////nowhere/ivr.db")
    connect("postgres://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_hosts_forms_of_a_postgresql_url_are_understood(scheme: str) -> None:
    url = read_url(f"{scheme}://a:b@host/name?sslmode=require")

    assert (url.drivername, url.database, url.query["sslmode"]) == ("postgresql+psycopg", "name", "require")


@pytest.mark.parametrize("url", ["", "rubbish", "mysql://a:secret@b/c", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="database's URL") as refused:
        read_url(url)

    assert "secret" not in str(refused.value)


def opt_out(database: Database, mark: str) -> None:
    with database.write() as sql:
        sql.execute(opt_outs.insert(), {"mark": mark, "since": date(2026, 1, 1)})


def opted_out(database: Database) -> int:
    with database.read() as sql:
        return sql.scalar(select(func.count()).select_from(opt_outs)) or 0


def test_a_writer_of_sqlite_waits_for_another_as_long_as_it_was_told(sqlite_url: str) -> None:
    patient, hasty = connect(sqlite_url, locked=60), connect(sqlite_url, locked=0.01)
    waiting = threading.Thread(target=opt_out, args=(patient, "mark"))

    with connect(sqlite_url).write():
        waiting.start()
        for _ in range(3):
            with pytest.raises(RecordsUnavailable), hasty.write():
                raise AssertionError("two write at once")
    waiting.join(60)

    assert opted_out(patient) == 1
    with patient.write() as sql:
        assert sql.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000  # For all that comes after.


def test_sqlites_file_is_opened_once_for_many_transactions(sqlite_url: str) -> None:
    database, opened = connect(sqlite_url), []
    event.listen(database.engine, "connect", lambda *_: opened.append(1))

    for mark in "abc":
        opt_out(database, mark)

    assert (opted_out(database), opened) == (3, [1])


def test_file_put_in_place_of_another_is_written_to_and_a_missing_one_is_not(
    tmp_path: Path, sqlite_url: str
) -> None:
    file, database = tmp_path / "ivr.db", connect(sqlite_url)
    opt_out(database, "a")
    database.fold_log()
    shutil.copy(file, tmp_path / "copy.db")
    opt_out(database, "lost")

    file.rename(tmp_path / "aside.db")
    with pytest.raises(RecordsUnavailable):
        opt_out(database, "refused")
    for name in ("ivr.db-wal", "ivr.db-shm"):
        (tmp_path / name).unlink()
    (tmp_path / "copy.db").rename(file)
    opt_out(database, "b")

    assert (opted_out(database), opted_out(connect(sqlite_url))) == (2, 2)


def test_quiet_lines_file_is_whole_without_its_log(tmp_path: Path, sqlite_url: str) -> None:
    database = connect(sqlite_url)
    opt_out(database, "a")

    database.fold_log()

    shutil.copy(tmp_path / "ivr.db", tmp_path / "alone.db")
    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT count(*) FROM opt_outs").fetchone() == (1,)


def test_only_what_a_phone_was_promised_waits_for_sqlites_disk(sqlite_url: str) -> None:
    database, waits = connect(sqlite_url), []
    event.listen(database.engine, "commit", lambda sql: waits.append(pragma(sql, "synchronous")))

    opt_outs_blocks.opt_out(database, "a", 0)
    opt_outs_blocks.opt_in(database, "a")
    erase(database, ["a"], 0)
    with pytest.raises(ZeroDivisionError), database.write(lasting=True):
        raise ZeroDivisionError
    opt_out(database, "b")

    assert waits == [2, 2, 2, 1]  # FULL, and NORMAL again on the same connection.


def test_a_log_that_cannot_be_emptied_leaves_other_transactions_as_patient_as_before(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    opt_out(database, "a")

    with closing(database.engine.raw_connection()) as pooled:
        held = pooled.driver_connection
        assert isinstance(held, sqlite3.Connection)
        held.set_authorizer(deny_checkpoints)
    with pytest.raises(RecordsUnavailable):
        database.fold_log()

    with database.read() as sql:
        assert pragma(sql, "busy_timeout") == 300


def deny_checkpoints(_action: int, name: str | None, *_more: object) -> int:
    return sqlite3.SQLITE_DENY if name == "wal_checkpoint" else sqlite3.SQLITE_OK


def pragma(connection: Connection, name: str) -> int:
    held = connection.connection.driver_connection
    assert isinstance(held, sqlite3.Connection)
    (value,) = held.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def test_forked_child_opens_its_own_connection_and_closes_none_of_its_parents(sqlite_url: str) -> None:
    database, opened = connect(sqlite_url), []
    event.listen(database.engine, "connect", lambda held, _: opened.append(held))
    opt_out(database, "a")

    leave_parent(weakref.ref(database.engine))  # As the interpreter does in the child.
    opt_out(database, "b")

    assert [held.execute("SELECT count(*) FROM opt_outs").fetchone() for held in opened] == [(2,), (2,)]
