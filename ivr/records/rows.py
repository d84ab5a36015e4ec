"""How entries and what is told of them are written as rows, and entries read back."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from ivr.effects import Entry
from ivr.records.ordering import in_order, place
from ivr.records.tables import calls, turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ivr.records.call_summary import Call

Row = dict[str, Any]

EXACT_SECONDS = 24 * 3600  # After that the start of a call is blurred.


def read_entries(sql: Connection, ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Read back the entries of some calls."""
    found: dict[str, list[Entry]] = defaultdict(list)
    theirs = (calls.c.channel, calls.c.started_at, calls.c.mark)
    joined = select(turns, *theirs).join(calls).where(calls.c.id.in_(ids))
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
            mark=row.mark,
            search=row.search,
            sign=row.sign,
        )
        found[row.call_id].append(entry)
    return found


def write_stub(entries: Sequence[Entry]) -> Row:
    """Write a call's row with what never changes, so that it can be locked and its turns can refer to it."""
    first = min(in_order(entries), key=lambda entry: entry.at)
    return {
        "id": first.call,
        "channel": first.channel,
        "started_at": _moment(first.at),
        "exact_until": _moment(first.at + EXACT_SECONDS),
        "end_estimated": False,
        "language": "",
        "last_stop": "",
        "turns": 0,
    }


def write_call(call: Call, exact_until: datetime | None) -> Row:
    """Write what is computed of a call."""
    return {
        "exact_until": exact_until,
        "mark": call.mark,
        "told": call.id,
        "started_at": _moment(call.started),
        "ended_at": _moment(call.ended),
        "end_estimated": call.end_estimated,
        "language": call.language,
        "last_stop": call.last_stop,
        "outcome": call.outcome,
        "turns": call.turns,
    }


def write_turn(entry: Entry, started: float) -> Row:
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
        "search": entry.search,
    }


def write_transfers(call: Call) -> list[Row]:
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


def write_attempts(call: Call) -> list[Row]:
    """Write the rings of a call."""
    return [
        {
            "id": f"{call.id}-{number}-{rank}",
            "transfer_id": f"{call.id}-{number}",
            "place": rank,
            "agency": ring.agency,
            "rung_at": _moment(ring.rung),
            "answered_at": _moment(ring.answered),
            "accepted_at": _moment(ring.accepted),
            "ended_at": _moment(ring.ended),
            "outcome": ring.outcome,
            "seconds": ring.seconds,
            "waited_seconds": ring.waited,
        }
        for number, search in enumerate(call.transfers, 1)
        for rank, ring in enumerate(search.attempts, 1)
    ]


def _moment(at: float | None) -> datetime | None:
    """Turn Unix seconds into a moment."""
    return None if at is None else datetime.fromtimestamp(at, UTC)
