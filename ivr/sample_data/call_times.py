"""When pretend callers call: more by day than by night, more on working days, and never quite alike."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from random import Random

A_DAY = 16  # Conversations of a middling day.
OF_WEEKDAYS = (1.15, 1.1, 1.0, 1.05, 1.1, 0.8, 0.7)  # Monday first.
OF_HOURS = (3, 2, 2, 1, 1, 1, 2, 3, 5, 8, 9, 9, 8, 8, 9, 9, 8, 7, 7, 7, 8, 8, 7, 5)
HOUR = 3600


def days_before(today: date) -> list[date]:
    """List the days that have something to show: the whole of last month, and this one until yesterday."""
    first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return [first + timedelta(days=n) for n in range((today - first).days)]


def starts(day: date, zone: tzinfo, dice: Random) -> Iterator[float]:
    """Give the moments at which somebody calls or texts on a day, in Unix seconds, in their order."""
    count = round(A_DAY * OF_WEEKDAYS[day.weekday()] * dice.uniform(0.7, 1.3))
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    hours = dice.choices(range(len(OF_HOURS)), OF_HOURS, k=count)
    for second in sorted(hour * HOUR + dice.randrange(HOUR) for hour in hours):
        yield (midnight + timedelta(seconds=second)).timestamp()  # The wall's time: a lost hour is skipped.
