"""How entries become rows: each is stored once, and its call's rows are told anew from all of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, update

from ivr.effects import Entry
from ivr.records.database import insert_missing
from ivr.records.folding import VOICE_SILENT, Call, fold, in_order, place
from ivr.records.tables import attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from ivr.records.database import Database

AT_ONCE = 200  # Calls looked at in one transaction.

Row = dict[str, Any]


def record(database: Database, entries: Sequence[Entry], now: float) -> None:
    """Store entries that are not stored yet, and bring the rows of their calls up to date."""
    arrived = _by_call(entries)
    with database.write() as sql:
        insert_missing(sql, calls, [_stub(arrived[call]) for call in sorted(arrived)])
        _retell(sql, sorted(arrived), arrived, now)


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
        known = _known(sql, ids)
    silent = [call for call in ids if call in known and fold(known[call], now).ended is not None]
    if silent:
        with database.write() as sql:
            _retell(sql, silent, {}, now)
    return len(silent)


def _retell(sql: Connection, ids: Sequence[str], arrived: Mapping[str, list[Entry]], now: float) -> None:
    """Tell these calls anew from what is stored and what has arrived."""
    # Locked in one order by all: another process may file other turns of the same calls now.
    sql.execute(select(calls.c.id).where(calls.c.id.in_(ids)).order_by(calls.c.id).with_for_update()).all()
    stored = _known(sql, ids)
    told: list[Call] = []
    fresh: list[Row] = []
    for call in ids:
        before = stored.get(call, [])
        keys = {entry.key for entry in before}
        new = in_order(entry for entry in arrived.get(call, []) if entry.key not in keys)
        if not before and not new:
            continue  # Somebody erased the call meanwhile.
        story = fold([*before, *new], now)
        if before and story.started < min(entry.at for entry in before):
            # All its seconds count from the start, which has turned out to be earlier.
            sql.execute(delete(turns).where(turns.c.call_id == call))
            new = [*before, *new]
        told.append(story)
        fresh += [_turn(entry, story.started) for entry in new]
    insert_missing(sql, turns, fresh)
    _rewrite(sql, told)


def _rewrite(sql: Connection, told: Sequence[Call]) -> None:
    """Replace the rows that are computed: they hold nothing of their own."""
    ids = [call.id for call in told]
    theirs = select(transfers.c.id).where(transfers.c.call_id.in_(ids))
    sql.execute(delete(attempts).where(attempts.c.transfer_id.in_(theirs)))
    sql.execute(delete(transfers).where(transfers.c.call_id.in_(ids)))
    if told:
        sql.execute(update(calls).where(calls.c.id == bindparam("told")), [_call(call) for call in told])
    if searches := [row for call in told for row in _transfers(call)]:
        sql.execute(transfers.insert(), searches)
    if rings := [row for call in told for row in _attempts(call)]:
        sql.execute(attempts.insert(), rings)


def _known(sql: Connection, ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Read back the entries of some calls."""
    found: dict[str, list[Entry]] = defaultdict(list)
    joined = select(turns, calls.c.channel, calls.c.started_at).join(calls).where(calls.c.id.in_(ids))
    for row in sql.execute(joined):
        entry = Entry(
            call=row.call_id,
            key=row.key,
            at=round(row.started_at.timestamp() + row.seconds, 3),
            channel=row.channel,
            language=row.language,
            stop=row.stop,
            heard=row.heard,
            order=row.order_name,
            rang=row.rang,
            ended=row.ended,
            sign=row.sign,
        )
        found[row.call_id].append(entry)
    return found


def _by_call(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Sort entries into their calls."""
    sorted_out: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        sorted_out[entry.call].append(entry)
    return sorted_out


def _stub(entries: Sequence[Entry]) -> Row:
    """Write a call's row with what never changes, so that it can be locked and its turns can refer to it."""
    first = min(in_order(entries), key=lambda entry: entry.at)
    return {
        "id": first.call,
        "channel": first.channel,
        "started_at": _moment(first.at),
        "end_estimated": False,
        "language": "",
        "last_stop": "",
        "turns": 0,
    }


def _call(call: Call) -> Row:
    """Write what is computed of a call."""
    return {
        "told": call.id,
        "started_at": _moment(call.started),
        "ended_at": _moment(call.ended),
        "end_estimated": call.end_estimated,
        "language": call.language,
        "last_stop": call.last_stop,
        "outcome": call.outcome,
        "turns": call.turns,
    }


def _turn(entry: Entry, started: float) -> Row:
    """Write one entry."""
    return {
        "call_id": entry.call,
        "key": entry.key,
        "n": place(entry),
        "stop": entry.stop,
        "heard": entry.heard,
        "seconds": round(entry.at - started, 3),
        "language": entry.language,
        "order_name": entry.order,
        "rang": entry.rang,
        "ended": entry.ended,
        "sign": entry.sign,
    }


def _transfers(call: Call) -> list[Row]:
    """Write the searches of a call."""
    return [
        {
            "id": f"{call.id}-{number}",
            "call_id": call.id,
            "place": number,
            "order_name": search.order,
            "started_at": _moment(search.started),
            "outcome": search.outcome,
            "waited_seconds": search.waited,
        }
        for number, search in enumerate(call.transfers, 1)
    ]


def _attempts(call: Call) -> list[Row]:
    """Write the rings of a call."""
    return [
        {
            "id": f"{call.id}-{number}-{rank}",
            "transfer_id": f"{call.id}-{number}",
            "place": rank,
            "agency": ring.agency,
            "rung_at": _moment(ring.rung),
            "ended_at": _moment(ring.ended),
            "outcome": ring.outcome,
            "seconds": ring.seconds,
        }
        for number, search in enumerate(call.transfers, 1)
        for rank, ring in enumerate(search.attempts, 1)
    ]


def _moment(at: float | None) -> datetime | None:
    """Turn Unix seconds into a moment."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
