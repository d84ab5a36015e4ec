"""What reports are made of: the counts of a period, and how agencies were rung and callers waited.

All are exact, and to be shown only as ``disclosure`` writes them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, tzinfo
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.agency_status import FAILURES
from ivr.records.call_log import within
from ivr.records.call_summary import ACCEPTED
from ivr.records.counts import (
    CHANNELS,
    DAY_IS_TALLIED,
    CountKey,
    answered_rings,
    count_period,
    days_tallied,
    tallies_of,
)
from ivr.records.tables import attempts, calls, daily, tallies, transfers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from ivr.records.database import Database
    from ivr.records.periods import Period


SERVICE_SECONDS = (15, 30, 60)  # In which callers are to have reached a person.


@dataclass(frozen=True)
class Report:
    """The counts of a period."""

    period: Period
    days: Mapping[str, list[int]]  # "calls" and "texts" -> how many on each day of the period.
    counts: Mapping[str, Mapping[str, int]]  # What is counted -> its names, the most frequent first.
    by_day_alone: int  # Of whom nothing but their day is known any more.
    forgotten: int = 0  # Calls and texts that the log no longer holds: their counts outlived them.

    def of(self, what: str) -> Mapping[str, int]:
        """Give the counts of one thing."""
        return self.counts.get(what, {})

    @property
    def total(self) -> int:
        """Count calls and texts together."""
        return sum(map(sum, self.days.values()))


def read_report(database: Database, period: Period) -> Report:
    """Count a period. Every call is counted once: from its day's tally, its own row, or what outlives it."""
    counts: Counter[CountKey] = Counter()
    with database.read(snapshot=True) as sql:
        known = days_tallied(sql, period)
        for part in period.without(known):
            counts.update(count_period(sql, part))
        counts.update(dict(_tallied(sql, period)))
        forgotten = Counter(dict(_forgotten(sql, period)))
    lone = {day for day in period.days if day.replace(day=1) not in period.months}
    by_day_alone = sum(n for key, n in forgotten.items() if key.what in CHANNELS and key.day in lone)
    gone = sum(n for key, n in forgotten.items() if key.what in CHANNELS)
    return replace(_report(period, counts + forgotten, by_day_alone), forgotten=gone)


def first_day(database: Database, zone: tzinfo = UTC) -> date | None:
    """Give the first day of which anything is known; None where nothing is."""
    with database.read() as sql:
        began = sql.scalar(select(func.min(calls.c.started_at)))
        counted = sql.scalar(select(func.min(daily.c.day)))
    return min(filter(None, (began.astimezone(zone).date() if began else None, counted)), default=None)


def first_kept_day(database: Database, zone: tzinfo = UTC) -> date | None:
    """Give the day of the oldest call that is kept; None where none is."""
    with database.read() as sql:
        began = sql.scalar(select(func.min(calls.c.started_at)))
    return began.astimezone(zone).date() if began else None


def is_known(database: Database, period: Period) -> bool:
    """Whether anything is known of any call of a period."""
    began = (calls.c.started_at >= period.begins) & (calls.c.started_at < period.ends)
    of_days = select(daily.c.day).where(daily.c.day.between(period.since, period.until)).limit(1)
    with database.read() as sql:
        if sql.scalar(select(calls.c.id).where(began).limit(1)) is not None:
            return True
        return sql.scalar(of_days) is not None


def _tallied(sql: Connection, period: Period) -> Iterator[tuple[CountKey, int]]:
    """Sum the tallies of a period."""
    plain = select(tallies.c.day, tallies.c.what, tallies.c.count).where(tallies_of(period))
    for day, what, count in sql.execute(plain.where(tallies.c.what.in_(sorted(CHANNELS)))):
        yield CountKey(day, what), count
    summed = select(tallies.c.what, tallies.c.name, func.sum(tallies.c.count)).where(tallies_of(period))
    others = summed.where(tallies.c.what.not_in(sorted(CHANNELS | {DAY_IS_TALLIED})))
    for what, name, count in sql.execute(others.group_by(tallies.c.what, tallies.c.name)):
        yield CountKey(period.since, what, name), int(count)


def _forgotten(sql: Connection, period: Period) -> Iterator[tuple[CountKey, int]]:
    """Read what is left of calls that were forgotten: days as such, all else of whole months alone."""
    plain = select(daily.c.day, daily.c.what, daily.c.count).where(daily.c.what.in_(sorted(CHANNELS)))
    for day, what, count in sql.execute(plain.where(daily.c.day.between(period.since, period.until))):
        yield CountKey(day, what), count
    summed = select(daily.c.what, daily.c.name, func.sum(daily.c.count)).where(daily.c.day.in_(period.months))
    others = summed.where(daily.c.what.not_in(sorted(CHANNELS)))
    for what, name, count in sql.execute(others.group_by(daily.c.what, daily.c.name)):
        yield CountKey(period.since, what, name), int(count)


def _report(period: Period, counts: Counter[CountKey], by_day_alone: int) -> Report:
    """Put a report together."""
    days = {what: [counts[CountKey(day, what)] for day in period.days] for what in sorted(CHANNELS)}
    named: dict[str, dict[str, int]] = {}
    for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0].name)):
        if key.what not in CHANNELS:
            of_what = named.setdefault(key.what, {})
            of_what[key.name] = of_what.get(key.name, 0) + count
    return Report(period, days, named, by_day_alone)


@dataclass(frozen=True)
class AgencyFigures:
    """How often an agency was rung, and what came of it; what has another end is in ``rung`` alone."""

    agency: str
    rung: int
    answered: int
    accepted: int
    declined: int
    no_key: int  # Also of voicemails and faxes, which the log named apart before.
    no_answer: int
    busy: int
    failed: int
    missed: int  # Rings that nobody there took, however they ended.
    seconds: float | None  # From the ring until somebody took the call, on average; None where nobody did.


@dataclass(frozen=True)
class WaitFigures:
    """How long callers waited for a person; all but the first three are of those who reached one."""

    asked: int
    connected: int
    abandoned: int  # The caller left before anybody was reached.
    within: tuple[int, ...]  # Who reached a person in each of ``SERVICE_SECONDS`` after asking,
    within_of_call: tuple[int, ...]  # and after the line picked up.
    median: float | None  # None where nobody reached a person, or nobody knows when.
    p90: float | None


def transfer_figures(database: Database, since: date, until: date, zone: tzinfo = UTC) -> list[AgencyFigures]:
    """Count how each agency was rung on these days, the agencies by name."""
    took = func.avg(attempts.c.waited_seconds)
    rings = (
        select(attempts.c.agency, attempts.c.outcome, func.count(), answered_rings(), took)
        .where(within(since, until, zone, attempts.c.rung_at))
        .group_by(attempts.c.agency, attempts.c.outcome)
    )
    with database.read() as sql:
        rows = sql.execute(rings).all()
    ends: dict[str, Counter[str]] = {agency: Counter() for agency in sorted({row[0] for row in rows})}
    for agency, outcome, rung, answered, _ in rows:
        ends[agency].update({"rung": rung, "answered": answered})
        ends[agency].update({outcome or "": rung})
    seconds = {row[0]: row[4] for row in rows if row[1] == ACCEPTED}
    return [_figures(agency, counts, seconds.get(agency)) for agency, counts in ends.items()]


def missed_rings_by_hour(
    database: Database, since: date, until: date, zone: tzinfo = UTC
) -> dict[str, list[int]]:
    """Count the rings that nobody took, of each agency by the hour of the day at which its call began."""
    missed = (
        select(attempts.c.agency, calls.c.started_at)
        .join_from(attempts, transfers)
        .join(calls)
        .where(within(since, until, zone, calls.c.started_at), attempts.c.outcome.in_(sorted(FAILURES)))
        .order_by(attempts.c.agency)
    )
    hours: dict[str, list[int]] = {}
    with database.read() as sql:
        for agency, began in sql.execute(missed):
            hours.setdefault(agency, [0] * 24)[began.astimezone(zone).hour] += 1
    return hours


def waiting(database: Database, since: date, until: date, zone: tzinfo = UTC) -> WaitFigures:
    """Count how long callers waited who asked for a person on these days."""
    began = calls.c.started_at.label("began")  # It is blurred together with all that happened in the call.
    asked = select(transfers.c.outcome, transfers.c.waited_seconds, transfers.c.started_at, began)
    asked = asked.join_from(transfers, calls).where(within(since, until, zone, transfers.c.started_at))
    with database.read() as sql:
        rows = sql.execute(asked).all()
    ends = Counter(row.outcome for row in rows)
    reached = [row for row in rows if row.outcome == "connected" and row.waited_seconds is not None]
    waits = sorted(row.waited_seconds for row in reached)
    of_call = [row.waited_seconds + (row.started_at - row.began).total_seconds() for row in reached]
    return WaitFigures(
        asked=len(rows),
        connected=ends["connected"],
        abandoned=ends["left"],
        within=tuple(sum(wait <= most for wait in waits) for most in SERVICE_SECONDS),
        within_of_call=tuple(sum(wait <= most for wait in of_call) for most in SERVICE_SECONDS),
        median=_share(waits, 50),
        p90=_share(waits, 90),
    )


def _figures(agency: str, counts: Counter[str], seconds: float | None) -> AgencyFigures:
    """Put one agency's counts together."""
    return AgencyFigures(
        agency,
        rung=counts["rung"],
        answered=counts["answered"],
        accepted=counts["accepted"],
        declined=counts["declined"],
        no_key=counts["no_key"] + counts["voicemail"] + counts["fax"],
        no_answer=counts["no_answer"],
        busy=counts["busy"],
        failed=counts["failed"],
        missed=sum(counts[outcome] for outcome in FAILURES),
        seconds=seconds,
    )


def _share(waits: Sequence[float], percent: int) -> float | None:
    """Give the shortest wait that so many percent did not exceed; None of no waits."""
    return waits[max(ceil(len(waits) * percent / 100) - 1, 0)] if waits else None
