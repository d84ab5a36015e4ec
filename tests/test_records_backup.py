"""A backup that is put back: what was deleted since stays away, and nobody's STOP is lost."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from conftest import ROOT
from fakes import ENVIRONMENT
from sqlalchemy import func, select, update

from ivr.cli.main import main
from ivr.effects import Entry
from ivr.flow.models import Retention
from ivr.records.audit import add_audit_entry, list_audit_entries, verify
from ivr.records.backup import (
    BackupError,
    Restored,
    is_sqlite,
    make_backup,
    put_back_postgresql,
    restore_backup,
    script_of_postgresql,
    sqlite_path,
)
from ivr.records.call_log import list_calls
from ivr.records.database import Database, connect
from ivr.records.deletion import DAY, erase
from ivr.records.ingest import JournalFiler, record
from ivr.records.journal import Journal
from ivr.records.migrations.migrate import upgrade
from ivr.records.notifications import Digest, Subscription, find_subscription, subscribe, unsubscribe
from ivr.records.operators import Role, add_operator, disable_operator, find_operator
from ivr.records.opt_outs_blocks import list_blocks, list_opt_outs, opt_in, opt_out, write_block
from ivr.records.sessions import add_screen, list_screens, may_show_now, revoke_screen
from ivr.records.snapshot import SnapshotHolder
from ivr.records.tables import audit, calls, turns
from ivr.records.worker_heartbeats import note_alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_plugins = ("postgres",)

NOW = datetime(2027, 3, 20, 12, 34, 56, tzinfo=UTC).timestamp()
KEPT = Retention(rows_days=30, counts_months=24)


def file_call(database: Database, name: str, mark: str, at: float = NOW - 100) -> None:
    told = [Entry(name, "0", at, "voice", "en", "hello", mark=mark), Entry(name, "end", at + 20, "voice")]
    record(database, told, at + 30)


def block(database: Database, mark: str) -> None:
    with database.write() as sql:
        write_block(sql, mark, datetime.fromtimestamp(NOW + DAY, UTC), "threats", who="ada")


def names(database: Database) -> list[str]:
    return sorted(one.id for one in list_calls(database))


@pytest.fixture
def copied(database: Database, records_url: str, tmp_path: Path) -> Path:
    """Back up a log: two phones' calls, an old one's, a STOP, a block and a deed."""
    for name, mark in (("a", "m1"), ("b", "m2")):
        file_call(database, name, mark)
    file_call(database, "old", "m3", NOW - 29.5 * DAY)
    opt_out(database, "stopped-before", NOW)
    block(database, "blocked-before")
    add_audit_entry(database, "ada", "looked")
    made = tmp_path / "backups" / "log.backup"
    assert make_backup(records_url, made) == 3
    return made


def put_back(url: str, backup: Path, beside: Path, later: float = 0) -> Restored:
    return restore_backup(url, backup, beside, KEPT, now=NOW + later)


def test_what_was_deleted_since_is_not_brought_back(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    assert erase(database, ["m1"], NOW) == 1
    file_call(database, "late", "m4")

    done = put_back(records_url, copied, tmp_path, DAY)

    assert names(database) == ["b"]
    assert (done.held, done.erased, done.forgotten, done.faults) == (3, 1, 1, ())
    with database.read() as sql:
        assert set(sql.scalars(select(turns.c.call_id))) == {"b"}
    again = put_back(records_url, copied, tmp_path, DAY)
    assert names(database) == ["b"]
    assert again.faults == ()


class Meanwhile(tzinfo):
    """A clock that somebody's wish comes in beside, when it is first looked at."""

    def __init__(self, wish: Callable[[], object]) -> None:
        self._wishes = [wish]

    def utcoffset(self, _when: datetime | None) -> timedelta:
        while self._wishes:
            self._wishes.pop()()
        return timedelta(0)

    def dst(self, _when: datetime | None) -> timedelta:
        return timedelta(0)


def test_who_sends_stop_or_delete_while_a_backup_is_put_back_is_heard(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    def wish() -> None:
        opt_out(database, "stopped-meanwhile", NOW)
        erase(database, ["m1"], NOW)

    done = restore_backup(records_url, copied, tmp_path, KEPT, zone=Meanwhile(wish), now=NOW + DAY)

    assert done.faults == ()  # PostgreSQL's tables stand in place by then, with one call less.
    assert "stopped-meanwhile" in list_opt_outs(database)
    assert names(database) == ["b"]


def test_stop_and_blocks_stay_as_they_are_now(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    opt_out(database, "stopped-since", NOW)
    opt_in(database, "stopped-before")
    block(database, "blocked-since")

    done = put_back(records_url, copied, tmp_path)

    assert list_opt_outs(database) == {"stopped-since"}
    assert {one.mark for one in list_blocks(database, NOW)} == {"blocked-before", "blocked-since"}
    assert (done.stopped, done.blocked, done.present_read) == (1, 2, True)


def test_the_copy_beside_the_journal_keeps_promises_when_the_log_is_lost(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    erase(database, ["m1"], NOW)
    opt_out(database, "stopped-since", NOW)
    block(database, "blocked-since")
    assert SnapshotHolder(database, tmp_path, lambda: NOW).refresh()
    lose(records_url, database)

    done = put_back(records_url, copied, tmp_path)

    assert names(database) == ["b", "old"]
    assert list_opt_outs(database) == {"stopped-before", "stopped-since"}
    assert {one.mark for one in list_blocks(database, NOW)} == {"blocked-before", "blocked-since"}
    assert (done.erased, done.present_read, done.faults) == (1, False, ())


def lose(url: str, database: Database) -> None:
    if is_sqlite(url):
        sqlite_path(url).unlink()
        return
    with database.write() as sql:
        sql.exec_driver_sql("DROP SCHEMA public CASCADE")
        sql.exec_driver_sql("CREATE SCHEMA public")


def test_tables_that_were_made_anew_do_not_wipe_the_lists(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    lose(records_url, database)
    upgrade(records_url)

    put_back(records_url, copied, tmp_path)

    assert list_opt_outs(database) == {"stopped-before"}
    assert [one.mark for one in list_blocks(database, NOW)] == ["blocked-before"]


def test_operators_and_their_deeds_do_not_go_back(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    for name in ("ada", "bo"):
        add_operator(database, name, Role.VIEWER, "a long first password")
    made = tmp_path / "log.backup"
    make_backup(records_url, made)
    disable_operator(database, "bo", who="ada")

    put_back(records_url, made, tmp_path)

    bo = find_operator(database, "bo")
    assert bo is not None
    assert bo.disabled
    assert [entry.did for entry in list_audit_entries(database)][:2] == ["log restored", "operator disabled"]
    assert verify(database) == []


def test_where_nobody_knows_who_may_sign_in_all_are_signed_out(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    add_operator(database, "ada", Role.VIEWER, "a long first password")
    before = find_operator(database, "ada")
    made = tmp_path / "log.backup"
    make_backup(records_url, made)
    lose(records_url, database)

    put_back(records_url, made, tmp_path)

    after = find_operator(database, "ada")
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch
    assert after.session_key == ""


def test_a_screen_that_was_revoked_since_shows_now_no_more(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    add_screen(database, "hall", "a hash", now=datetime.now(UTC), who="ada")
    made = tmp_path / "log.backup"
    make_backup(records_url, made)
    revoke_screen(database, list_screens(database)[0].id, who="ada")

    put_back(records_url, made, tmp_path)

    assert not may_show_now(database, "a hash")


def test_an_operator_who_ended_notifications_since_is_told_nothing_again(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    ended = Subscription("ada", b"sealed", "en", Digest.DAILY, frozenset(), 5, datetime.now(UTC))
    subscribe(database, ended)
    made = tmp_path / "log.backup"
    make_backup(records_url, made)
    unsubscribe(database, "ada")
    subscribe(database, replace(ended, who="bea"))

    put_back(records_url, made, tmp_path)

    assert find_subscription(database, "ada") is None
    assert find_subscription(database, "bea")


def test_a_worker_that_writes_meanwhile_is_not_overrun(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    erase(database, ["m1"], NOW)
    note_alive(database, "worker", NOW)

    with pytest.raises(BackupError, match="stop worker and console first"):
        put_back(records_url, copied, tmp_path)

    assert names(database) == ["b", "old"]


def test_web_may_file_before_and_after(
    database: Database, records_url: str, copied: Path, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal")
    filer = JournalFiler(journal, database, lambda: NOW)
    journal.write(Entry("new", "0", NOW, "voice", "en", "hello", mark="m5"))

    put_back(records_url, copied, tmp_path)
    while filer.file_once():
        pass

    assert names(database) == ["a", "b", "new", "old"]


def test_a_changed_deed_in_a_backup_shows(database: Database, records_url: str, tmp_path: Path) -> None:
    add_audit_entry(database, "ada", "looked")
    with database.write() as sql:
        sql.execute(update(audit).values(who="bo"))
    made = tmp_path / "log.backup"
    make_backup(records_url, made)
    lose(records_url, database)

    done = put_back(records_url, made, tmp_path)

    assert any("was changed after it was written" in fault for fault in done.faults)


@pytest.mark.parametrize("half", [0, 1])
def test_what_is_no_backup_changes_nothing(
    database: Database, records_url: str, copied: Path, tmp_path: Path, half: int
) -> None:
    broken = tmp_path / "broken"
    whole = copied.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2] if half else b"no backup")

    with pytest.raises(BackupError):
        put_back(records_url, broken, tmp_path)

    assert names(database) == ["a", "b", "old"]


def test_a_backup_is_one_file_of_its_owners_and_never_overwritten(copied: Path, records_url: str) -> None:
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]
    assert copied.stat().st_mode & 0o777 == 0o600

    with pytest.raises(BackupError, match="there already"):
        make_backup(records_url, copied)


def test_a_log_that_cannot_be_read_is_set_aside(sqlite_url: str, tmp_path: Path) -> None:
    database = connect(sqlite_url)
    file_call(database, "a", "m1")
    made = tmp_path / "log.backup"
    make_backup(sqlite_url, made)
    sqlite_path(sqlite_url).write_bytes(b"not a database at all, but somebody's notes" * 100)

    done = put_back(sqlite_url, made, tmp_path)

    assert names(database) == ["a"]
    assert done.set_aside == sqlite_path(sqlite_url).with_name("ivr.db.unreadable")
    assert done.set_aside.exists()


def test_nothing_of_what_was_erased_since_is_left_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    database = connect(sqlite_url)
    for number in range(40):
        file_call(database, f"call-that-is-erased-{number:04}", "m1")
    file_call(database, "kept", "m2")
    made = tmp_path / "log.backup"
    make_backup(sqlite_url, made)
    erase(database, ["m1"], NOW)

    put_back(sqlite_url, made, tmp_path)

    with sqlite3.connect(sqlite_path(sqlite_url)) as file:
        assert file.execute("SELECT count(*) FROM turns").fetchone()[0] == 2
    with database.read() as sql:
        assert sql.scalar(select(func.count()).select_from(calls)) == 1
    left = [path for path in sqlite_path(sqlite_url).parent.glob("ivr.db*") if path.name != "ivr.db"]
    assert all("restoring" not in path.name for path in left)


def test_a_backup_of_a_version_that_is_newer_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    database = connect(sqlite_url)
    file_call(database, "a", "m1")
    made = tmp_path / "log.backup"
    make_backup(sqlite_url, made)
    with sqlite3.connect(made) as file:
        file.execute("UPDATE alembic_version SET version_num = 'from-tomorrow'")

    with pytest.raises(BackupError, match="newer"):
        put_back(sqlite_url, made, tmp_path)

    assert names(database) == ["a"]


def test_a_shorter_time_that_was_chosen_since_holds(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    file_call(database, "a", "m1", NOW - 12 * DAY)
    made = tmp_path / "log.backup"
    make_backup(records_url, made)

    done = restore_backup(records_url, made, tmp_path, replace(KEPT, rows_days=8), now=NOW)

    assert (names(database), done.forgotten) == ([], 1)


def test_whoever_runs_the_line_backs_up_and_restores_by_command(
    database: Database, records_url: str, tmp_path: Path
) -> None:
    file_call(database, "a", "m1", time.time() - 100)
    environment = ENVIRONMENT | {
        "DATABASE_URL": records_url,
        "JOURNAL_DIR": str(tmp_path / "journal"),
        "IVR_CONFIG": str(ROOT / "config"),
        "IVR_PROMPTS": str(ROOT / "prompts"),
    }
    made = str(tmp_path / "log.backup")

    backed = CliRunner().invoke(main, ["backup", made], env=environment)
    erase(database, ["m1"], time.time())
    restored = CliRunner().invoke(main, ["restore", "--yes", made], env=environment)

    assert (backed.exit_code, restored.exit_code) == (0, 0), backed.output + restored.output
    assert "1 calls, read again and whole" in backed.output
    assert "erased since, and again: 1" in restored.output
    assert names(database) == []


def test_somebody_who_holds_a_table_for_ever_is_not_waited_for(postgres_url: str, tmp_path: Path) -> None:
    made = tmp_path / "log.backup"
    with closing(connect(postgres_url)) as database:
        file_call(database, "a", "m1")
        make_backup(postgres_url, made)

        with database.read() as sql:
            sql.execute(select(calls))  # It holds the table until this block ends.
            with script_of_postgresql(made) as script, pytest.raises(BackupError, match="lock timeout"):
                put_back_postgresql(postgres_url, script, waiting=0.5)

        assert names(database) == ["a"]
