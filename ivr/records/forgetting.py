"""Forgetting: what is old leaves the log, and only its counts stay.

A batch of calls is counted and deleted in one transaction. So every call is counted once, also when this is
stopped in the middle, or done by two at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from ivr.records.counts import count_calls
from ivr.records.database import be_alone
from ivr.records.deleting import delete_calls
from ivr.records.disclosure import add_counts
from ivr.records.recording import close_silent
from ivr.records.retention import note_forgotten
from ivr.records.scrubbing import scrub
from ivr.records.tables import blocks, calls, daily, erased
from ivr.records.transfer_store import Transfers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from sqlalchemy import ColumnElement, Select, Table

    from ivr.records.database import Database

DAY = 86_400
ERASED_DAYS = 70  # Longer than any key lives under which an id was made: it could not come again.
FORGETTING = 7_461_003  # Names PostgreSQL's lock of whoever forgets.


@dataclass(frozen=True)
class Forgotten:
    """How many rows were deleted."""

    calls: int = 0
    turns: int = 0
    transfers: int = 0
    attempts: int = 0
    searches: int = 0
    counts: int = 0
    erased: int = 0  # What was remembered of calls that were erased.
    blocks: int = 0  # That were over.
    scrubbed: bool = True  # False when traces of them are left in SQLite's file until the next time.


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
    old = select(calls.c.id).where(calls.c.started_at < _moment(now - rows_days * DAY))
    note_forgotten(database, _moment(now - rows_days * DAY))
    total = _count(database, old)
    # Who files a late turn holds its call, and is not waited for: it could be waiting for us.
    first = old.order_by(calls.c.started_at, calls.c.id).limit(batch).with_for_update(skip_locked=True)
    gone: Counter[str] = Counter()
    tell = progress or (lambda _done, _total: None)
    tell(0, total)
    while some := _forget_some(database, first, now, zone):
        gone += some
        tell(gone["calls"], max(total, gone["calls"]))
    gone += _forget_rest(database, now, rows_days, counts_months)
    gone["searches"] += Transfers(database, lambda: now).forget(now - DAY)
    return Forgotten(**gone, scrubbed=scrub(database))


def _count(database: Database, some: Select[str]) -> int:
    with database.read() as sql:
        return sql.scalar(select(func.count()).select_from(some.subquery())) or 0


def _forget_some(database: Database, first: Select[str], now: float, zone: tzinfo) -> Counter[str]:
    """Count and delete some calls, both or neither; of none there is nothing to say."""
    with database.write() as sql:
        be_alone(sql, FORGETTING)
        ids = sql.scalars(first).all()
        if not ids:
            return Counter()
        add_counts(sql, count_calls(sql, ids, zone))
        return delete_calls(sql, ids, _moment(now))


def _forget_rest(database: Database, now: float, rows_days: int, counts_months: int) -> Counter[str]:
    """Delete the other things whose time is over."""
    ids_end = now - max(ERASED_DAYS, rows_days + 1) * DAY
    over: dict[str, tuple[Table, ColumnElement[bool]]] = {
        "counts": (daily, daily.c.day < _months_before(_moment(now).date(), counts_months)),
        "erased": (erased, erased.c.at < _moment(ids_end)),
        "blocks": (blocks, blocks.c.until <= _moment(now)),
    }
    with database.write() as sql:
        return Counter(
            {name: sql.execute(delete(table).where(old)).rowcount for name, (table, old) in over.items()}
        )


def _months_before(day: date, months: int) -> date:
    """Go back some months; a month's counts stand under its first day, so they go when all of it is old."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
