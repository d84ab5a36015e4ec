"""What is counted of calls before they are forgotten.

Each count is of one thing only, so no two things of a call can be put together again. Calls as such are
counted by the day, everything else by the month: on a quiet day the counts of one call would be its story.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, delete, distinct, func, or_, select

from ivr.records.call_summary import ACCEPTED, LAST
from ivr.records.database import Lock, be_alone, insert_missing
from ivr.records.periods import A_DAY, Period
from ivr.records.tables import attempts, calls, tallies, transfers, turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, tzinfo

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from ivr.records.database import Database


# How far each search for a person came: rung, answered, accepted; and at last, talked.


REACHED = "reached"
STEPS = ("rung", "answered", "accepted")
TALKED = "connected"


def steps(wanted: ColumnElement[bool]) -> Select[tuple[str, int, int, int]]:
    """Read how far each search of the wanted calls came; who talked came all the way, whatever was lost."""
    talked = transfers.c.outcome == TALKED
    taken = or_(attempts.c.accepted_at.is_not(None), attempts.c.outcome == ACCEPTED)
    came = {
        "rung": attempts.c.id.is_not(None),
        "answered": or_(attempts.c.answered_at.is_not(None), taken),
        "accepted": taken,
    }
    so_far = (func.max(case((or_(talked, claim), 1), else_=0)).label(step) for step, claim in came.items())
    theirs = calls.join(transfers).outerjoin(attempts, attempts.c.transfer_id == transfers.c.id)
    each = select(transfers.c.call_id, *so_far).select_from(theirs).where(wanted)
    return each.group_by(transfers.c.id, transfers.c.call_id)


WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP = 10  # Seconds; how finely the waiting is counted: enough for a median.
LONGEST = 300  # Who waited longer is counted with those who waited so long.


class CountKey(NamedTuple):
    """What is counted. The day is a month's first for everything but ``calls`` and ``texts``."""

    day: date
    what: str
    name: str = ""


def count_calls(sql: Connection, ids: Sequence[str], zone: tzinfo) -> Counter[CountKey]:
    """Count everything that is kept of some calls."""
    # Some time zones are half an hour off the hours to which starts are rounded; nothing depends on it.
    rows = sql.execute(select(calls).where(calls.c.id.in_(ids))).all()
    began = {row.id: row.started_at.astimezone(zone) for row in rows}
    counts = Counter(
        CountKey(began[row.id].date(), "texts" if row.channel == "text" else "calls") for row in rows
    )
    counts.update(_of(began[row.id], *one) for row in rows for one in _call(began[row.id], row))
    counts.update(_of(began[call], "stop", stop) for call, stop in _stops(sql, ids))
    counts.update(_of(began[call], what, name) for call, what, name in _transfers(sql, ids))
    counts.update(_of(began[call], what, name) for call, what, name in _rings(sql, ids))
    return counts


def waited_name(outcome: str | None, seconds: float) -> tuple[str, str]:
    """Name what is counted of a wait."""
    what = "waited" if outcome == TALKED else "waited_in_vain"
    return what, f"{min(int(seconds) // STEP * STEP, LONGEST):03}"


def _of(began: datetime, what: str, name: str) -> CountKey:
    """Count a thing in the month of its call."""
    return CountKey(began.date().replace(day=1), what, name)


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


def _transfers(sql: Connection, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
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


# The counts of days: told from the rows of their calls, and kept once a day is over and settled.
#
# A tally holds nothing that the rows of its day do not hold, and lives no longer than they: what changes or
# deletes a call of the day deletes the tally, and it is counted anew.


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
        known = days_tallied(sql, Period(since, until, zone))
    missing = [day for day in Period(since, until, zone).days if day not in known]
    return sum(_tally(database, Period(day, day, zone)) for day in missing)


def days_tallied(sql: Connection, span: Period) -> frozenset[date]:
    """Say which days of a span are counted."""
    wanted = select(tallies.c.day).where(of(span), tallies.c.what == WHOLE)
    return frozenset(sql.scalars(wanted))


def of(span: Period) -> ColumnElement[bool]:
    """Claim of a tally that it is of a day of this span."""
    return (tallies.c.zone == str(span.zone)) & tallies.c.day.between(span.since, span.until)


def count_rows(sql: Connection, span: Period) -> Counter[CountKey]:
    """Count the calls that began in a span, from their rows: as such by the day, all else under its first."""
    began = (calls.c.started_at >= span.begins) & (calls.c.started_at < span.ends)
    counts: Counter[CountKey] = Counter()
    starts = select(calls.c.started_at, calls.c.channel, func.count()).where(began)
    for moment, channel, count in sql.execute(starts.group_by(calls.c.started_at, calls.c.channel)):
        there = moment.astimezone(span.zone)
        counts[CountKey(there.date(), "texts" if channel == "text" else "calls")] += count
        counts[CountKey(span.since, "hour", f"{WEEK[there.weekday()]}-{there.hour:02}")] += count
    for what, name, count in (
        *_calls(sql, began),
        *_stops_of_period(sql, began),
        *_transfers_of_period(sql, span),
    ):
        counts[CountKey(span.since, what, name)] += count
    return counts


def _calls(sql: Connection, began: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count what calls themselves say."""
    for what in COLUMNS:
        counted = select(calls.c[what], func.count()).where(began).group_by(calls.c[what])
        yield from ((what, value or "", count) for value, count in sql.execute(counted))


def _stops_of_period(sql: Connection, began: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count the calls that came to each stop."""
    # PostgreSQL finds these calls along an index first, and then their turns; else it may look through all.
    theirs = select(calls.c.id).where(began).cte("theirs").prefix_with("MATERIALIZED", dialect="postgresql")
    visits = select(turns.c.stop, func.count(distinct(turns.c.call_id)))
    there = visits.join(theirs, turns.c.call_id == theirs.c.id)
    there = there.where(turns.c.stop != "", turns.c.n < LAST).group_by(turns.c.stop)
    yield from (("stop", stop, count) for stop, count in sql.execute(there))


def _transfers_of_period(sql: Connection, span: Period) -> Iterator[tuple[str, str, int]]:
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


def _tally(database: Database, day: Period) -> int:
    """Keep the counts of one day, unless a call of it goes on or still has its exact start."""
    with database.write() as sql:
        be_alone(sql, Lock.ERASING)  # Nobody files or erases meanwhile,
        be_alone(sql, Lock.FORGETTING)  # nor forgets.
        began = (calls.c.started_at >= day.begins) & (calls.c.started_at < day.ends)
        unsettled = or_(calls.c.ended_at.is_(None), calls.c.exact_until.is_not(None))
        if sql.scalar(select(calls.c.id).where(began, unsettled).limit(1)):
            return 0
        counts = count_rows(sql, day) + Counter({CountKey(day.since, WHOLE): 1})
        rows = [{**key._asdict(), "count": count, "zone": str(day.zone)} for key, count in counts.items()]
        insert_missing(sql, tallies, rows)
    return 1


# Which days' tallies no longer hold, because a call of theirs has changed or gone.


def drop_tallies(sql: Connection, moments: Iterable[datetime]) -> None:
    """Delete the tallies of every day that a call which began then may belong to, by whatever clock."""
    around = {moment.date() + A_DAY * n for moment in moments for n in (-1, 0, 1)}
    if around:
        sql.execute(delete(tallies).where(tallies.c.day.in_(sorted(around))))


def drop_tallies_of(sql: Connection, ids: Sequence[str]) -> None:
    """Delete the tallies of some calls' days."""
    drop_tallies(sql, sql.scalars(select(calls.c.started_at).where(calls.c.id.in_(ids))).all())
