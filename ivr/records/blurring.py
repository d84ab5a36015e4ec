"""Blurring: after a day, only the hour is known in which a call began. All in it keeps its seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from ivr.records.erasing import forget_marks
from ivr.records.recording import AT_ONCE, retell
from ivr.records.rows import EXACT_SECONDS
from ivr.records.scrubbing import scrub
from ivr.records.tables import calls
from ivr.records.transfer_store import Transfers

if TYPE_CHECKING:
    from ivr.records.database import Database


def blur(database: Database, now: float) -> int:
    """Round the starts of calls that began more than a day ago down to the hour; say how many.

    All other moments of a call are told anew from its start. A call whose turns arrived late, because SQL was
    gone, keeps its start for an hour more: another process may bring the rest of it. What else has a moment
    of its own, searches and the marks of those who asked to be erased, is deleted after a day.
    """
    old = Transfers(database, lambda: now).forget(now - EXACT_SECONDS) + forget_marks(database, now)
    count = 0
    while some := _blur_some(database, now):
        count += some
    if count or old:
        scrub(database)
    return count


def _blur_some(database: Database, now: float) -> int:
    """Blur a few calls, alone with them."""
    due = select(calls.c.id, calls.c.started_at).where(
        calls.c.exact_until <= datetime.fromtimestamp(now, UTC)
    )
    rounded = update(calls).where(calls.c.id == bindparam("due")).values(exact_until=None)
    with database.write() as sql:
        rows = sql.execute(due.order_by(calls.c.id).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
        if rows:
            sql.execute(rounded, [{"due": row.id, "started_at": _hour(row.started_at)} for row in rows])
            retell(sql, [row.id for row in rows], {}, now)
    return len(rows)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
