"""Until when an agency is switched off: what was chosen or typed. What cannot be read switches nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

MOST_HOURS = 24 * 90
MORNING = 8
CHOICES = ("1", "4", "morning", "open")  # Hours, until 8:00, until somebody switches it on.
DEFAULT = "4"


class SwitchTimeError(ValueError):
    """A length of time that is none; whoever typed it must write it anew."""


def read_switch_time(form: Mapping[str, str], now: datetime, zone: tzinfo) -> datetime | None:
    """Read until when; None is until it is switched on. Hours that were typed go before what was chosen."""
    if typed := form.get("hours", "").strip():
        if not typed.isdecimal() or not typed.isascii() or not 0 < int(typed[:9]) <= MOST_HOURS:
            raise SwitchTimeError(typed)
        return now + timedelta(hours=int(typed[:9]))
    match form.get("length", "open"):
        case "open":
            return None
        case "morning":
            return next_morning(now, zone)
        case length if length in CHOICES:
            return now + timedelta(hours=int(length))
        case length:
            raise SwitchTimeError(length)


def next_morning(now: datetime, zone: tzinfo) -> datetime:
    """Give the next 8:00 by the line's own clock."""
    local = now.astimezone(zone)
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= local:  # The wall clock says 8:00 tomorrow, also when clocks are changed in between.
        morning += timedelta(days=1)
    return morning.astimezone(now.tzinfo)
