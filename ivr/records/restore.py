"""A backup is put back, and forgets again what was deleted since: what is gone by somebody's wish stays gone.

Some things are never as old as the backup. They are taken from the log as it is now, where that can be read,
and else from the copy beside the journal (`snapshot`): who sent STOP, who is blocked, which calls were
erased. A log that goes on from the backup, by its audit, says who is on these lists; else nobody is left
out whom one of the three names: a STOP too many is mended by START. Operators, the audit and how long the
log is kept stay as they are now; where nobody knows, all operators are signed out.

SQLite: everything happens to a file beside, which takes the log's place when it is right. PostgreSQL: the
tables are exchanged at once, and what was deleted since goes right after that. The web processes go on, so
who sends STOP or DELETE meanwhile is read right before the exchange, when nothing is left that takes long.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, inspect, select, update

from ivr.records import audit as deeds
from ivr.records.backup import (
    BUSY_SECONDS,
    BackupError,
    check_sqlite,
    copy_sqlite,
    is_sqlite,
    list_remains,
    put_back_postgresql,
    script_of_postgresql,
    sqlite_path,
)
from ivr.records.database import (
    Lock,
    RecordsUnavailable,
    be_alone,
    connect,
    insert_missing,
    insert_or_change,
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
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from ivr.flow.models import Retention
    from ivr.records.database import Database

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
