"""How entries become rows: each is stored once, and its call's rows are told anew from all of them."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, update

from ivr.records.call_summary import VOICE_SILENT, Call, fold
from ivr.records.database import insert_missing
from ivr.records.erasing import without_erased
from ivr.records.ordering import in_order
from ivr.records.retention import without_forgotten
from ivr.records.rows import (
    Row,
    read_entries,
    write_attempts,
    write_call,
    write_stub,
    write_transfers,
    write_turn,
)
from ivr.records.tables import attempts, calls, transfers, turns
from ivr.records.tallied import drop_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from ivr.effects import Entry
    from ivr.records.database import Database

logger = logging.getLogger(__name__)

AT_ONCE = 200  # Calls looked at in one transaction.
LATE_SECONDS = 3600  # A call keeps its exact start for so long after anything arrived, however late it did.


def record(database: Database, entries: Sequence[Entry], now: float) -> None:
    """Store entries that are not stored yet, and bring the rows of their calls up to date."""
    with database.write() as sql:
        arrived = without_forgotten(sql, without_erased(sql, _by_call(entries), now), now)
        insert_missing(sql, calls, [write_stub(arrived[call]) for call in sorted(arrived)])
        retell(sql, sorted(arrived), arrived, now)


def close_silent(database: Database, now: float) -> int:
    """Close the calls of which nothing has been heard for long; say how many."""
    begun = datetime.fromtimestamp(now - VOICE_SILENT, UTC)
    going_on = select(calls.c.id).where(calls.c.ended_at.is_(None), calls.c.started_at <= begun)
    with database.read() as sql:
        ids = sorted(sql.scalars(going_on))
    return sum(
        _close_some(database, ids[start : start + AT_ONCE], now) for start in range(0, len(ids), AT_ONCE)
    )


def _close_some(database: Database, ids: Sequence[str], now: float) -> int:
    """Look first and lock after: most calls that go on are not silent."""
    with database.read() as sql:
        known = read_entries(sql, ids)
    silent = [call for call in ids if call in known and fold(known[call], now).ended is not None]
    if silent:
        with database.write() as sql:
            retell(sql, silent, {}, now)
    return len(silent)


def retell(sql: Connection, ids: Sequence[str], arrived: Mapping[str, Sequence[Entry]], now: float) -> None:
    """Tell these calls anew from what is stored and what has arrived."""
    # Locked in one order by all: another process may file other turns of the same calls now.
    locked = select(calls.c.id, calls.c.exact_until).where(calls.c.id.in_(ids)).order_by(calls.c.id)
    exact = {row.id: row.exact_until for row in sql.execute(locked.with_for_update())}
    stored = read_entries(sql, ids)
    told: list[Call] = []
    fresh: list[Row] = []
    for call in ids:
        before = stored.get(call, [])
        new = _new(before, arrived.get(call, []), blurred=exact.get(call) is None)
        if not before and not new:
            continue  # Somebody erased the call meanwhile.
        story = fold([*before, *new], now)
        if new:
            exact[call] = max(exact[call], datetime.fromtimestamp(now + LATE_SECONDS, UTC))
        if before and story.started < min(entry.at for entry in before):
            # All its seconds count from the start, which has turned out to be earlier.
            sql.execute(delete(turns).where(turns.c.call_id == call))
            new = [*before, *new]
        told.append(story)
        fresh += [write_turn(entry, story.started) for entry in new]
    insert_missing(sql, turns, fresh)
    drop_tallies(sql, {datetime.fromtimestamp(call.started, UTC) for call in told})
    _rewrite(sql, told, exact)


def _new(before: Sequence[Entry], arrived: Sequence[Entry], *, blurred: bool) -> list[Entry]:
    """Choose what is not stored yet; in a call whose start is blurred nothing can be put in its place."""
    keys = {entry.key for entry in before}
    new = in_order(entry for entry in arrived if entry.key not in keys)
    if new and blurred:
        logger.warning("entries that came more than a day late are dropped: %s", len(new))
        return []
    return new


def _rewrite(sql: Connection, told: Sequence[Call], exact: Mapping[str, datetime | None]) -> None:
    """Replace the rows that are computed: they hold nothing of their own."""
    ids = [call.id for call in told]
    theirs = select(transfers.c.id).where(transfers.c.call_id.in_(ids))
    sql.execute(delete(attempts).where(attempts.c.transfer_id.in_(theirs)))
    sql.execute(delete(transfers).where(transfers.c.call_id.in_(ids)))
    if told:
        rows = [write_call(call, exact[call.id]) for call in told]
        sql.execute(update(calls).where(calls.c.id == bindparam("told")), rows)
    if searches := [row for call in told for row in write_transfers(call)]:
        sql.execute(transfers.insert(), searches)
    if rings := [row for call in told for row in write_attempts(call)]:
        sql.execute(attempts.insert(), rings)


def _by_call(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Sort entries into their calls."""
    sorted_out: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        sorted_out[entry.call].append(entry)
    return sorted_out
