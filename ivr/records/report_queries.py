"""What some days come to: from tallies, the rows of days that have none, and what outlives calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ivr.records.count_tables import tallies
from ivr.records.counts import Key
from ivr.records.disclosure import CHANNELS
from ivr.records.tables import daily
from ivr.records.tallying import WHOLE, count_rows, days_tallied, of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from ivr.records.database import Database
    from ivr.records.periods import Span


@dataclass(frozen=True)
class Report:
    """The counts of a span, as they are: to be shown only as ``hiding`` writes them."""

    span: Span
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


def read_report(database: Database, span: Span) -> Report:
    """Count a span. Every call is counted once: from its day's tally, its own row, or what outlives it."""
    counts: Counter[Key] = Counter()
    with database.read(still=True) as sql:
        known = days_tallied(sql, span)
        for part in span.without(known):
            counts.update(count_rows(sql, part))
        counts.update(dict(_tallied(sql, span)))
        forgotten = Counter(dict(_forgotten(sql, span)))
    lone = {day for day in span.days if day.replace(day=1) not in span.months}
    by_day_alone = sum(n for key, n in forgotten.items() if key.what in CHANNELS and key.day in lone)
    return _report(span, counts + forgotten, by_day_alone)


def _tallied(sql: Connection, span: Span) -> Iterator[tuple[Key, int]]:
    """Sum the tallies of a span."""
    plain = select(tallies.c.day, tallies.c.what, tallies.c.count).where(of(span))
    for day, what, count in sql.execute(plain.where(tallies.c.what.in_(sorted(CHANNELS)))):
        yield Key(day, what), count
    summed = select(tallies.c.what, tallies.c.name, func.sum(tallies.c.count)).where(of(span))
    others = summed.where(tallies.c.what.not_in(sorted(CHANNELS | {WHOLE})))
    for what, name, count in sql.execute(others.group_by(tallies.c.what, tallies.c.name)):
        yield Key(span.since, what, name), int(count)


def _forgotten(sql: Connection, span: Span) -> Iterator[tuple[Key, int]]:
    """Read what is left of calls that were forgotten: days as such, all else of whole months alone."""
    plain = select(daily.c.day, daily.c.what, daily.c.count).where(daily.c.what.in_(sorted(CHANNELS)))
    for day, what, count in sql.execute(plain.where(daily.c.day.between(span.since, span.until))):
        yield Key(day, what), count
    summed = select(daily.c.what, daily.c.name, func.sum(daily.c.count)).where(daily.c.day.in_(span.months))
    others = summed.where(daily.c.what.not_in(sorted(CHANNELS)))
    for what, name, count in sql.execute(others.group_by(daily.c.what, daily.c.name)):
        yield Key(span.since, what, name), int(count)


def _report(span: Span, counts: Counter[Key], by_day_alone: int) -> Report:
    """Put a report together."""
    days = {what: [counts[Key(day, what)] for day in span.days] for what in sorted(CHANNELS)}
    told: dict[str, dict[str, int]] = {}
    for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0].name)):
        if key.what not in CHANNELS:
            named = told.setdefault(key.what, {})
            named[key.name] = named.get(key.name, 0) + count
    return Report(span, days, told, by_day_alone)
