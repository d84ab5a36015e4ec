"""What is counted of calls: while their rows are there, and before they are forgotten.

Each count is of one thing only, so no two things of a call can be put together again. Calls as such are
counted by the day; everything else under one date for many days, as on a quiet day the counts of one call
would be its story.

Days that are over are tallied: their counts are kept, so that a report need not read their calls. A tally
holds nothing that the rows of its day do not hold, and lives no longer than they: what changes or deletes a
call of the day deletes the tally, and it is counted anew.

Counted apart: calls that Twilio has and our log has not, and texts by whether they arrived.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlalchemy import case, distinct, func, or_, select, true, update

from ivr.records.call_summary import ACCEPTED, LAST
from ivr.records.database import Lock, be_alone, delete_together, insert_missing, insert_or_change
from ivr.records.periods import A_DAY, LAST_MOMENT, Period, moment
from ivr.records.tables import (
    attempts,
    calls,
    daily,
    erased_calls,
    tallies,
    text_deliveries,
    transfers,
    turns,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime, tzinfo

    from sqlalchemy import ColumnElement, Connection, Select

    from ivr.records.database import Database


REACHED = "reached"
STEPS = ("rung", "answered", "accepted")  # How far a transfer came; and at last, talked.
TALKED = "connected"
TEXT, NEAREST = "text", "nearest"  # Their names begin with a text's language: "en unclear", "fr shelter".
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WAIT_STEP = 10  # Seconds; how finely the waiting is counted: enough for a median.
LONGEST_WAIT = 300  # Who waited longer is counted with those who waited so long.
OF_CALLS = ("language", "outcome", "last_stop")  # Columns of calls whose values are counted.

DAY_IS_TALLIED = "whole"  # A row of a day that is tallied, also when nobody called.
SETTLED = timedelta(hours=26)  # After a day's end: its calls are over, and their starts blurred.


class CountKey(NamedTuple):
    """What is counted. The day is that of the calls for ``calls`` and ``texts`` alone."""

    day: date
    what: str
    name: str = ""


def count_period(sql: Connection, period: Period) -> Counter[CountKey]:
    """Count the calls that began in a period: as such by the day, all else under its first day."""
    # No call lasts a day: so its transfers and attempts are found along the indexes of their own times.
    late = min(period.ends, LAST_MOMENT - A_DAY) + A_DAY
    near = (transfers.c.started_at >= period.begins) & (transfers.c.started_at < late)
    rung_near = (attempts.c.rung_at >= period.begins) & (attempts.c.rung_at < late)
    return _count(sql, _began_in(period), period.zone, period.since, near=near, rung_near=rung_near)


def count_calls(sql: Connection, ids: Sequence[str], zone: tzinfo) -> Counter[CountKey]:
    """Count some calls: as such by the day, all else under the first day of their month."""
    # Some time zones are half an hour off the hours to which starts are rounded; nothing depends on it.
    months: dict[date, list[str]] = defaultdict(list)
    for row in sql.execute(select(calls.c.id, calls.c.started_at).where(calls.c.id.in_(ids))):
        months[row.started_at.astimezone(zone).date().replace(day=1)].append(row.id)
    counts: Counter[CountKey] = Counter()
    for first, some in months.items():
        counts.update(_count(sql, calls.c.id.in_(some), zone, first))
    return counts


def tally(database: Database, now: float, zone: tzinfo) -> int:
    """Tally every day that is over, settled, and not tallied yet; give how many."""
    with database.read() as sql:
        first = sql.scalar(select(func.min(calls.c.started_at)))
        if first is None:
            return 0
        until = (moment(now) - SETTLED).astimezone(zone).date() - A_DAY
        period = Period(first.astimezone(zone).date(), until, zone)
        known = days_tallied(sql, period)
    return sum(_tally_day(database, Period(day, day, zone)) for day in period.days if day not in known)


def days_tallied(sql: Connection, period: Period) -> frozenset[date]:
    """Read which days of a period are tallied."""
    wanted = select(tallies.c.day).where(tallies_of(period), tallies.c.what == DAY_IS_TALLIED)
    return frozenset(sql.scalars(wanted))


def tallies_of(period: Period) -> ColumnElement[bool]:
    """Whether a tally is of a day of this period."""
    return (tallies.c.zone == str(period.zone)) & tallies.c.day.between(period.since, period.until)


def drop_tallies(sql: Connection, starts: Iterable[datetime]) -> None:
    """Delete the tallies of every day to which a call that began then may belong, by whatever clock."""
    around = {start.date() + A_DAY * n for start in starts for n in (-1, 0, 1)}
    if around:
        delete_together(sql, tallies.c.day, sorted(around))


def drop_tallies_of(sql: Connection, ids: Sequence[str]) -> None:
    """Delete the tallies of some calls' days."""
    drop_tallies(sql, sql.scalars(select(calls.c.started_at).where(calls.c.id.in_(ids))).all())


def _tally_day(database: Database, day: Period) -> int:
    """Keep the counts of one day, unless a call of it goes on or still has its exact start."""
    with database.write() as sql:
        be_alone(sql, Lock.ERASING)  # Nobody files or erases meanwhile,
        be_alone(sql, Lock.FORGETTING)  # nor forgets.
        unsettled = or_(calls.c.ended_at.is_(None), calls.c.exact_until.is_not(None))
        if sql.scalar(select(calls.c.id).where(_began_in(day), unsettled).limit(1)):
            return 0
        counts = count_period(sql, day) + Counter({CountKey(day.since, DAY_IS_TALLIED): 1})
        rows = [{**key._asdict(), "count": count, "zone": str(day.zone)} for key, count in counts.items()]
        insert_missing(sql, tallies, rows)
    return 1


def answered_rings() -> ColumnElement[int]:
    """Count the rings that somebody answered: whoever took a call answered it, whatever was noted of that."""
    answered = attempts.c.answered_at.is_not(None) | (func.coalesce(attempts.c.outcome, "") == ACCEPTED)
    return func.count(case((answered, 1)))


def _began_in(period: Period) -> ColumnElement[bool]:
    """Whether a call began in a period."""
    return (calls.c.started_at >= period.begins) & (calls.c.started_at < period.ends)


def _count(  # noqa: PLR0913 - which calls, where they are counted, and by which way they are found fast
    sql: Connection,
    wanted: ColumnElement[bool],
    zone: tzinfo,
    under: date,
    *,
    near: ColumnElement[bool] | None = None,
    rung_near: ColumnElement[bool] | None = None,
) -> Counter[CountKey]:
    """Count everything that is kept of the wanted calls: as such by the day, all else under one date."""
    counts: Counter[CountKey] = Counter()
    starts = select(calls.c.started_at, calls.c.channel, func.count()).where(wanted)
    for start, channel, count in sql.execute(starts.group_by(calls.c.started_at, calls.c.channel)):
        began = start.astimezone(zone)
        counts[CountKey(began.date(), "texts" if channel == "text" else "calls")] += count
        counts[CountKey(under, "hour", f"{WEEK[began.weekday()]}-{began.hour:02}")] += count
    for what, name, count in (
        *_of_calls(sql, wanted),
        *_of_stops(sql, wanted),
        *_of_texts(sql, wanted),
        *_of_transfers(sql, wanted & (true() if near is None else near)),
        *_of_attempts(sql, wanted & (true() if rung_near is None else rung_near)),
    ):
        counts[CountKey(under, what, name)] += count
    return counts


def _of_calls(sql: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count what calls themselves say."""
    for what in OF_CALLS:
        counted = select(calls.c[what], func.count()).where(wanted).group_by(calls.c[what])
        yield from ((what, value or "", count) for value, count in sql.execute(counted))


def _of_stops(sql: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count the calls that came to each stop."""
    # PostgreSQL finds these calls along an index first, and then their turns; else it may look through all.
    theirs = select(calls.c.id).where(wanted).cte("theirs").prefix_with("MATERIALIZED", dialect="postgresql")
    visits = select(turns.c.stop, func.count(distinct(turns.c.call_id)))
    visited = visits.join(theirs, turns.c.call_id == theirs.c.id)
    visited = visited.where(turns.c.stop != "", turns.c.n < LAST).group_by(turns.c.stop)
    yield from (("stop", stop, count) for stop, count in sql.execute(visited))


def _of_texts(sql: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count texts in words by language and kind, and those not understood by what they are near."""
    some = select(calls.c.id).where(wanted, calls.c.channel == "text")
    theirs = some.cte("theirs").prefix_with("MATERIALIZED", dialect="postgresql")
    for what, column in ((TEXT, turns.c.heard), (NEAREST, turns.c.nearest)):
        counted = select(turns.c.written, column, func.count()).join(theirs, turns.c.call_id == theirs.c.id)
        counted = counted.where(turns.c.written != "", column != "").group_by(turns.c.written, column)
        yield from ((what, f"{written} {name}", count) for written, name, count in sql.execute(counted))


def _of_transfers(sql: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count what transfers came to, how far they came, and how long those waited who reached a person."""
    ended = select(transfers.c.outcome, transfers.c.waited_seconds).select_from(calls.join(transfers))
    for outcome, waited in sql.execute(ended.where(wanted)):
        yield "transfer", outcome or "", 1
        if outcome == TALKED and waited is not None:
            yield "waited", f"{min(int(waited) // WAIT_STEP * WAIT_STEP, LONGEST_WAIT):03}", 1
    for row in sql.execute(_steps(wanted)):
        yield from ((REACHED, step, 1) for step in STEPS if getattr(row, step))


def _steps(wanted: ColumnElement[bool]) -> Select[tuple[str, int, int, int]]:
    """Read how far each transfer came; who talked came all the way, whatever was lost."""
    talked = transfers.c.outcome == TALKED
    accepted = or_(attempts.c.accepted_at.is_not(None), attempts.c.outcome == ACCEPTED)
    claims = {
        "rung": attempts.c.id.is_not(None),
        "answered": or_(attempts.c.answered_at.is_not(None), accepted),
        "accepted": accepted,
    }
    came = (func.max(case((or_(talked, claim), 1), else_=0)).label(step) for step, claim in claims.items())
    joined = calls.join(transfers).outerjoin(attempts, attempts.c.transfer_id == transfers.c.id)
    return (
        select(transfers.c.call_id, *came)
        .select_from(joined)
        .where(wanted)
        .group_by(transfers.c.id, transfers.c.call_id)
    )


def _of_attempts(sql: Connection, wanted: ColumnElement[bool]) -> Iterator[tuple[str, str, int]]:
    """Count how agencies were rung, and what came of it."""
    joined = calls.join(transfers).join(attempts, attempts.c.transfer_id == transfers.c.id)
    rung = select(attempts.c.agency, attempts.c.outcome, func.count(), answered_rings())
    grouped = rung.select_from(joined).where(wanted).group_by(attempts.c.agency, attempts.c.outcome)
    for agency, outcome, count, answered in sql.execute(grouped):
        yield "agency_rung", agency, count
        yield f"agency_{outcome or 'unknown'}", agency, count
        if answered:
            yield "agency_answered", agency, answered


# The counts that outlive the calls, and what of any count may be shown.

Name = TypeVar("Name", bound="Hashable")

FEW = 5  # Fewer are never shown: somebody could recognise themselves, or another.
# A small count, or one that would tell how small another is: which of the two it is, would tell as well.
HIDDEN = "not shown"
CHANNELS = frozenset({"calls", "texts"})


@dataclass(frozen=True)
class Count:
    """One count, as it is kept."""

    day: date
    what: str
    name: str
    count: int


def add_counts(sql: Connection, counts: Mapping[CountKey, int]) -> None:
    """Add to the counts that outlive the calls."""
    rows = [{**key._asdict(), "count": count} for key, count in sorted(counts.items())]
    insert_or_change(sql, daily, rows, add="count")


def list_daily(database: Database, since: date | None = None, until: date | None = None) -> list[Count]:
    """Read the counts of the days from ``since`` on and before ``until``, exactly: not to be shown."""
    wanted = select(daily).order_by(daily.c.day, daily.c.what, daily.c.name)
    wanted = wanted.where(daily.c.day >= since) if since else wanted
    wanted = wanted.where(daily.c.day < until) if until else wanted
    with database.read() as sql:
        return [Count(*row) for row in sql.execute(wanted)]


def shown(count: int) -> str:
    """Write a count as it may be shown."""
    return HIDDEN if 0 < count < FEW else str(count)


def parts_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write the parts of a whole that may be known: no small one, and none that tells a small one.

    Others are withheld as well, the smallest first, until those that are hidden are not few together.
    """
    hidden = sum(count for count in counts.values() if count < FEW)
    withheld: set[Name] = set()
    for name, count in sorted(counts.items(), key=lambda part: part[1]):
        if count >= FEW and 0 < hidden < FEW:
            hidden += count
            withheld.add(name)
    return {name: HIDDEN if name in withheld else shown(count) for name, count in counts.items()}


def ranked_parts_shown(counts: Mapping[str, int]) -> dict[str, str]:
    """Write parts as ``parts_shown`` does, the largest first; the order of hidden ones tells nothing."""
    cells = parts_shown(counts)
    ranked = sorted(cells, key=lambda name: (-counts[name], name) if cells[name] != HIDDEN else (-1, name))
    return {name: cells[name] for name in ranked}


def steps_shown(counts: Mapping[Name, int]) -> dict[Name, str]:
    """Write steps each of which holds the next: none that differs by few from another that is shown.

    The first and the last say the most: those between them give way.
    """
    first, *between, last = counts
    written: dict[Name, str] = {}
    exact: list[int] = []
    for name in (first, last, *reversed(between)):
        count = counts[name]
        near = any(0 < abs(count - other) < FEW for other in exact)
        written[name] = HIDDEN if near and count >= FEW else shown(count)
        if written[name] == str(count):
            exact.append(count)
    return {name: written[name] for name in counts}


# Calls that Twilio has and our log has not: they are counted before Twilio's copy is deleted.

UNKNOWN_CALLS = "unknown_calls"
IDS_AT_ONCE = 500


def known_calls(database: Database, ids: Sequence[str]) -> set[str]:
    """Choose which of these calls the log holds, or held until they were erased."""
    known: set[str] = set()
    with database.read() as sql:
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = ids[start : start + IDS_AT_ONCE]
            known.update(sql.scalars(select(calls.c.id).where(calls.c.id.in_(some))))
            known.update(sql.scalars(select(erased_calls.c.call_id).where(erased_calls.c.call_id.in_(some))))
    return known


def count_unknown(database: Database, day: date, number: int) -> None:
    """Count calls of a day that the log does not know."""
    if number:
        with database.write() as sql:
            add_counts(sql, {CountKey(day, UNKNOWN_CALLS): number})


def list_unknown(database: Database) -> list[tuple[date, int]]:
    """Read on which days how many calls were unknown, the first day first."""
    wanted = select(daily.c.day, daily.c.count).where(daily.c.what == UNKNOWN_CALLS).order_by(daily.c.day)
    with database.read() as sql:
        return [(day, count) for day, count in sql.execute(wanted)]


# How many texts arrived, and why others did not, by Twilio's codes: counts, and nothing of a phone.

ARRIVED = ""


def count_delivery(database: Database, day: date, reason: str) -> int:
    """Count a text that arrived, or why it did not; give how many in a row have not."""
    table = text_deliveries
    with database.write() as sql:
        row = {"day": day, "reason": reason, "count": 0, "in_a_row": 0}
        insert_missing(sql, table, [row])
        here = (table.c.day == day) & (table.c.reason == reason)
        sql.execute(update(table).where(here).values(count=table.c.count + 1))
        if reason == ARRIVED:
            sql.execute(update(table).where(table.c.in_a_row > 0).values(in_a_row=0))
            return 0
        sql.execute(update(table).where(here).values(in_a_row=table.c.in_a_row + 1))
        return int(sql.scalar(select(func.sum(table.c.in_a_row))) or 0)


def count_in_a_row(database: Database) -> int:
    """Give how many texts have not arrived since one last did."""
    with database.read() as sql:
        return int(sql.scalar(select(func.sum(text_deliveries.c.in_a_row))) or 0)


def list_undelivered(database: Database, since: date, until: date | None = None) -> dict[str, int]:
    """Count the texts that did not arrive from a day on, or up to another, the most frequent reason first."""
    table, count = text_deliveries, func.sum(text_deliveries.c.count)
    wanted = select(table.c.reason, count).where(table.c.day >= since, table.c.reason != ARRIVED)
    wanted = wanted.where(table.c.day <= until) if until else wanted
    with database.read() as sql:
        rows = sql.execute(wanted.group_by(table.c.reason).order_by(count.desc(), table.c.reason))
        return {reason: int(number) for reason, number in rows}
