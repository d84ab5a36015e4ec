"""Days, months and periods by the clock of one place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import tzinfo

A_DAY = timedelta(days=1)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)  # Of the calendar: after its last day there is none.


def moment(at: float) -> datetime:
    """Convert seconds since 1970 into a date and time in UTC."""
    return datetime.fromtimestamp(at, UTC)


@dataclass(frozen=True)
class Period:
    """Days from one to another, the last one included."""

    since: date
    until: date
    zone: tzinfo = UTC

    @property
    def begins(self) -> datetime:
        """When it begins, in UTC."""
        return midnight(self.since, self.zone)

    @property
    def ends(self) -> datetime:
        """When it is over, in UTC."""
        return end_of_day(self.until, self.zone)

    @property
    def days(self) -> list[date]:
        """Every day of it, in order."""
        return [self.since + A_DAY * n for n in range((self.until - self.since).days + 1)]

    @property
    def months(self) -> list[date]:
        """The first days of the months that lie in it as a whole."""
        firsts = [day for day in self.days if day.day == 1]
        return [first for first in firsts if month_end(first) <= self.until]

    def without(self, days: Collection[date]) -> Iterator[Period]:
        """Give the periods that are left when some days are taken out."""
        begun: date | None = None
        for day in self.days:
            if day not in days:
                begun = begun or day
            elif begun:
                yield Period(begun, day - A_DAY, self.zone)
                begun = None
        if begun:
            yield Period(begun, self.until, self.zone)


def period_before(period: Period, today: date) -> Period:
    """Give the period to compare with: the same days of the month before, or else as many days before.

    Of one that goes on only the days until now count: half a month is not compared with a whole one.
    """
    until = max(min(period.until, today), period.since)
    last = period.since - A_DAY
    if period.since.day == 1 and until <= month_end(period.since):
        same = last if until == month_end(period.since) else last.replace(day=min(until.day, last.day))
        return Period(last.replace(day=1), same, period.zone)
    return Period(last - (until - period.since), last, period.zone)


def month(first: date, zone: tzinfo) -> Period:
    """Give the month of a day."""
    begins = first.replace(day=1)
    return Period(begins, month_end(begins), zone)


def month_end(first: date) -> date:
    """Give the last day of a month."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - A_DAY


def months_before(day: date, months: int) -> date:
    """Give the first day of the month that lies so many months before a day's."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def midnight(day: date, zone: tzinfo) -> datetime:
    """Give when a day begins, in UTC; at the calendar's ends, where that is no date, UTC's midnight."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """Give when a day is over, in UTC."""
    return midnight(day + A_DAY, zone) if day < date.max else LAST_MOMENT
