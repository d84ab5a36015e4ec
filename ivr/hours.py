"""When an agency is open, by the clock on its own wall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.agencies import Agency

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")


class HoursError(ValueError):
    """Hours that cannot be read; whoever edits the agencies must mend them. Its message says how."""


@dataclass(frozen=True)
class OpeningHours:
    """Open from one minute of a day to another; past midnight where ``closes`` is more than a day."""

    day: int  # 0 is Monday, as Python counts.
    opens: int
    closes: int


def parse(hours: dict[str, str] | Literal["always"]) -> tuple[OpeningHours, ...]:
    """Read hours such as {"mon-fri": "08:30-12:00, 13:00-17:00", "sat": "22:00-06:00"}."""
    if hours == "always":
        return tuple(OpeningHours(day, 0, MIDNIGHT) for day in range(7))
    if not isinstance(hours, dict) or not hours:
        raise HoursError('no day is given; write "always", or days and times')
    days = [day for key in hours for day in _days(key)]
    if twice := [DAYS[day] for day in dict.fromkeys(days) if days.count(day) > 1]:
        raise HoursError(f"{twice[0]} is given twice; name each day once")
    return tuple(
        OpeningHours(day, opens, closes)
        for key, times in hours.items()
        for day in _days(key)
        for opens, closes in _times(times)
    )


def is_open(agency: Agency, now: datetime) -> bool:
    """Whether an agency is open. One whose hours cannot be read is rung: better in vain than never."""
    try:
        spans = parse(agency.hours)
        local = now.astimezone(zone(agency.zone))
    except HoursError:
        return True
    minute = local.hour * 60 + local.minute
    today, yesterday = local.date(), local.date() - timedelta(days=1)
    return any(
        _holds(span, today, minute, agency.closed)
        or _holds(span, yesterday, minute + MIDNIGHT, agency.closed)
        for span in spans
    )


def zone(name: str) -> ZoneInfo:
    """Find a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise HoursError(f"the zone '{name}' is not known; write one such as America/Toronto") from None


def _holds(span: OpeningHours, day: date, minute: int, closed: tuple[date, ...]) -> bool:
    """Whether a span that began on a day holds at a minute counted from that day's start."""
    return span.day == day.weekday() and span.opens <= minute < span.closes and day not in closed


def _days(key: str) -> Iterator[int]:
    """Read "mon", "mon-fri", "sat-mon" or "tue,thu"."""
    for part in key.split(","):
        first, _, last = part.strip().partition("-")
        if first not in DAYS or (last or first) not in DAYS or part.strip().endswith("-"):
            raise HoursError(f"'{key}' is not a day or days; write one such as mon, mon-fri or sat,sun")
        start = DAYS.index(first)
        length = (DAYS.index(last or first) - start) % 7 + 1
        yield from ((start + step) % 7 for step in range(length))


def _times(times: str) -> Iterator[tuple[int, int]]:
    """Read "08:30-17:00", or several with commas; one that ends before it starts goes on past midnight."""
    for part in times.split(","):
        match = _SPAN.fullmatch(part.strip())
        if not match:
            raise HoursError(f"'{times}' is not a time; write one such as 08:30-17:00")
        hour, minute, last_hour, last_minute = map(int, match.groups())
        opens, closes = hour * 60 + minute, last_hour * 60 + last_minute
        if max(minute, last_minute) > 59 or opens >= MIDNIGHT or closes > MIDNIGHT or opens == closes:  # noqa: PLR2004 - minutes of an hour
            raise HoursError(f"'{times}' is not a time of day; write one such as 08:30-17:00")
        yield opens, closes if closes > opens else closes + MIDNIGHT
