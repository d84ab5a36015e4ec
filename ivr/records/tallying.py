"""The counts of days: told from the rows of their calls, and kept once a day is over and settled.

A tally holds nothing that the rows of its day do not hold, and lives no longer than they: what changes or
deletes a call of the day deletes the tally, and it is counted anew.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import distinct, func, or_, select

from ivr.records.count_tables import tallies
from ivr.records.counts import WEEK, Key, waited_name
from ivr.records.database import be_alone, insert_missing
from ivr.records.erasing import ERASING
from ivr.records.forgetting import FORGETTING
from ivr.records.funnel import REACHED, STEPS, steps
from ivr.records.ordering import LAST
from ivr.records.periods import A_DAY, Span
from ivr.records.tables import calls, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, tzinfo

    from sqlalchemy import ColumnElement, Connection

    from ivr.records.database import Database

WHOLE = "whole"  # Stands at a day that is counted, also when nobody called.
SETTLED = timedelta(hours=26)  # After a day's end: its calls are over, and their starts blurred.
COLUMNS = ("language", "outcome", "last_stop")


def tally(database: Database, now: float, zone: tzinfo) -> int:
    """Count every day that is over, settled, and not counted yet; say how many."""
    with database.read() as sql:
        first = sql.scalar(select(func.min(calls.c.started_at)))
    if first is None:
        return 0
    since = first.astimezone(zone).date()
    until = (datetime.fromtimestamp(now, UTC) - SETTLED).astimezone(zone).date() - A_DAY
    with database.read() as sql:
        known = days_tallied(sql, Span(since, until, zone))
    missing = [day for day in Span(since, until, zone).days if day not in known]
    return sum(_tally(database, Span(day, day, zone)) for day in missing)


def days_tallied(sql: Connection, span: Span) -> frozenset[date]:
    """Say which days of a span are counted."""
    wanted = select(tallies.c.day).where(of(span), tallies.c.what == WHOLE)
    return frozenset(sql.scalars(wanted))


def of(span: Span) -> ColumnElement[bool]:
    """Claim of a tally that it is of a day of this span."""
    return (tallies.c.zone == str(span.zone)) & tallies.c.day.between(span.since, span.until)


def count_rows(sql: Connection, span: Span) -> Counter[Key]:
    """Count the calls that began in a span, from their rows: as such by the day, all else under its first."""
    began = (calls.c.started_at >= span.begins) & (calls.c.started_at < span.ends)
    counts: Counter[Key] = Counter()
    starts = select(calls.c.started_at, calls.c.channel, func.count()).where(began)
    for moment, channel, count in sql.execute(starts.group_by(calls.c.started_at, calls.c.channel)):
        there = moment.astimezone(span.zone)
        counts[Key(there.date(), "texts" if channel == "text" else "calls")] += count
        counts[Key(span.since, "hour", f"{WEEK[there.weekday()]}-{there.hour:02}")] += count
    for what, name, count in (*_calls(sql, began), *_stops(sql, began), *_searches(sql, span)):
        counts[Key(span.since, what, name)] += count
    return counts


def _calls(sql: Connection, began: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count what calls themselves say."""
    for what in COLUMNS:
        counted = select(calls.c[what], func.count()).where(began).group_by(calls.c[what])
        yield from ((what, value or "", count) for value, count in sql.execute(counted))


def _stops(sql: Connection, began: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count the calls that came to each stop."""
    # PostgreSQL finds these calls along an index first, and then their turns; else it may look through all.
    theirs = select(calls.c.id).where(began).cte("theirs").prefix_with("MATERIALIZED", dialect="postgresql")
    visits = select(turns.c.stop, func.count(distinct(turns.c.call_id)))
    there = visits.join(theirs, turns.c.call_id == theirs.c.id)
    there = there.where(turns.c.stop != "", turns.c.n < LAST).group_by(turns.c.stop)
    yield from (("stop", stop, count) for stop, count in sql.execute(there))


def _searches(sql: Connection, span: Span) -> Iterator[tuple[str, str, int]]:
    """Count what searches for a person came to, how far, and how long callers waited."""
    # No call lasts a day: so every search of theirs is found along the index of searches.
    near = (transfers.c.started_at >= span.begins) & (transfers.c.started_at < span.ends + A_DAY)
    wanted = (calls.c.started_at >= span.begins) & (calls.c.started_at < span.ends) & near
    told = select(transfers.c.outcome, transfers.c.waited_seconds).select_from(calls.join(transfers))
    for outcome, waited in sql.execute(told.where(wanted)):
        yield "transfer", outcome or "", 1
        if waited is not None:
            yield *waited_name(outcome, waited), 1
    for row in sql.execute(steps(wanted)):
        yield from ((REACHED, step, 1) for step in STEPS if getattr(row, step))


def _tally(database: Database, day: Span) -> int:
    """Keep the counts of one day, unless a call of it goes on or still has its exact start."""
    with database.write() as sql:
        be_alone(sql, ERASING)  # Nobody files or erases meanwhile,
        be_alone(sql, FORGETTING)  # nor forgets.
        began = (calls.c.started_at >= day.begins) & (calls.c.started_at < day.ends)
        unsettled = or_(calls.c.ended_at.is_(None), calls.c.exact_until.is_not(None))
        if sql.scalar(select(calls.c.id).where(began, unsettled).limit(1)):
            return 0
        counts = count_rows(sql, day) + Counter({Key(day.since, WHOLE): 1})
        rows = [{**key._asdict(), "count": count, "zone": str(day.zone)} for key, count in counts.items()]
        insert_missing(sql, tallies, rows)
    return 1
