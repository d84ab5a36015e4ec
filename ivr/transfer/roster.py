"""Who to ring, in which order, at this hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.hours import is_open

if TYPE_CHECKING:
    from ivr.agencies import Directory


def who_to_ring(directory: Directory, order: str, now: float) -> tuple[str, ...]:
    """Name the agencies of an order that are on and open. Nobody is left with none: the last stays."""
    names = directory.orders.get(order, ())
    moment = datetime.fromtimestamp(now, UTC)
    there = tuple(
        name for name in names if directory.agencies[name].on and is_open(directory.agencies[name], moment)
    )
    return there or names[-1:]
