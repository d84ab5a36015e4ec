"""How calls leave the log for good, by their caller's wish or by age, and how what comes late stays away.

Erased means erased: what one phone has left here is deleted at once, because its holder asks for it, and is
not counted either. Calls that were forgotten before are numbers among others by now, and nobody can tell
which.

What SQLite leaves behind of deleted rows is overwritten, and no writer has to give up for it:
``secure_delete`` overwrites a row where it is. But SQLite moves rows when it balances its pages, and does not
overwrite where they were: of a thousand deleted calls one or two can still be read in the file. Only VACUUM
writes every page anew. Writers wait for it as they wait for each other, up to 0.3 s; so it is given up after
0.1 s, and has changed nothing then. That is enough for some ten thousand calls. A busier line should have
PostgreSQL, which looks after its own pages.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select

from ivr.checks.config import LEAST
from ivr.records.counts import drop_tallies_of
from ivr.records.database import (
    Lock,
    RecordsUnavailable,
    be_alone,
    insert_missing,
    insert_or_change,
    read_together,
)
from ivr.records.periods import moment
from ivr.records.tables import (
    attempts,
    blocks,
    calls,
    erased_calls,
    erased_marks,
    live_transfers,
    retention,
    transfers,
    turns,
)
from ivr.records.transfer_store import TALK_SECONDS
from ivr.transfer.machine import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from ivr.effects import Entry
    from ivr.records.database import Database

logger = logging.getLogger(__name__)

HOUR, DAY = 3600, 86_400  # Seconds.
LONGEST_CALL = 7 * HOUR  # Longer than any that Twilio allows,
BLUR = HOUR  # and by so much a start may be put back.
MARKED_SECONDS = DAY  # What still lies in a journal is filed long before; a mark that stays tells who asked.
OVER = [state.value for state in (State.FINISHED, State.RETURNED, State.DIRECT, State.LEFT)]

SCRUB_SECONDS = 0.1
SCRUB_TRIES = 10  # Each waits 0.3 s for those who write or read.
STEPS_BETWEEN = 1000  # Steps of SQLite's machine between two looks at the clock: some microseconds.


def erase(database: Database, marks: Sequence[str], now: float) -> int:
    """Delete every call under these marks; give how many. Doing it twice erases what came in between."""
    wanted = sorted(set(marks) - {""})  # Everybody who withholds their number has the empty one.
    if not wanted:
        return 0
    with database.write(lasting=True) as sql:
        be_alone(sql, Lock.ERASING)
        insert_or_change(sql, erased_marks, [{"mark": mark, "at": moment(now)} for mark in wanted])
        # Locked in one order by all.
        theirs = select(calls.c.id).where(calls.c.mark.in_(wanted)).order_by(calls.c.id).with_for_update()
        count = _erase(sql, sql.scalars(theirs).all(), now)
        sql.execute(delete(blocks).where(blocks.c.mark.in_(wanted)))  # It would tell that they were here.
    scrub(database)
    return count


def delete_calls(sql: Connection, ids: Sequence[str], now: datetime) -> Counter[str]:
    """Delete some calls with all that belongs to them; give how many rows of each table that were.

    A live transfer in which somebody waits, or talks, stays: deleting it would leave them alone. All it knows
    is which call that is, and it lasts a day.
    """
    drop_tallies_of(sql, ids)
    over = or_(
        live_transfers.c.state.in_(OVER), live_transfers.c.changed_at < now - timedelta(seconds=TALK_SECONDS)
    )
    theirs = select(transfers.c.id).where(transfers.c.call_id.in_(ids))
    rows = {  # From the leaves to the root: the database would do it too, without counting.
        "attempts": delete(attempts).where(attempts.c.transfer_id.in_(theirs)),
        "transfers": delete(transfers).where(transfers.c.call_id.in_(ids)),
        "turns": delete(turns).where(turns.c.call_id.in_(ids)),
        "live_transfers": delete(live_transfers).where(live_transfers.c.call_id.in_(ids), over),
        "calls": delete(calls).where(calls.c.id.in_(ids)),
    }
    return Counter({name: sql.execute(statement).rowcount for name, statement in rows.items()})


def without_erased(
    sql: Connection, arrived: Mapping[str, Sequence[Entry]], now: float
) -> dict[str, Sequence[Entry]]:
    """Leave out what comes late: of calls that were erased, or of before their caller asked for that.

    A call of which something was filed before its caller was known is erased now.
    """
    be_alone(sql, Lock.ERASING, shared=True)
    gone = {row[0] for row in read_together(sql, [erased_calls.c.call_id], erased_calls.c.call_id, arrived)}
    marks = {entry.mark for entries in arrived.values() for entry in entries} - {""}
    columns = [erased_marks.c.mark, erased_marks.c.at]
    found = read_together(sql, columns, erased_marks.c.mark, marks) if marks else ()
    asked = {mark: at.timestamp() for mark, at in found}
    late = {call for call, entries in arrived.items() if any(_asked_after(asked, one) for one in entries)}
    late -= gone
    _erase(sql, sorted(late), now)
    return {call: entries for call, entries in arrived.items() if call not in gone | late}


def without_forgotten(
    sql: Connection, arrived: Mapping[str, Sequence[Entry]], now: float
) -> dict[str, Sequence[Entry]]:
    """Leave out what may be of calls that were forgotten, also when the log is kept for longer by now."""
    forgot_to = sql.scalar(select(func.max(retention.c.forgot_to)))
    if forgot_to is None:
        return dict(arrived)
    # A clock that once ran ahead must not keep today's calls out.
    oldest = min(forgot_to.timestamp() + LONGEST_CALL + BLUR, now - filed_for(LEAST.rows_days))
    return {call: fresh for call, entries in arrived.items() if (fresh := _since(entries, oldest))}


def note_forgotten(database: Database, until: datetime) -> None:
    """Note that all calls that began before a moment are being forgotten; nobody files meanwhile."""
    with database.write() as sql:
        be_alone(sql, Lock.ERASING)
        before = sql.scalar(select(retention.c.forgot_to))
        latest = max(before, until) if before else until
        insert_or_change(sql, retention, [{"id": 1, "forgot_to": latest}])


def filed_for(rows_days: int) -> float:
    """Give for how many seconds an entry may still be filed: less than until its call may be forgotten.

    Else the last turns of a call that was just forgotten would be a call of their own.
    """
    return rows_days * DAY - LONGEST_CALL - BLUR


def list_erased(database: Database) -> frozenset[str]:
    """Read which calls were erased: what comes late of them, or with a backup, is to stay away."""
    with database.read() as sql:
        return frozenset(sql.scalars(select(erased_calls.c.call_id)))


def forget_marks(database: Database, now: float) -> int:
    """Delete the marks of those who asked a day ago; give how many."""
    with database.write() as sql:
        old = erased_marks.c.at < moment(now - MARKED_SECONDS)
        return sql.execute(delete(erased_marks).where(old)).rowcount


def scrub(database: Database, seconds: float = SCRUB_SECONDS, tries: int = SCRUB_TRIES) -> bool:
    """Overwrite what is left of deleted rows in the file and its log; False when there was no time for it."""
    if database.engine.dialect.name != "sqlite":
        return True
    connection = database.engine.raw_connection()
    try:
        held = connection.driver_connection
        if not isinstance(held, sqlite3.Connection):
            raise RecordsUnavailable("no connection")
        rewritten = _rewrite(held, seconds, tries)
        return _truncate(held, tries) and rewritten
    except sqlite3.Error as fault:
        raise RecordsUnavailable(str(fault)) from fault
    finally:
        connection.close()


def _erase(sql: Connection, ids: Sequence[str], now: float) -> int:
    """Delete some calls, and remember that they are to stay away."""
    if not ids:
        return 0
    insert_missing(sql, erased_calls, [{"call_id": call, "at": moment(now // HOUR * HOUR)} for call in ids])
    return delete_calls(sql, ids, moment(now))["calls"]


def _asked_after(asked: Mapping[str, float], entry: Entry) -> bool:
    """Whether after this happened its caller asked for everything to be erased."""
    return bool(entry.mark) and entry.mark in asked and entry.at <= asked[entry.mark]


def _since(entries: Sequence[Entry], oldest: float) -> list[Entry]:
    return [entry for entry in entries if entry.at >= oldest]


def _rewrite(connection: sqlite3.Connection, seconds: float, tries: int) -> bool:
    """Write every page anew, unless that takes too long or others write all the time."""
    connection.execute("PRAGMA temp_store = MEMORY")  # Nothing is copied to another file.
    for _ in range(tries):
        connection.set_progress_handler(_until(time.monotonic() + seconds), STEPS_BETWEEN)
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                logger.warning("traces of deleted rows may be left in SQLite's file: %s", fault)
                return False
        else:
            return True
        finally:
            connection.set_progress_handler(None, 0)
    return False


def _until(end: float) -> Callable[[], bool]:
    """Give up from a time on."""
    return lambda: time.monotonic() > end


def _truncate(connection: sqlite3.Connection, tries: int) -> bool:
    """Empty the write-ahead log, which has pages as they were before."""
    for _ in range(tries):
        (busy, *_pages) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
    return False
