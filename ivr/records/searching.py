"""A caller's searches for a person, told from the entries of a call in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.effects import Entry

ACCEPTED = "accepted"
LEFT = "left"


@dataclass(frozen=True)
class Attempt:
    """One agency rung."""

    agency: str
    rung: float
    accepted: float | None = None  # When the agency pressed its key, where that was noted.
    ended: float | None = None
    how: str = ""

    @property
    def outcome(self) -> str | None:
        """Name how it went, or nothing while it rings; an agency's own key outweighs what came later."""
        return ACCEPTED if self.accepted is not None else self.how or None

    @property
    def seconds(self) -> float | None:
        """Count from the ring to its end, the conversation included."""
        return None if self.ended is None else _between(self.rung, self.ended)


@dataclass(frozen=True)
class Transfer:
    """One search for a person."""

    order: str
    started: float
    attempts: tuple[Attempt, ...] = ()

    @property
    def rings(self) -> bool:
        """Claim that an agency is rung, or spoken with, now."""
        return bool(self.attempts) and self.attempts[-1].ended is None

    @property
    def bridged(self) -> bool:
        """Claim that the caller and an agency are talking."""
        return self.rings and self.attempts[-1].outcome == ACCEPTED

    @property
    def outcome(self) -> str | None:
        """Name what the search came to, or nothing while it goes on."""
        if any(attempt.outcome == ACCEPTED for attempt in self.attempts):
            return "connected"
        if self.rings:
            return None
        return LEFT if self.attempts and self.attempts[-1].how == LEFT else "not_connected"

    @property
    def waited(self) -> float | None:
        """Count from asking to the acceptance, or to the end of the last ring."""
        for attempt in self.attempts:
            if attempt.outcome == ACCEPTED:
                # Nobody may have noted the moment; the conversation that followed was no waiting.
                return _between(self.started, attempt.accepted or attempt.rung)
        if self.rings:
            return None
        end = self.attempts[-1].ended if self.attempts else None
        return _between(self.started, end or self.started)


def transfers_of(told: Sequence[Entry]) -> tuple[Transfer, ...]:
    """Tell every search of a call."""
    found: list[Transfer] = []
    for entry in told:
        if not entry.key.startswith("accept-"):
            _hear(found, entry)
    for entry in told:
        if entry.key.startswith("accept-") and ACCEPTED in {entry.sign, entry.heard}:
            found = [_accept(transfer, entry) for transfer in found]
    return tuple(found)


def call_off(transfer: Transfer, ended: float) -> Transfer:
    """End what still rang when the caller was gone."""
    if not transfer.rings:
        return transfer
    return _end_ring(transfer, ended, LEFT)


def _between(start: float, end: float) -> float:
    """Count seconds; a clock that was set back meanwhile counts none."""
    return max(0.0, round(end - start, 3))


def _hear(found: list[Transfer], entry: Entry) -> None:
    """Take one entry into the searches found so far."""
    searching = bool(found) and found[-1].rings
    if searching and entry.ended:
        found[-1] = _end_ring(found[-1], entry.at, entry.ended)
    if entry.rang and not (searching and entry.order in {"", found[-1].order}):
        _doubt(found, entry.at)
        found.append(Transfer(entry.order, entry.at))
    elif entry.order and not entry.rang and not entry.ended and not searching:
        found.append(Transfer(entry.order, entry.at))  # A person was asked for, and nobody could be rung.
    if entry.rang:
        _doubt(found, entry.at)
        found[-1] = _ring(found[-1], entry)


def _doubt(found: list[Transfer], at: float) -> None:
    """End a ring whose end nobody reported, now that something else rings."""
    if found and found[-1].rings:
        found[-1] = _end_ring(found[-1], at, "in_doubt")


def _ring(transfer: Transfer, entry: Entry) -> Transfer:
    """Begin to ring an agency."""
    return replace(transfer, attempts=(*transfer.attempts, Attempt(entry.rang, entry.at)))


def _end_ring(transfer: Transfer, at: float, how: str) -> Transfer:
    """End the ring that goes on."""
    *before, last = transfer.attempts
    return replace(transfer, attempts=(*before, replace(last, ended=max(at, last.rung), how=how)))


def _accept(transfer: Transfer, entry: Entry) -> Transfer:
    """Note that an agency took the call, at the attempt that rang at that moment."""
    return replace(transfer, attempts=tuple(_accepted(attempt, entry) for attempt in transfer.attempts))


def _accepted(attempt: Attempt, entry: Entry) -> Attempt:
    """Note the acceptance if it is this attempt's: an agency that is late has accepted nothing."""
    rang_then = attempt.rung <= entry.at and (attempt.ended is None or entry.at < attempt.ended)
    if not rang_then or entry.rang not in {"", attempt.agency} or attempt.accepted is not None:
        return attempt
    return replace(attempt, accepted=entry.at)
