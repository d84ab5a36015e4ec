"""What the line keeps and counts: a sweep that is off says why, and the line's clock is one that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.loader import LINE, Fault
from ivr.hours import HoursError, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


def unexplained(flow: Flow) -> Iterator[Fault]:
    """Find a sweep that is off without a reason."""
    sweep = flow.line.sweep
    if not sweep.on and not sweep.why_off.strip():
        yield Fault(LINE, "sweep.why_off", "is empty, and the sweep is off; write why, or set on = true")


def unknown_zone(flow: Flow) -> Iterator[Fault]:
    """Find a time zone that nobody knows."""
    try:
        zone(flow.line.zone)
    except HoursError as error:
        yield Fault(LINE, "zone", str(error))
