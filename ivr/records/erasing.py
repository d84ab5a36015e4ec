"""Erasing: what one phone has left here is deleted at once, because its holder asks for it.

Erased means erased: these calls are not counted either. Calls that were forgotten before are numbers among
others by now, and nobody can tell which.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from ivr.records.database import be_alone, insert_missing, insert_or_change
from ivr.records.deleting import delete_calls
from ivr.records.scrubbing import scrub
from ivr.records.tables import blocks, calls, erased, erased_marks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from ivr.effects import Entry
    from ivr.records.database import Database

ERASING = 7_461_002  # Names PostgreSQL's lock: nobody files while somebody erases.
MARKED_SECONDS = (
    24 * 3600
)  # What still lies in a journal is filed long before; a mark that stays tells who asked.
HOUR = 3600


def erase(database: Database, marks: Sequence[str], now: float) -> int:
    """Delete every call under these marks; say how many. Doing it twice erases what came in between."""
    wanted = sorted(
        {mark for mark in marks if mark}
    )  # Everybody who withholds their number has the empty one.
    if not wanted:
        return 0
    with database.write() as sql:
        be_alone(sql, ERASING)
        insert_or_change(sql, erased_marks, [{"mark": mark, "at": _moment(now)} for mark in wanted])
        # Locked in one order by all.
        theirs = select(calls.c.id).where(calls.c.mark.in_(wanted)).order_by(calls.c.id).with_for_update()
        count = _erase(sql, sql.scalars(theirs).all(), now)
        sql.execute(delete(blocks).where(blocks.c.mark.in_(wanted)))  # It would tell that they were here.
    scrub(database)
    return count


def forget_marks(database: Database, now: float) -> int:
    """Delete the marks of those who asked a day ago; say how many."""
    with database.write() as sql:
        old = erased_marks.c.at < _moment(now - MARKED_SECONDS)
        return sql.execute(delete(erased_marks).where(old)).rowcount


def without_erased(
    sql: Connection, arrived: Mapping[str, Sequence[Entry]], now: float
) -> dict[str, Sequence[Entry]]:
    """Leave out what comes late: of calls that were erased, or of before their caller asked for that.

    A call of which something was filed before its caller was known is erased now.
    """
    be_alone(sql, ERASING, shared=True)
    gone = set(sql.scalars(select(erased.c.call_id).where(erased.c.call_id.in_(arrived))))
    marks = {entry.mark for entries in arrived.values() for entry in entries} - {""}
    asked = {
        row.mark: row.at.timestamp()
        for row in sql.execute(select(erased_marks).where(erased_marks.c.mark.in_(marks)))
    }
    late = {
        call for call, entries in arrived.items() if any(_asked_after(asked, one) for one in entries)
    } - gone
    _erase(sql, sorted(late), now)
    return {call: entries for call, entries in arrived.items() if call not in gone | late}


def _asked_after(asked: Mapping[str, float], entry: Entry) -> bool:
    """Claim that after this happened its caller asked for everything to be erased."""
    return bool(entry.mark) and entry.mark in asked and entry.at <= asked[entry.mark]


def _erase(sql: Connection, ids: Sequence[str], now: float) -> int:
    """Delete some calls, and remember that they are to stay away."""
    if not ids:
        return 0
    insert_missing(sql, erased, [{"call_id": call, "at": _moment(now // HOUR * HOUR)} for call in ids])
    return delete_calls(sql, ids, _moment(now))["calls"]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
