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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, delete, func, insert, inspect, select, update

from ivr.encryption import make_private_folder, open_private
from ivr.records import audit as deeds
from ivr.records.database import (
    Lock,
    RecordsUnavailable,
    be_alone,
    connect,
    insert_missing,
    insert_or_change,
    read_url,
)
from ivr.records.deletion import DAY, delete_calls
from ivr.records.migrations.migrate import Tables, compare_tables, describe_newer, upgrade
from ivr.records.periods import moment
from ivr.records.retention import forget, read_chosen, within
from ivr.records.snapshot import Known, read_copy
from ivr.records.tables import (
    audit,
    audit_head,
    blocks,
    calls,
    erased_calls,
    erased_marks,
    kept_forms,
    month_keys,
    notifications,
    notifications_sent,
    operator_sessions,
    operators,
    opt_outs,
    passkeys,
    retention,
    wall_tokens,
)
from ivr.records.worker_heartbeats import seconds_since_signs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from sqlalchemy import Connection, Table

    from ivr.flow.models import Retention
    from ivr.records.database import Database


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


# A backup is put back, and forgets again what was deleted since: what is gone by somebody's wish stays
# gone.

PEOPLE = (operators, passkeys, operator_sessions)
KEPT = (
    *(opt_outs, blocks, erased_calls, erased_marks, *PEOPLE, audit, audit_head, retention, month_keys),
    *(notifications, notifications_sent),
)
WHY_KEPT = "kept from before the log was restored"
BATCH = 500
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Present:
    """What holds now, whatever the backup says."""

    rows: Mapping[str, Rows]  # By table; none where the log cannot be read.
    copy: Known = field(default_factory=Known)

    @property
    def erased(self) -> set[str]:
        """The calls that were erased."""
        return {row["call_id"] for row in self.rows.get(erased_calls.name, [])} | self.copy.erased

    @property
    def stopped(self) -> set[str]:
        """The marks of those who sent STOP."""
        return {row["mark"] for row in self.rows.get(opt_outs.name, [])} | self.copy.opted_out


@dataclass(frozen=True)
class Restored:
    """What became of a backup."""

    held: int  # Calls in the backup.
    erased: int
    forgotten: int
    stopped: int  # How many sent STOP, by all that is known.
    blocked: int
    present_read: bool  # Whether the log as it was could be read.
    set_aside: Path | None  # The file that could not be read.
    faults: tuple[str, ...]  # What was looked at afterwards and is not as it has to be.


def restore_backup(  # noqa: PLR0913 - how the log is kept
    url: str, backup: Path, beside: Path, file: Retention, *, zone: tzinfo = UTC, now: float | None = None
) -> Restored:
    """Put a backup in the place of the log. ``beside``: the folder of the journal, with the copy.

    BackupError: it cannot be, and the log is as it was.
    """
    moment_now = time.time() if now is None else now
    present = _read_present(url, beside, moment_now)
    if not is_sqlite(url):
        with script_of_postgresql(backup) as script:
            present = _read_present(url, beside, moment_now)
            put_back_postgresql(url, script)
        return _make_right(url, backup, present, file, zone=zone, now=moment_now)
    live = sqlite_path(url)
    draft = live.with_name(f"{live.name}.restoring")
    for each in list_remains(draft):
        each.unlink(missing_ok=True)
    check_sqlite(backup)
    try:
        copy_sqlite(backup, draft)
        draft.chmod(0o600)
        done = _make_right(f"sqlite:///{draft}", backup, present, file, zone=zone, now=moment_now)
        if done.faults:
            return done
        _catch_up(f"sqlite:///{draft}", _read_present(url, beside, moment_now), moment_now)
        return _exchange(draft, live, done)
    finally:
        for each in list_remains(draft):
            each.unlink(missing_ok=True)


def _read_present(url: str, beside: Path, now: float) -> Present:
    """Read what holds now, before anything is changed. A worker would write at the same time."""
    database = connect(url, BUSY_SECONDS)
    try:
        if seconds_since_signs(database, now):
            raise BackupError("a worker is at work: stop worker and console first; web may go on")
        with database.read(snapshot=True) as sql:
            there = set(inspect(sql).get_table_names())  # An older version's log lacks some.
            rows = {
                table.name: [dict(row._mapping) for row in sql.execute(select(table))]  # noqa: SLF001 - how SQLAlchemy names it
                for table in KEPT
                if table.name in there
            }
    except RecordsUnavailable:
        rows = {}
    finally:
        database.close()
    return Present(rows, read_copy(beside))


def _make_right(  # noqa: PLR0913 - one restored log
    url: str, backup: Path, present: Present, file: Retention, *, zone: tzinfo, now: float
) -> Restored:
    """Bring a restored log up to what holds now, and look whether it is."""
    database = connect(url, BUSY_SECONDS, locked=BUSY_SECONDS)
    try:
        if compare_tables(database) is Tables.NEWER:
            raise BackupError(describe_newer(database))
        upgrade(url)
        with database.write() as sql:
            be_alone(sql, Lock.ERASING)  # In PostgreSQL's tables web may erase from now on.
            held = sql.scalar(select(func.count()).select_from(calls)) or 0
            erased = _carry_over(sql, present, now)
            known = frozenset(sql.scalars(select(erased_calls.c.call_id)))
            deeds.write_audit_entry(sql, "command line", "log restored", f"from {backup.name}")
        ages = within(file, read_chosen(database))
        gone = forget(database, now, ages.rows_days, ages.counts_months, zone=zone)
        least, oldest = held - erased - gone.calls, now - ages.rows_days * DAY
        faults = tuple(_faults(database, present, known, least, oldest))
        with database.read() as sql:
            stopped = sql.scalar(select(func.count()).select_from(opt_outs)) or 0
            blocked = sql.scalar(select(func.count()).select_from(blocks)) or 0
        return Restored(held, erased, gone.calls, stopped, blocked, bool(present.rows), None, faults)
    finally:
        database.close()


def _catch_up(url: str, present: Present, now: float) -> None:
    """Put into a restored log what was wished while it was made right: STOP, DELETE, blocks."""
    database = connect(url, BUSY_SECONDS, locked=BUSY_SECONDS)
    try:
        with database.write() as sql:
            _carry_over(sql, present, now)
    finally:
        database.close()


def _carry_over(sql: Connection, present: Present, now: float) -> int:
    """Put what holds now over what held then; give how many calls were erased again."""
    today = moment(now)
    if _goes_on(sql, present):
        sql.execute(delete(opt_outs))
        sql.execute(delete(blocks))
        _replace(sql, audit, present.rows[audit.name])
        _replace(sql, audit_head, present.rows[audit_head.name])
    insert_missing(sql, opt_outs, present.rows.get(opt_outs.name, []))
    insert_missing(sql, opt_outs, [{"mark": mark, "since": today.date()} for mark in present.copy.opted_out])
    insert_or_change(sql, blocks, present.rows.get(blocks.name, []))
    until = {mark: datetime.fromtimestamp(at, UTC) for mark, at in present.copy.blocked.items()}
    for mark, end in until.items():
        row = {"mark": mark, "until": end, "why": WHY_KEPT, "id": f"kept-{mark[:16]}", "since": today.date()}
        insert_missing(sql, blocks, [row | {"who": "command line"}])
    insert_or_change(sql, erased_marks, present.rows.get(erased_marks.name, []))
    insert_missing(sql, month_keys, present.rows.get(month_keys.name, []))  # No backup holds them.
    erased = sorted(present.erased)
    insert_missing(sql, erased_calls, present.rows.get(erased_calls.name, []))
    insert_missing(sql, erased_calls, [{"call_id": call, "at": today} for call in erased])
    again = sorted({*erased, *sql.scalars(select(erased_calls.c.call_id))})
    count = 0
    for first in range(0, len(again), BATCH):
        count += delete_calls(sql, again[first : first + BATCH], today)["calls"]
    _keep_people(sql, present)
    _keep_ages(sql, present)
    return count


def _keep_people(sql: Connection, present: Present) -> None:
    """Keep operators and their deeds as they are now; where that is not known, nobody stays signed in.

    Nor has anybody a passkey then: one that was removed since would open the console again. No screen on a
    wall shows Now any more: one whose token was revoked since would show it again. An operator is told what
    they want to be told now; where that is not known, nothing: they may have ended it since.
    """
    sql.execute(delete(wall_tokens))
    sql.execute(delete(kept_forms))
    for table in (notifications, notifications_sent):
        _replace(sql, table, present.rows.get(table.name, []))
    if not present.rows.get(operators.name):
        sql.execute(update(operators).values(session_key="", epoch=operators.c.epoch + 1))
        sql.execute(delete(operator_sessions))
        sql.execute(delete(passkeys))
        return
    for table in PEOPLE:
        _replace(sql, table, present.rows[table.name])


def _goes_on(sql: Connection, present: Present) -> bool:
    """Whether the log of now goes on from the backup: it has the newest deed of the backup, and its own."""
    head = sql.execute(select(audit_head.c.n, audit_head.c.hash)).first()
    deeds_now = {row["n"]: row["hash"] for row in present.rows.get(audit.name, [])}
    return head is not None and deeds_now.get(head.n) == head.hash


def _keep_ages(sql: Connection, present: Present) -> None:
    if present.rows.get(retention.name):
        insert_or_change(sql, retention, present.rows[retention.name])
    elif any(age is not None for age in present.copy.kept):
        insert_or_change(sql, retention, [{"id": 1} | present.copy.kept._asdict()])


def _replace(sql: Connection, table: Table, rows: Rows) -> None:
    sql.execute(delete(table))
    if rows:
        sql.execute(insert(table), rows)


def _faults(
    database: Database, present: Present, erased_then: frozenset[str], least: int, oldest: float
) -> list[str]:
    """Look whether a restored log is as it has to be; name what is not.

    Calls that were erased since it was made right are no fault: somebody wished it at this moment.
    """
    with database.read(snapshot=True) as sql:
        there = sql.scalar(select(func.count()).select_from(calls)) or 0
        least -= len(set(sql.scalars(select(erased_calls.c.call_id))) - erased_then)
        stopped = set(sql.scalars(select(opt_outs.c.mark)))
        blocked = set(sql.scalars(select(blocks.c.mark)))
        erased = sql.scalar(select(func.count()).where(calls.c.id.in_(select(erased_calls.c.call_id))))
        old = sql.scalar(select(func.count()).where(calls.c.started_at < moment(oldest)))
    known = {row["mark"] for row in present.rows.get(blocks.name, [])} | set(present.copy.blocked)
    looked = (
        (there < least, f"{least - there} calls of the backup are missing"),
        (not present.stopped <= stopped, "somebody who sent STOP is not on the list"),
        # A block that is over is forgotten with the rest.
        (bool(set(present.copy.blocked) & known - blocked), "somebody who is blocked is not on the list"),
        (bool(erased), f"{erased} erased calls are back"),
        (bool(old), f"{old} calls are older than the log is kept"),
    )
    return [*(fault for wrong, fault in looked if wrong), *deeds.verify(database)]


def _exchange(draft: Path, live: Path, done: Restored) -> Restored:
    """Put a file that is right in the place of the log: into it, or instead of one that cannot be read."""
    if live.exists():
        try:
            copy_sqlite(draft, live)
            check_sqlite(live)
        except BackupError:
            aside = live.with_name(f"{live.name}.unreadable")
            for old, new in zip(list_remains(live), list_remains(aside), strict=True):
                if old.exists():
                    old.replace(new)
            draft.replace(live)
            return Restored(**(vars(done) | {"set_aside": aside}))
        return done
    draft.replace(live)
    return done
