"""What some days come to: from tallies, the rows of days that have none, and what outlives calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from math import ceil
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.call_log import within
from ivr.records.counts import WHOLE, CountKey, count_rows, days_tallied, of
from ivr.records.disclosure import CHANNELS
from ivr.records.tables import attempts, daily, tallies, transfers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from ivr.records.database import Database
    from ivr.records.periods import Period


@dataclass(frozen=True)
class Report:
    """The counts of a span, as they are: to be shown only as ``hiding`` writes them."""

    span: Period
    days: Mapping[str, list[int]]  # "calls" and "texts" -> how many on each day of the span.
    counts: Mapping[str, Mapping[str, int]]  # What is counted -> its names, the most frequent first.
    by_day_alone: int  # Of whom nothing but their day is known any more.

    def of(self, what: str) -> Mapping[str, int]:
        """Give the counts of one thing."""
        return self.counts.get(what, {})

    @property
    def total(self) -> int:
        """Count calls and texts together."""
        return sum(map(sum, self.days.values()))


def read_report(database: Database, span: Period) -> Report:
    """Count a span. Every call is counted once: from its day's tally, its own row, or what outlives it."""
    counts: Counter[CountKey] = Counter()
    with database.read(still=True) as sql:
        known = days_tallied(sql, span)
        for part in span.without(known):
            counts.update(count_rows(sql, part))
        counts.update(dict(_tallied(sql, span)))
        forgotten = Counter(dict(_forgotten(sql, span)))
    lone = {day for day in span.days if day.replace(day=1) not in span.months}
    by_day_alone = sum(n for key, n in forgotten.items() if key.what in CHANNELS and key.day in lone)
    return _report(span, counts + forgotten, by_day_alone)


def _tallied(sql: Connection, span: Period) -> Iterator[tuple[CountKey, int]]:
    """Sum the tallies of a span."""
    plain = select(tallies.c.day, tallies.c.what, tallies.c.count).where(of(span))
    for day, what, count in sql.execute(plain.where(tallies.c.what.in_(sorted(CHANNELS)))):
        yield CountKey(day, what), count
    summed = select(tallies.c.what, tallies.c.name, func.sum(tallies.c.count)).where(of(span))
    others = summed.where(tallies.c.what.not_in(sorted(CHANNELS | {WHOLE})))
    for what, name, count in sql.execute(others.group_by(tallies.c.what, tallies.c.name)):
        yield CountKey(span.since, what, name), int(count)


def _forgotten(sql: Connection, span: Period) -> Iterator[tuple[CountKey, int]]:
    """Read what is left of calls that were forgotten: days as such, all else of whole months alone."""
    plain = select(daily.c.day, daily.c.what, daily.c.count).where(daily.c.what.in_(sorted(CHANNELS)))
    for day, what, count in sql.execute(plain.where(daily.c.day.between(span.since, span.until))):
        yield CountKey(day, what), count
    summed = select(daily.c.what, daily.c.name, func.sum(daily.c.count)).where(daily.c.day.in_(span.months))
    others = summed.where(daily.c.what.not_in(sorted(CHANNELS)))
    for what, name, count in sql.execute(others.group_by(daily.c.what, daily.c.name)):
        yield CountKey(span.since, what, name), int(count)


def _report(span: Period, counts: Counter[CountKey], by_day_alone: int) -> Report:
    """Put a report together."""
    days = {what: [counts[CountKey(day, what)] for day in span.days] for what in sorted(CHANNELS)}
    told: dict[str, dict[str, int]] = {}
    for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0].name)):
        if key.what not in CHANNELS:
            named = told.setdefault(key.what, {})
            named[key.name] = named.get(key.name, 0) + count
    return Report(span, days, told, by_day_alone)


# How callers reached a person, in numbers: as they are, to be shown only as ``daily.shown`` writes them.


HALF_MINUTE, MINUTE = 30, 60


@dataclass(frozen=True)
class AgencyFigures:
    """How often an agency was rung, and what came of it; what has another end is in ``rung`` alone."""

    agency: str
    rung: int
    answered: int
    accepted: int
    declined: int
    voicemail: int
    no_answer: int
    busy: int
    failed: int


@dataclass(frozen=True)
class WaitFigures:
    """How long callers waited for a person; all but the first three are of those who reached one."""

    asked: int
    connected: int
    abandoned: int  # The caller went while somebody was being looked for.
    within_30: int
    within_60: int
    median: float | None  # None where nobody reached a person, or nobody knows when.
    p90: float | None


def transfer_figures(database: Database, since: date, until: date, zone: tzinfo = UTC) -> list[AgencyFigures]:
    """Count how each agency was rung on these days, the agencies by name."""
    rings = (
        select(attempts.c.agency, attempts.c.outcome, func.count(), func.count(attempts.c.answered_at))
        .where(within(since, until, zone, attempts.c.rung_at))
        .group_by(attempts.c.agency, attempts.c.outcome)
    )
    with database.read() as sql:
        rows = sql.execute(rings).all()
    ends: dict[str, Counter[str]] = {agency: Counter() for agency in sorted({row[0] for row in rows})}
    for agency, outcome, rung, answered in rows:
        ends[agency].update({"rung": rung, "answered": answered})
        ends[agency].update({outcome or "": rung})
    return [_figures(agency, counts) for agency, counts in ends.items()]


def waiting(database: Database, since: date, until: date, zone: tzinfo = UTC) -> WaitFigures:
    """Count how long callers waited who asked for a person on these days."""
    asked = select(transfers.c.outcome, transfers.c.waited_seconds)
    with database.read() as sql:
        rows = sql.execute(asked.where(within(since, until, zone, transfers.c.started_at))).all()
    ends = Counter(row.outcome for row in rows)
    waits = sorted(
        row.waited_seconds for row in rows if row.outcome == "connected" and row.waited_seconds is not None
    )
    return WaitFigures(
        asked=len(rows),
        connected=ends["connected"],
        abandoned=ends["left"],
        within_30=sum(wait <= HALF_MINUTE for wait in waits),
        within_60=sum(wait <= MINUTE for wait in waits),
        median=_share(waits, 50),
        p90=_share(waits, 90),
    )


def _figures(agency: str, counts: Counter[str]) -> AgencyFigures:
    """Put one agency's counts together."""
    return AgencyFigures(
        agency,
        rung=counts["rung"],
        answered=counts["answered"],
        accepted=counts["accepted"],
        declined=counts["declined"],
        voicemail=counts["voicemail"],
        no_answer=counts["no_answer"],
        busy=counts["busy"],
        failed=counts["failed"],
    )


def _share(waits: Sequence[float], percent: int) -> float | None:
    """Find the shortest wait that so many of a hundred did not exceed."""
    return waits[max(ceil(len(waits) * percent / 100) - 1, 0)] if waits else None
