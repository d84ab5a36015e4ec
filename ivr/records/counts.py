"""What is counted of calls before they are forgotten.

Each count is of one thing only, so no two things of a call can be put together again. Calls as such are
counted by the day, everything else by the month: on a quiet day the counts of one call would be its story.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from ivr.records.funnel import REACHED, STEPS, TALKED, steps
from ivr.records.ordering import LAST
from ivr.records.tables import attempts, calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime, tzinfo

    from sqlalchemy import Connection, Row

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP = 10  # Seconds; how finely the waiting is counted: enough for a median.
LONGEST = 300  # Who waited longer is counted with those who waited so long.


class Key(NamedTuple):
    """What is counted. The day is a month's first for everything but ``calls`` and ``texts``."""

    day: date
    what: str
    name: str = ""


def count_calls(sql: Connection, ids: Sequence[str], zone: tzinfo) -> Counter[Key]:
    """Count everything that is kept of some calls."""
    # Some time zones are half an hour off the hours to which starts are rounded; nothing depends on it.
    rows = sql.execute(select(calls).where(calls.c.id.in_(ids))).all()
    began = {row.id: row.started_at.astimezone(zone) for row in rows}
    counts = Counter(Key(began[row.id].date(), "texts" if row.channel == "text" else "calls") for row in rows)
    counts.update(_of(began[row.id], *one) for row in rows for one in _call(began[row.id], row))
    counts.update(_of(began[call], "stop", stop) for call, stop in _stops(sql, ids))
    counts.update(_of(began[call], what, name) for call, what, name in _searches(sql, ids))
    counts.update(_of(began[call], what, name) for call, what, name in _rings(sql, ids))
    return counts


def waited_name(outcome: str | None, seconds: float) -> tuple[str, str]:
    """Name what is counted of a wait."""
    what = "waited" if outcome == TALKED else "waited_in_vain"
    return what, f"{min(int(seconds) // STEP * STEP, LONGEST):03}"


def _of(began: datetime, what: str, name: str) -> Key:
    """Count a thing in the month of its call."""
    return Key(began.date().replace(day=1), what, name)


def _call(began: datetime, row: Row[Any]) -> Iterator[tuple[str, str]]:
    """Tell what a call itself says."""
    yield "language", row.language
    yield "outcome", row.outcome or ""
    yield "hour", f"{WEEK[began.weekday()]}-{began.hour:02}"
    yield "last_stop", row.last_stop


def _stops(sql: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Tell which stops were reached, each once a call."""
    visits = select(turns.c.call_id, turns.c.stop).where(
        turns.c.call_id.in_(ids), turns.c.stop != "", turns.c.n < LAST
    )
    for row in sql.execute(visits.distinct()):
        yield row.call_id, row.stop


def _searches(sql: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Tell what searches for a person came to, how far, and how long those waited who reached one."""
    for row in sql.execute(select(transfers).where(transfers.c.call_id.in_(ids))):
        yield row.call_id, "order", row.order_name
        yield row.call_id, "transfer", row.outcome or ""
        if row.waited_seconds is not None:
            yield row.call_id, *waited_name(row.outcome, row.waited_seconds)
    for row in sql.execute(steps(calls.c.id.in_(ids))):
        yield from ((row.call_id, REACHED, step) for step in STEPS if getattr(row, step))


def _rings(sql: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Tell how agencies were rung."""
    rings = select(attempts, transfers.c.call_id).join(transfers).where(transfers.c.call_id.in_(ids))
    for row in sql.execute(rings):
        yield row.call_id, "agency_rung", row.agency
        yield row.call_id, f"agency_{row.outcome or 'unknown'}", row.agency
        if row.answered_at is not None:
            yield row.call_id, "agency_answered", row.agency
