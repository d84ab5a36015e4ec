"""Who to ring, in which order, at this hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.hours import is_open

if TYPE_CHECKING:
    from ivr.agencies import Agency, Directory


@dataclass(frozen=True)
class AgencyStatus:
    """What operators and experience say of agencies, by name."""

    off: frozenset[str] = frozenset()  # Switched off.
    failing: frozenset[str] = frozenset()  # Missed three times in a row, not long ago.


def who_to_ring(
    directory: Directory, order: str, now: float, *, language: str = "", status: AgencyStatus | None = None
) -> tuple[str, ...]:
    """Name the agencies of an order who are there now, the best first.

    Among those who press 1: who speaks the caller's language comes first, who keeps failing last.
    Nobody is left without an agency: when none is there, the last of the order is rung all the same.
    """
    known = status or AgencyStatus()
    names = directory.orders.get(order, ())
    moment = datetime.fromtimestamp(now, UTC)
    available = [
        name
        for name in names
        if _is_on(directory.agencies[name], name, known) and is_open(directory.agencies[name], moment)
    ]
    return (
        tuple(sorted(available, key=lambda n: _rank(directory.agencies[n], n, language, known))) or names[-1:]
    )


def _is_on(agency: Agency, name: str, status: AgencyStatus) -> bool:
    return agency.on and agency.transfer and name not in status.off


def _rank(agency: Agency, name: str, language: str, status: AgencyStatus) -> tuple[bool, bool, bool]:
    """Order who answers by themselves after those who press 1: nothing can come after them."""
    foreign = bool(language) and language not in agency.languages
    return (agency.accept == "answer", name in status.failing, foreign)
