"""For how long the log is kept: as `config/line.toml` says, or shorter where an administrator chose so.

Blurring: after a day, only the hour is known in which a call began; all in it keeps its seconds.

Forgetting: what is old leaves the log, and only its counts stay. A batch of calls is counted and deleted in
one transaction. So every call is counted once, also when this is stopped in the middle, or done by two at
once. Up to when everything was forgotten is noted, so that a longer time lets nothing of that come back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, delete, func, select, update

from ivr.checks.config import LEAST
from ivr.flow.models import Retention
from ivr.records.audit import write_audit_entry
from ivr.records.counts import add_counts, count_calls
from ivr.records.database import Lock, be_alone, insert_or_change
from ivr.records.deletion import DAY, delete_calls, forget_marks, note_forgotten, scrub
from ivr.records.ingest import BATCH, EXACT_SECONDS, close_silent, recompute
from ivr.records.periods import moment, months_before
from ivr.records.tables import (
    agency_feedback,
    blocks,
    calls,
    daily,
    erased_calls,
    kept_forms,
    operator_sessions,
    retention,
    shift_log,
    text_deliveries,
)
from ivr.records.transfer_store import TransferStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from sqlalchemy import ColumnElement, Select, Table

    from ivr.records.database import Database

ERASED_DAYS = 70  # Longer than any key lives under which an id was made: it could not come again.


class Chosen(NamedTuple):
    """What an administrator chose; None where nobody did."""

    rows_days: int | None = None
    counts_months: int | None = None


NOBODY_CHOSE = Chosen()


@dataclass(frozen=True)
class Forgotten:
    """How many rows were deleted."""

    calls: int = 0
    turns: int = 0
    transfers: int = 0
    attempts: int = 0
    live_transfers: int = 0
    counts: int = 0
    deliveries: int = 0  # Counts of texts that arrived or not.
    erased: int = 0  # What was remembered of calls that had been erased.
    blocks: int = 0  # That were over.
    shift_entries: int = 0  # Of the shift log.
    feedback: int = 0  # Of agencies: kept longer than any link of theirs is good.
    sessions: int = 0  # Of operators, long over.
    kept_forms: int = 0  # To which nobody came back.
    scrubbed: bool = True  # False when traces of them are left in SQLite's file until the next time.


def within(file: Retention, chosen: Chosen) -> Retention:
    """Give how long the log is kept: what was chosen, where the file allows that much and it is enough."""
    return Retention(
        _between(chosen.rows_days, LEAST.rows_days, file.rows_days),
        _between(chosen.counts_months, LEAST.counts_months, file.counts_months),
    )


def read_chosen(database: Database) -> Chosen:
    """Read what an administrator chose."""
    with database.read() as sql:
        row = sql.execute(select(retention.c.rows_days, retention.c.counts_months)).first()
    return Chosen(row.rows_days, row.counts_months) if row else NOBODY_CHOSE


def choose(database: Database, file: Retention, wanted: Retention, *, who: str) -> bool:
    """Keep the log for so long from now on; False when that is out of bounds, and nothing is changed."""
    chosen = Chosen(wanted.rows_days, wanted.counts_months)
    if within(file, chosen) != wanted:
        return False
    with database.write() as sql:
        about = f"calls {wanted.rows_days} days, counts {wanted.counts_months} months"
        write_audit_entry(sql, who, "retention chosen", about)
        insert_or_change(sql, retention, [{"id": 1} | chosen._asdict()])
    return True


def forget(  # noqa: PLR0913 - two ages, and how it is done
    database: Database,
    now: float,
    rows_days: int,
    counts_months: int,
    *,
    zone: tzinfo = UTC,
    batch: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> Forgotten:
    """Forget the calls that began more than ``rows_days`` ago, and counts older than ``counts_months``.

    It may be stopped at any time, and begun again; ``progress`` is told how many calls are done, of how many.
    Days and hours are counted in ``zone``.
    """
    close_silent(database, now)  # So that every call has an outcome to count.
    old = select(calls.c.id).where(calls.c.started_at < moment(now - rows_days * DAY))
    note_forgotten(database, moment(now - rows_days * DAY))
    total = _count(database, old)
    # Who files a late turn holds its call, and is not waited for: it could be waiting for us.
    first = old.order_by(calls.c.started_at, calls.c.id).limit(batch).with_for_update(skip_locked=True)
    gone: Counter[str] = Counter()
    report = progress or (lambda _done, _total: None)
    report(0, total)
    while some := _forget_some(database, first, now, zone):
        gone += some
        report(gone["calls"], max(total, gone["calls"]))
    gone += _forget_rest(database, now, rows_days, counts_months)
    gone["live_transfers"] += TransferStore(database, lambda: now).forget(now - DAY)
    return Forgotten(**gone, scrubbed=scrub(database))


def blur(database: Database, now: float) -> int:
    """Round the starts of calls that began more than a day ago down to the hour; give how many.

    All other times of a call are computed anew from its start. A call whose turns arrived late, because SQL
    was gone, keeps its start for an hour more: another process may bring the rest of it. What else has a time
    of its own, live transfers and the marks of those who asked to be erased, is deleted after a day.
    """
    old = TransferStore(database, lambda: now).forget(now - EXACT_SECONDS) + forget_marks(database, now)
    count = 0
    while some := _blur_some(database, now):
        count += some
    if count or old:
        scrub(database)
    return count


def _between(chosen: int | None, least: int, most: int) -> int:
    return most if chosen is None else min(max(chosen, least), most)


def _count(database: Database, some: Select[str]) -> int:
    with database.read() as sql:
        return sql.scalar(select(func.count()).select_from(some.subquery())) or 0


def _forget_some(database: Database, first: Select[str], now: float, zone: tzinfo) -> Counter[str]:
    """Count and delete some calls, both or neither; give how many rows, nothing when no call is left."""
    with database.write() as sql:
        be_alone(sql, Lock.FORGETTING)
        ids = sql.scalars(first).all()
        if not ids:
            return Counter()
        add_counts(sql, count_calls(sql, ids, zone))
        return delete_calls(sql, ids, moment(now))


def _forget_rest(database: Database, now: float, rows_days: int, counts_months: int) -> Counter[str]:
    """Delete the other things whose time is over."""
    ids_end = now - max(ERASED_DAYS, rows_days + 1) * DAY
    over: dict[str, tuple[Table, ColumnElement[bool]]] = {
        # A month's counts stand under its first day, so they go when all of it is old.
        "counts": (daily, daily.c.day < months_before(moment(now).date(), counts_months)),
        "deliveries": (
            text_deliveries,
            text_deliveries.c.day < months_before(moment(now).date(), counts_months),
        ),
        "erased": (erased_calls, erased_calls.c.at < moment(ids_end)),
        "blocks": (blocks, blocks.c.until <= moment(now)),
        "feedback": (agency_feedback, agency_feedback.c.at < moment(ids_end)),
        "shift_entries": (shift_log, shift_log.c.at < moment(now - rows_days * DAY)),
        "kept_forms": (kept_forms, kept_forms.c.until <= moment(now)),
        "sessions": (operator_sessions, operator_sessions.c.began_at < moment(now - DAY)),
    }
    with database.write() as sql:
        return Counter(
            {name: sql.execute(delete(table).where(old)).rowcount for name, (table, old) in over.items()}
        )


def _blur_some(database: Database, now: float) -> int:
    """Blur a few calls, alone with them."""
    due = select(calls.c.id, calls.c.started_at).where(calls.c.exact_until <= moment(now))
    rounded = update(calls).where(calls.c.id == bindparam("due")).values(exact_until=None)
    with database.write() as sql:
        rows = sql.execute(due.order_by(calls.c.id).limit(BATCH).with_for_update(skip_locked=True)).all()
        if rows:
            sql.execute(rounded, [{"due": row.id, "started_at": _hour(row.started_at)} for row in rows])
            recompute(sql, [row.id for row in rows], {}, now)
    return len(rows)


def _hour(start: datetime) -> datetime:
    return start.replace(minute=0, second=0, microsecond=0)
